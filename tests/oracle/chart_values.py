#!/usr/bin/env python3
"""Generated charts with schemas, and values for them: what `check` says of the values, Helm says too.

    tests/oracle/chart_values.py [CHARTS [SEED]]

Every chart has values, a schema, sometimes subcharts with conditions, aliases and globals; every release has random values over them.
A finding where Helm renders is a failure, always. So is silence where Helm refuses, unless a null takes part: Helm 3 and 4
disagree about those. Helm is $HELM or `helm`; without it, it says so and passes.
"""

import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from charts import SYNC

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEYS = ["image", "replicas", "mode", "ingress", "env", "global"]


def scalar(dice, nulls):
    return dice.choice([1, 3, 2.5, True, False, "fast", "", "7", "yes"] + ([None] if nulls else []))


def value(dice, depth, nulls):
    roll = dice.random()
    if depth > 0 and roll < 0.45:
        return {key: value(dice, depth - 1, nulls) for key in dice.sample(KEYS[:5], dice.randint(0, 3))}
    if roll < 0.55:
        return [scalar(dice, False) for _ in range(dice.randint(0, 3))]
    return scalar(dice, nulls)


def values(dice, nulls):
    made = {key: value(dice, 2, nulls) for key in dice.sample(KEYS[:5], dice.randint(0, 4))}
    if dice.random() < 0.3:
        made["global"] = {key: value(dice, 1, nulls) for key in dice.sample(KEYS[:5], dice.randint(0, 2))}
    return made


def kind_of(found):
    for kind, python in [("boolean", bool), ("integer", int), ("number", float), ("string", str), ("array", list)]:
        if isinstance(found, python):
            return kind
    return "null" if found is None else "object"


def schema(dice, example, depth=3):
    """A schema that an example mostly fits."""
    made = {}
    if dice.random() < 0.8:
        made["type"] = kind_of(example) if dice.random() < 0.98 else dice.choice(["string", "integer", "object"])
    if isinstance(example, dict) and depth > 0:
        made["properties"] = {key: schema(dice, inner, depth - 1) for key, inner in example.items() if dice.random() < 0.8}
        if dice.random() < 0.3:
            made["required"] = [dice.choice(sorted(example) if example and dice.random() < 0.9 else KEYS[:5])]
        if dice.random() < 0.15:
            made["properties"].update({key: True for key in example if key not in made["properties"]}, **{"global": True})
            made["additionalProperties"] = dice.choice([False, False, {"type": ["string", "object", "integer"]}])
        if dice.random() < 0.1:
            made["minProperties"] = 1
        if dice.random() < 0.1 and example:
            key = dice.choice(sorted(example))
            made["if"] = {"properties": {key: {"type": kind_of(example[key])}}}
            made["then"] = {"required": [dice.choice(KEYS[:5])]}
    if isinstance(example, str) and dice.random() < 0.3:
        made[dice.choice(["pattern", "format"])] = dice.choice(["^[a-z]*$", "ipv4"])
        made["enum"] = ["fast", "slow", "", "yes", "7"] if dice.random() < 0.5 else [example]
    if isinstance(example, (int, float)) and not isinstance(example, bool) and dice.random() < 0.3:
        made[dice.choice(["minimum", "maximum", "exclusiveMinimum"])] = 2
    if dice.random() < 0.08:
        made = {dice.choice(["anyOf", "oneOf"]): [made, {"type": "string"}, {"type": "boolean"}]}
    return made


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def chart(dice, folder, name, depth, nulls):
    """Writes a chart; gives values that are about what it takes."""
    own = values(dice, nulls)
    described = {"apiVersion": "v2", "name": name, "version": "0.1.0"}
    full = json.loads(json.dumps(own))
    for number in range(dice.choice([0, 0, 1, 2]) if depth else 0):
        below = f"sub{number}"
        theirs = chart(dice, folder / "charts" / below, below, depth - 1, nulls)
        key = below
        if dice.random() < 0.7:
            named = {"name": below, "version": "0.1.0"}
            if dice.random() < 0.3:
                key = named["alias"] = f"alias{number}"
            if dice.random() < 0.4:
                named["condition"] = dice.choice([f"{key}.mode", f"{key}.enabled,mode", "replicas"])
            if dice.random() < 0.3:
                named["tags"] = ["extra"]
            described.setdefault("dependencies", []).append(named)
        if dice.random() < 0.4:
            own[key] = values(dice, nulls)
        if dice.random() < 0.2:
            own["tags"] = {"extra": dice.choice([True, False])}
        full[key] = {**theirs, **own.get(key, {}), "global": {}}
    write(folder / "Chart.yaml", json.dumps(described))
    if own or dice.random() < 0.5:
        write(folder / "values.yaml", json.dumps(own))
    if dice.random() < 0.8:
        made = schema(dice, {**full, **own})
        drafts = [None, "https://json-schema.org/draft/2020-12/schema"]
        # Helm asks for formats only before 2019, and `check` never does.
        if '"format"' not in json.dumps(made):
            drafts.append("http://json-schema.org/draft-07/schema#")
        draft = dice.choice(drafts)
        write(folder / "values.schema.json", json.dumps({"$schema": draft, **made} if draft else made))
    write(folder / "templates" / "map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}}\n")
    return full


