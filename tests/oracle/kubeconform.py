#!/usr/bin/env python3
"""Asks kubeconform about every manifest in tests/fixtures/schemas and compares with what is recorded.

    KUBECONFORM=/path/to/kubeconform KUBERNETES_SCHEMAS=/path/to/kubernetes-json-schema tests/oracle/kubeconform.py --check
    … --record      writes the answers into tests/fixtures/schemas/verdicts.tsv

kubeconform is `go install github.com/yannh/kubeconform/cmd/kubeconform@latest`; KUBECONFORM may be left out when it is
in PATH. The schemas are the folder of that name in the Python package kubernetes-validate (`pip download --no-deps
kubernetes-validate==1.37.0`, unzip); nothing is fetched. Without either, it prints `kubeconform: skipped`.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "schemas"
VERDICTS = FIXTURES / "verdicts.tsv"
VERSION = "1.32.0"
WORDS = {"statusValid": "valid", "statusInvalid": "invalid", "statusSkipped": "skipped", "statusError": "invalid"}


def unpack(schemas, folder):
    """One file for each kind. The originals refer to a web address, which kubeconform would go and ask."""
    path = pathlib.Path(schemas) / f"v{VERSION}-local-strict" / "_definitions.json"
    text = path.read_text().replace('"/api/_definitions.json#', '"#')
    definitions = json.loads(text.replace('"https://kubernetes.io/api/_definitions.json#', '"#'))["$defs"]
    for name, definition in definitions.items():
        kinds = definition.get("x-kubernetes-group-version-kind", [])
        if len(kinds) == 1:
            words = [kinds[0]["kind"], kinds[0]["group"].split(".")[0], kinds[0]["version"]]
            file = "-".join(word for word in words if word).lower() + ".json"
            schema = {"$ref": f"#/$defs/{name}", "$defs": definitions}
            (pathlib.Path(folder) / file).write_text(json.dumps(schema))


def answers(kubeconform, schemas):
    """The verdict on each manifest; a kind without a schema is skipped."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(schemas, folder)
        return verdicts(kubeconform, folder + "/{{.ResourceKind}}{{.KindSuffix}}.json")


def verdicts(kubeconform, location):
    paths = sorted(str(path) for path in FIXTURES.glob("*.yaml"))
    command = [kubeconform, "-strict", "-kubernetes-version", VERSION, "-schema-location", location,
               "-ignore-missing-schemas", "-verbose", "-output", "json", *paths]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return {pathlib.Path(item["filename"]).stem: WORDS[item["status"]]
            for item in json.loads(result.stdout)["resources"]}


def main():
    kubeconform = os.environ.get("KUBECONFORM") or shutil.which("kubeconform")
    schemas = os.environ.get("KUBERNETES_SCHEMAS")
    if not kubeconform or not schemas:
        print("kubeconform: skipped")
        return
    now = answers(kubeconform, schemas)
    rows = [line.split("\t") for line in VERDICTS.read_text().splitlines()]
    names = {row[0] for row in rows if not row[0].startswith("#")}
    assert names == set(now), f"verdicts.tsv and the manifests differ: {sorted(names ^ set(now))}"
    if "--record" in sys.argv:
        for row in rows:
            if not row[0].startswith("#"):
                row[1] = now[row[0]]
        VERDICTS.write_text("".join("\t".join(row) + "\n" for row in rows))
    different = [row[0] for row in rows if not row[0].startswith("#") and row[1] != now[row[0]]]
    for name in different:
        print(f"kubeconform: {name} is now {now[name]}")
    print(f"{len(now) - len(different)} passed, {len(different)} failed")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
