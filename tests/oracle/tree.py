#!/usr/bin/env python3
"""Shows that a tree is an ordinary Flux repository to the tools people already use.

    tests/oracle/tree.py [OUT]        OUT is `out` of this repository unless given

Every app folder builds with `kubectl kustomize` (and kustomize itself reads the same objects), every object
passes `kubeconform -strict` offline, custom resources against schemas made here from the real CRDs, and every
file is clean under yamllint (defaults but line length) and prettier (defaults). A tool that is absent is named.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import flux_tree
from flux_tree import Tally, Wrong, broken, documents, group_of, kind_of, name_of

YAMLLINT = "{extends: default, rules: {line-length: disable}}"
KUBERNETES = "1.32.0"


def without(tool):
    """Says so when a tool is absent."""
    if shutil.which(tool):
        return False
    print(f"{tool}: skipped")
    return True


def closed(schema):
    """A CRD's schema as a JSON schema that knows no other fields than the ones it names."""
    made = {
        key: value
        for key, value in schema.items()
        if not key.startswith("x-kubernetes-") and key not in ("description", "nullable", "default", "example")
    }
    # The API server's own reading of formats is wider than JSON schema's.
    if made.get("format") in ("int32", "int64", "double", "float", "byte", "binary", "password", "duration"):
        del made["format"]
    for keyword in ("properties", "patternProperties", "definitions"):
        if isinstance(made.get(keyword), dict):
            made[keyword] = {name: closed(below) for name, below in made[keyword].items()}
    for keyword in ("items", "additionalProperties", "not"):
        if isinstance(made.get(keyword), dict):
            made[keyword] = closed(made[keyword])
    for keyword in ("allOf", "anyOf", "oneOf"):
        if keyword in made:
            # These only restrict what the schema around them has named already.
            made[keyword] = [restriction(below) for below in made[keyword]]
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    if "properties" in made and "additionalProperties" not in made:
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made["additionalProperties"] = False
    # Null reads as absent, as the API server drops it before it looks.
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


def restriction(schema):
    """A branch of allOf, anyOf or oneOf: kept as it is, because it lists no complete set of fields."""
    return {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}