def release(name, given):
    """A HelmRelease of a chart in the repository, as JSON, which is YAML."""
    source = {"kind": "GitRepository", "name": "flux-system", "namespace": "flux-system"}
    spec = {"interval": "1h", "chart": {"spec": {"chart": f"./charts/{name}", "sourceRef": source}}, "values": given}
    kind = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease"}
    return json.dumps({**kind, "metadata": {"name": name, "namespace": "lab"}, "spec": spec})


def alike(dice, example, nulls):
    """Values like others, but for one here and there."""
    made = {}
    for key, inner in example.items():
        roll = dice.random()
        if roll < 0.5:
            made[key] = alike(dice, inner, nulls) if isinstance(inner, dict) else inner
        elif roll < 0.53:
            made[key] = value(dice, 1, nulls)
        elif roll < 0.56 and nulls:
            made[key] = None
    if dice.random() < 0.1:
        made[dice.choice(KEYS[:5])] = scalar(dice, nulls)
    return made


def main():
    helm = os.environ.get("HELM", "helm")
    if missing := [tool for tool in (helm, "cargo") if shutil.which(tool) is None]:
        print("\n".join(f"{tool}: skipped" for tool in missing))
        print("0 passed, 0 failed")
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    dice = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    with tempfile.TemporaryDirectory() as scratch:
        lab = pathlib.Path(scratch)
        write(lab / "lab" / "flux-system" / "gotk-sync.yaml", SYNC)
        given = {}
        for number in range(count):
            name, nulls = f"c{number:04}", number % 4 == 0
            full = chart(dice, lab / "charts" / name, name, 2, nulls)
            given[name] = mine = alike(dice, full, nulls)
            write(lab / "lab" / f"{name}.yaml", release(name, mine))
        program = ["cargo", "run", "--quiet", "--manifest-path", str(ROOT / "Cargo.toml"), "--"]
        run = subprocess.run([*program, "-C", scratch, "check", "--format", "json"], capture_output=True, text=True)
        ours = {}
        for finding in json.loads(run.stdout)["diagnostics"]:
            if finding["code"] == "chart-values-invalid":
                name = re.search(r"\bc\d{4}\b", finding["places"][0]["path"]).group()
                ours.setdefault(name, []).append(finding["message"])

        def ask(name):
            command = [helm, "template", name, str(lab / "charts" / name), "--values", "-"]
            run = subprocess.run(command, input=json.dumps(given[name]), capture_output=True, text=True)
            return name, run.returncode, run.stderr

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(ask, given))
        passed = failed = silent = 0
        for name, code, said in answers:
            null = int(name[1:]) % 4 == 0
            is_form = "the schema" in said
            if name in ours and code == 0:
                failed += 1
                print(f"FAILED {name}: Helm renders it, but {ours[name]}")
            elif is_form and name not in ours and not null:
                failed += 1
                print(f"FAILED {name}: nothing is found, but {said}")
            else:
                silent += is_form and name not in ours
                passed += 1
            if name in ours and code == 0 or is_form and name not in ours and not null:
                keep = pathlib.Path(os.environ["KEEP"]) if "KEEP" in os.environ else None
                if keep:
                    shutil.copytree(lab / "charts" / name, keep / name, dirs_exist_ok=True)
                    (keep / name / "given.json").write_text(json.dumps(given[name]))
        refused = sum("the schema" in said for _, _, said in answers)
    print(f"{count} charts, {refused} of which Helm refuses, {len(ours)} found; {silent} with nulls left open")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
