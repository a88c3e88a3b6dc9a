#!/usr/bin/env python3
"""Compares our kustomize engine with the official one: own cases with recorded answers, and generated trees.

    tests/oracle/kustomize.py --record              writes the official answers to tests/kustomize/cases into tests/kustomize/recorded
    tests/oracle/kustomize.py --check               asks the official library and the `kustomize` program again
    tests/oracle/kustomize.py --generate N --seed S builds N generated trees with both engines and compares
    tests/oracle/kustomize.py --tree SEED [DIR]     writes one generated tree, to look at

The library is sigs.k8s.io/kustomize/api 0.21.1 (kustomize 5.8.1) with Flux's options, built from tests/oracle/kustomize with Go.
The program is called as `kustomize build --reorder none --load-restrictor LoadRestrictionsNone`.
"""

import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import yaml
except ModuleNotFoundError:
    print("PyYAML: skipped\n0 passed, 0 failed")
    sys.exit(0)

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "tests/kustomize/cases"
RECORDED = ROOT / "tests/kustomize/recorded"
CACHE = pathlib.Path(os.environ.get("GITOPSC_ORACLES") or pathlib.Path.home() / ".cache/gitopsc-oracles")


class Reader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):
    """Refuses a case of the same name twice."""

    def construct_mapping(self, node, deep=False):
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise SystemExit(f"{node.start_mark}: {name!r} twice")
        return super().construct_mapping(node, deep)


def topics():
    """The cases of each topic: name -> (folder to build, files), or None where we refuse. Text alone is a kustomization.yaml."""
    for file in sorted(CASES.glob("*.yaml")):
        content = yaml.load(file.read_text(), Reader)
        shared = content.get("shared", {})
        cases = {}
        for name, files in content["cases"].items():
            files = {"kustomization.yaml": files} if isinstance(files, str) else dict(files)
            refused = files.pop("refused", False)
            cases[name] = None if refused else (os.path.dirname(next(iter(files))), {**shared, **files})
        yield file.stem, cases


def write(root, files):
    for path, text in files.items():
        target = pathlib.Path(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(base64.b64decode(text["base64"]) if isinstance(text, dict) else text.encode())


def official():
    """The official library behind lines, built once for each change of it."""
    if not shutil.which("go"):
        return None
    program = CACHE / "bin/gitopsc-kustomize"
    source = ROOT / "tests/oracle/kustomize"
    newest = max(file.stat().st_mtime for file in source.iterdir())
    if not program.exists() or program.stat().st_mtime < newest:
        program.parent.mkdir(parents=True, exist_ok=True)
        built = subprocess.run(["go", "build", "-trimpath", "-o", f"{program}.new", "."], cwd=source, capture_output=True, text=True,
                               env={**os.environ, "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}, check=False)
        if built.returncode:
            print(built.stderr, file=sys.stderr)
            return None
        os.replace(f"{program}.new", program)
    return str(program)


def ask(command, trees):
    """One answer for each (root, folder)."""
    lines = "".join(f"{root}\t{folder}\n" for root, folder in trees)
    result = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    if len(answers) != len(trees):
        raise SystemExit(f"{command[0]} answered {len(answers)} of {len(trees)} trees: {result.stderr[-2000:]}")
    return answers


def same(left, right):
    """Equal as JSON: numbers as floating points, true and 1 are not."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    numbers = [isinstance(side, (int, float)) and not isinstance(side, bool) for side in (left, right)]
    return float(left) == float(right) if all(numbers) else left == right and not any(numbers)


def without_folder(answer, root):
    """Messages name files by absolute paths."""
    return {"fails": answer["fails"].replace(f"{root}/", "").replace(root, ".")} if "fails" in answer else answer


def asked(program, folder):
    """What the official library answers now: topic -> name -> answer."""
    answers = {}
    for topic, cases in topics():
        # What we refuse may need the network: nobody is asked.
        answers[topic] = {name: {"refused": True} for name in cases}
        trees = {}
        for number, (name, case) in enumerate(cases.items()):
            if case:
                trees[name] = (f"{folder}/{topic}/{number}", case[0])
                write(trees[name][0], case[1])
        for name, answer in zip(trees, ask([program], list(trees.values()))):
            answers[topic][name] = without_folder(answer, trees[name][0])
    return answers


def record(program):
    with tempfile.TemporaryDirectory() as folder:
        for topic, answers in asked(program, folder).items():
            RECORDED.mkdir(exist_ok=True)
            (RECORDED / f"{topic}.json").write_text(shown(answers))
            failing = sum("fails" in answer for answer in answers.values())
            print(f"{topic}: {len(answers)} cases, {failing} of which fail")


def shown(answers):
    """JSON with one line for each object."""
    lines = ["{"]
    for name, answer in answers.items():
        end = "" if name == list(answers)[-1] else ","
        if "fails" in answer:
            lines.append(f"  {json.dumps(name)}: {json.dumps({'fails': message(answer['fails'])})}{end}")
        elif not answer.get("objects"):
            lines.append(f"  {json.dumps(name)}: {json.dumps(answer)}{end}")
        else:
            objects = ",\n".join("    " + json.dumps(item) for item in answer["objects"])
            lines.append(f"  {json.dumps(name)}: {{\"objects\": [\n{objects}\n  ]}}{end}")
    return "\n".join([*lines, "}"]) + "\n"


def message(text):
    """A failure in one line, without addresses in memory."""
    return re.sub("0x[0-9a-f]+", "0x0", " ".join(text.split()))[:400]


class Plain(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):
    """What kustomize prints, without YAML 1.1's dates."""


Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in Plain.yaml_implicit_resolvers.items()
}


def of_program(kustomize, root, folder):
    """What the `kustomize` program says of one tree."""
    command = [kustomize, "build", "--reorder", "none", "--load-restrictor", "LoadRestrictionsNone", os.path.join(root, folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        return {"fails": result.stderr}
    return {"objects": [item for item in yaml.load_all(result.stdout, Plain) if item is not None]}


def check(program):
    """The recorded answers against the library, and against the program where it is installed."""
    kustomize = shutil.which("kustomize")
    if not kustomize:
        print("kustomize: skipped, only the library is asked")
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        now = asked(program, folder)
        for topic, cases in topics():
            recorded = json.loads((RECORDED / f"{topic}.json").read_text())
            for number, (name, case) in enumerate(cases.items()):
                answers = [now[topic][name]]
                # Only Flux adds schemas of `openapi` to the built-in ones.
                if kustomize and case and topic != "openapi":
                    answers.append(of_program(kustomize, f"{folder}/{topic}/{number}", case[0]))
                if name in recorded and all(agree(recorded[name], answer) for answer in answers):
                    passed += 1
                else:
                    failed += 1
                    print(f"{topic}: {name}: recorded {json.dumps(recorded.get(name))}, now {json.dumps(answers)}")
            for name in recorded.keys() - cases.keys():
                failed += 1
                print(f"{topic}: {name}: recorded, but no longer a case")
    return passed, failed


def agree(one, other):
    return one.keys() == other.keys() and ("objects" not in one or same(one["objects"], other["objects"]))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--record", action="store_true")
    arguments.add_argument("--check", action="store_true")
    options = arguments.parse_args()
    program = official()
    if not program:
        print("go: skipped\n0 passed, 0 failed")
        return
    if options.record:
        record(program)
        return
    passed, failed = check(program)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