def write_crd_schemas(target):
    """One file for each version of each kind: `<group>/<kind>_<version>.json`. Gives the groups."""
    groups = set()
    for folder in sorted(flux_tree.CRDS.iterdir()):
        for crd in flux_tree.crds(folder):
            group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
            for version in crd["spec"]["versions"]:
                schema = closed(version["schema"]["openAPIV3Schema"])
                # The API server adds these to every type.
                schema.setdefault("properties", {}).update(
                    {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
                )
                file = target / group / f"{kind.lower()}_{version['name']}.json"
                file.parent.mkdir(exist_ok=True)
                file.write_text(json.dumps(schema))
            groups.add(group)
    return groups


def built_folders(out, tally):
    """Builds every app folder. Gives all objects of the tree: of the folders, of flux/ and of namespaces/."""
    objects = flux_tree.flux_objects(out)
    folders = sorted(file.parent for file in (out / "apps").rglob("kustomization.yaml"))
    if (out / "namespaces").is_dir():
        folders.append(out / "namespaces")
    has_kustomize = not without("kustomize")
    for folder in folders:
        name = folder.relative_to(out.parent)
        try:
            things = flux_tree.objects_of(folder)
        except Wrong as wrong:
            tally.check(False, f"kubectl kustomize {name}", wrong)
            continue
        tally.check(things, f"kubectl kustomize {name}", "it builds to nothing")
        objects += things
        if has_kustomize and (folder / "kustomization.yaml").exists():
            run = subprocess.run(["kustomize", "build", folder], capture_output=True, text=True)
            same = run.returncode == 0 and documents(run.stdout) == things
            tally.check(same, f"kustomize build {name}", run.stderr or "it reads other objects than kubectl")
    print(f"folders built: {len(folders)}, objects in all: {len(objects)}")
    return objects


def built_in_groups():
    """The API groups Kubernetes itself defines."""
    definitions = json.loads((flux_tree.SCHEMAS / f"v{KUBERNETES}-local" / "_definitions.json").read_text())
    return {
        kind["group"]
        for definition in definitions["$defs"].values()
        for kind in definition.get("x-kubernetes-group-version-kind", [])
    }


def kubeconform(objects, schemas):
    """Gives kubeconform's verdict on each object, in its own order."""
    run = subprocess.run(
        [
            "kubeconform",
            "-strict",
            "-verbose",
            "-output=json",
            f"-kubernetes-version={KUBERNETES}",
            "-schema-location",
            f"{flux_tree.SCHEMAS}/{{{{.NormalizedKubernetesVersion}}}}-local{{{{.StrictSuffix}}}}"
            "/{{.ResourceKind}}{{.KindSuffix}}.json",
            "-schema-location",
            f"{schemas}/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json",
        ],
        input="".join(f"---\n{json.dumps(thing)}\n" for thing in objects),
        capture_output=True,
        text=True,
    )
    return json.loads(run.stdout)["resources"] if run.stdout.strip() else [{"status": run.stderr}]


def judge_schemas(objects, tally):
    """Every object against the schema of its kind; and a broken one of each kind has to fail."""
    if without("kubeconform"):
        return
    if not flux_tree.SCHEMAS.is_dir() or not flux_tree.CRDS.is_dir():
        print("schemas: skipped")
        return
    with tempfile.TemporaryDirectory(prefix="gitopsc-schemas-") as schemas:
        # A misspelt kind of a known group is a fault; only a group nobody knows goes unjudged.
        groups = write_crd_schemas(pathlib.Path(schemas)) | built_in_groups()
        known, unknown = [], {}
        for thing in objects:
            if group_of(thing) in groups:
                known.append(thing)
            else:
                unknown.setdefault(kind_of(thing), []).append(name_of(thing))
        for verdict in kubeconform(known, schemas):
            what = f"{verdict.get('kind')} {verdict.get('name')} ({verdict.get('version')})"
            tally.check(verdict["status"] == "statusValid", f"kubeconform: {what}", verdict.get("msg") or verdict)
        samples = {kind_of(thing): thing for thing in known}
        for what, thing in ((what, thing) for sample in samples.values() for what, thing in broken(sample)):
            refused = all(verdict["status"] == "statusInvalid" for verdict in kubeconform([thing], schemas))
            tally.check(refused, f"kubeconform refuses {name_of(thing)} with {what}", "it was accepted")
        for (version, kind), names in sorted(unknown.items()):
            print(f"no schema to be had for {kind} ({version}), not judged: {', '.join(names)}")
        print(f"kubeconform: {len(known)} objects, {len(samples)} kinds broken in two ways")


def judge_files(out, tally):
    """The style of every file, as the two tools see it without any configuration of ours."""
    files = sorted(
        file for suffix in ("yaml", "yml", "md") for file in out.rglob(f"*.{suffix}") if file.is_file()
    )
    yaml_files = [file for file in files if file.suffix != ".md"]
    if not without("yamllint"):
        command = ["yamllint", "--strict", "--format=parsable", "-d", YAMLLINT]
        said = complaints(command, yaml_files, out, lambda line: line.partition(":")[0])
        for file in yaml_files:
            name = str(file.relative_to(out.parent))
            tally.check(name not in said, f"yamllint {name}", "\n".join(said.get(name, [])))
        print(f"yamllint: {len(yaml_files)} files")
    if not without("prettier"):
        command = ["prettier", "--no-config", "--no-editorconfig", "--ignore-path=/dev/null", "--list-different"]
        said = complaints(command, files, out, str)
        for file in files:
            name = str(file.relative_to(out.parent))
            tally.check(name not in said, f"prettier {name}", "prettier would write it otherwise")
        print(f"prettier: {len(files)} files")


def complaints(command, files, out, name_in):
    """What a tool says about files, by name relative to the repository."""
    said = {}
    names = [str(file.relative_to(out.parent)) for file in files]
    if not names:
        return said
    run = subprocess.run([*command, *names], cwd=out.parent, capture_output=True, text=True)
    for line in run.stdout.splitlines():
        said.setdefault(name_in(line), []).append(line)
    # What is not about a file, a crash say, is about all of them.
    if run.returncode and not said:
        said = {name: [run.stderr] for name in names}
    for line in run.stderr.splitlines():
        # prettier reports what it cannot parse here: `[error] path: …`.
        if line.startswith("[error] "):
            said.setdefault(line.removeprefix("[error] ").partition(": ")[0], []).append(line)
    return said


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else flux_tree.ROOT / "out").resolve()
    tally = Tally()
    if not out.is_dir():
        print(f"there is no tree in {out}")
        return 2
    if not without("kubectl"):
        try:
            judge_schemas(built_folders(out, tally), tally)
        except Wrong as wrong:
            tally.check(False, "the tree as a whole", wrong)
    judge_files(out, tally)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
