#!/usr/bin/env python3
"""Compares our kustomize engine with the official one: own cases with recorded answers, and generated trees.

    tests/oracle/kustomize.py --record              writes the official answers to tests/kustomize/cases into tests/kustomize/recorded
    tests/oracle/kustomize.py --check               asks the official library and the `kustomize` program again
    tests/oracle/kustomize.py --generate N --seed S builds N generated trees with both engines and compares
    tests/oracle/kustomize.py --tree SEED           prints one generated tree

The library is sigs.k8s.io/kustomize/api 0.21.1 (kustomize 5.8.1) with Flux's options, built from tests/oracle/kustomize with Go.
The program is called as `kustomize build --reorder none --load-restrictor LoadRestrictionsNone`.
"""

import argparse
import base64
import collections
import copy
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor

try:
    import yaml
except ModuleNotFoundError:
    print("PyYAML: skipped\n0 passed, 0 failed")
    sys.exit(0)

import kustomize_trees  # noqa: E402, needs PyYAML too

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "tests/kustomize/cases"
RECORDED = ROOT / "tests/kustomize/recorded"
# How many of the generated trees we may refuse.
REFUSED = 0.02
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
    """What kustomize prints: no dates, and 1e+20 is a number."""


Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in Plain.yaml_implicit_resolvers.items()
}
Plain.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^-?[0-9](\.[0-9]+)?e[-+][0-9]+$"), list("-0123456789"))


def of_program(kustomize, root, folder):
    """What the `kustomize` program says of one tree."""
    command = [kustomize, "build", "--reorder", "none", "--load-restrictor", "LoadRestrictionsNone", os.path.join(root, folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        return {"fails": result.stderr}
    # The library does not know its version.
    text = result.stdout.replace("kustomize-v5.8.1", "kustomize-(devel)")
    return {"objects": [item for item in yaml.load_all(text, Plain) if item is not None]}


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


class Engine:
    """A process that answers one tree after the other."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(self, root, folder="app"):
        self.process.stdin.write(f"{root}\t{folder}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Both:
    """The official library and our engine, asked about the same trees."""

    def __init__(self, commands, folder):
        self.engines = [Engine(command) for command in commands]
        self.folder = folder

    def answers(self, files):
        """What both make of a tree."""
        with tempfile.TemporaryDirectory(dir=self.folder) as root:
            for path, content in files.items():
                target = os.path.join(root, path)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "wb") as file:
                    file.write(kustomize_trees.rendered(content))
            return [engine.ask(root) for engine in self.engines]

    def difference(self, files):
        """What kind of difference there is on a tree, or nothing."""
        theirs, ours = self.answers(files)
        if "refused" in ours:
            return None
        if "panics" in ours or theirs.keys() != ours.keys():
            return f"kustomize {verdict(theirs)}, we {verdict(ours)}"
        return None if agree(theirs, ours) else "objects differ"

    def smallest(self, files):
        """The tree without all that does not matter to the kind of difference."""
        wanted = self.difference(files)
        shrunk = True
        while shrunk:
            shrunk = False
            for path in places(files):
                if len(path) == 1 and path[0].startswith("app/") and "ustomization" in path[0]:
                    continue
                smaller = without(files, path)
                if smaller is not None and self.difference(smaller) == wanted:
                    files, shrunk = smaller, True
        return files


def verdict(answer):
    return "builds" if "objects" in answer else "fails" if "fails" in answer else "panics"


def places(content, path=()):
    """Every part of a tree that could be left out, the larger ones first."""
    found = [path] if path else []
    if isinstance(content, dict):
        found += [place for key in content for place in places(content[key], (*path, key))]
    elif isinstance(content, list):
        found += [place for index in reversed(range(len(content))) for place in places(content[index], (*path, index))]
    return sorted(found, key=len) if not path else found


def without(content, path):
    """The same with one part left out; nothing where it is gone already."""
    copied = copy.deepcopy(content)
    try:
        around = copied
        for step in path[:-1]:
            around = around[step]
        del around[path[-1]]
    except (KeyError, IndexError, TypeError):
        return None
    return copied


def generated(task):
    """Compares some seeds: how many agreed, how many we refused, and the trees that differ."""
    commands, seeds, shrink = task
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    counts, different = collections.Counter(), []
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        both = Both(commands, folder)
        for seed in seeds:
            files = kustomize_trees.tree(seed)
            theirs, ours = both.answers(files)
            if "refused" in ours:
                counts["refused"] += 1
                different.append((seed, "refused", ours["refused"]))
            elif "panics" not in ours and agree(theirs, ours):
                counts[verdict(theirs)] += 1
            else:
                counts["different"] += 1
                if seed in known():
                    counts["different"] -= 1
                    counts["known"] += 1
                    different.append((seed, "known", brief(theirs, ours)))
                elif len([entry for entry in different if entry[1] == "different"]) < shrink:
                    files = both.smallest(files)
                    theirs, ours = both.answers(files)
                    different.append((seed, "different", (files, theirs, ours)))
                else:
                    different.append((seed, "seed", brief(theirs, ours)))
    return counts, different


KNOWN = ROOT / "tests/kustomize/known-differences.txt"


@functools.cache
def known():
    """Seeds of trees that differ today, each with what differs first. They are counted apart, and must not become others unnoticed."""
    lines = KNOWN.read_text().splitlines() if KNOWN.exists() else []
    return {int(line.split()[0]): line.split(maxsplit=1)[1] for line in lines if line and not line.startswith("#")}


def brief(theirs, ours):
    """The first difference in a line."""
    if "objects" in theirs and "objects" in ours:
        return next(iter(differences("", theirs["objects"], ours["objects"])), "the same, in another order")[:160]
    return f"kustomize {verdict(theirs)}, we {verdict(ours)}"


def generate(program, number, start, shrink):
    """Builds trees with both engines, on two processes."""
    built = subprocess.run(["cargo", "build", "--quiet", "--example", "kustomize"], cwd=ROOT, check=False)
    if built.returncode:
        return 0, 1
    ours = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/examples/kustomize"
    size = 125
    tasks = [([[program], [str(ours)]], range(start + first, start + min(first + size, number)), shrink) for first in range(0, number, size)]
    counts, different = collections.Counter(), []
    with ProcessPoolExecutor(2) as pool:
        for some, found in pool.map(generated, tasks):
            counts += some
            different += found
    for seed, kind, what in different:
        if kind == "different":
            report(seed, *what)
    for seed, kind, what in different:
        if kind == "seed":
            print(f"seed {seed}: {what}")
    seen = {seed for seed, kind, _ in different if kind == "known"}
    mended = [seed for seed in known() if start <= seed < start + number and seed not in seen]
    for seed in mended:
        print(f"seed {seed} is alike now, or refused: take it out of {KNOWN.relative_to(ROOT)}")
    refused = collections.Counter(what for _, kind, what in different if kind == "refused")
    for what, count in refused.most_common():
        print(f"refused {count} times: {what}")
    print(f"{counts['builds']} trees built alike, {counts['fails']} failed alike, {counts['refused']} refused, {counts['different']} different, {counts['known']} different as {KNOWN.name} says")
    too_many = counts["refused"] > number * REFUSED
    if too_many:
        print(f"more than {REFUSED:.0%} of the trees were refused")
    return counts["builds"] + counts["fails"], counts["different"] + too_many + len(mended)


def report(seed, files, theirs, ours):
    """A small tree that differs, to be made a case of."""
    print(f"== seed {seed}")
    for path, content in files.items():
        print(f"-- {path}\n{kustomize_trees.rendered(content).decode(errors='replace').rstrip()}")
    if "objects" in theirs and "objects" in ours:
        print(*differences("", theirs["objects"], ours["objects"]), sep="\n")
    else:
        print(f"kustomize: {json.dumps(theirs)[:600]}\nwe: {json.dumps(ours)[:600]}")


def differences(path, theirs, ours):
    """Every place where two values differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in {**theirs, **ours}:
            if key not in ours:
                yield f"{path}/{key}: we lack {json.dumps(theirs[key])}"
            elif key not in theirs:
                yield f"{path}/{key}: we add {json.dumps(ours[key])}"
            else:
                yield from differences(f"{path}/{key}", theirs[key], ours[key])
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (left, right) in enumerate(zip(theirs, ours)):
            yield from differences(f"{path}/{index}", left, right)
    elif not same(theirs, ours):
        yield f"{path}: kustomize has {json.dumps(theirs)}, we have {json.dumps(ours)}"


def agree(one, other):
    return one.keys() == other.keys() and ("objects" not in one or same(one["objects"], other["objects"]))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--record", action="store_true")
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--generate", type=int, metavar="N")
    arguments.add_argument("--seed", type=int, default=1, help="the first of the N seeds")
    arguments.add_argument("--shrink", type=int, default=1, help="how many different trees of each 125 are made small")
    arguments.add_argument("--tree", type=int, metavar="SEED")
    options = arguments.parse_args()
    if options.tree is not None:
        for path, content in kustomize_trees.tree(options.tree).items():
            print(f"-- {path}\n{kustomize_trees.rendered(content).decode(errors='replace').rstrip()}")
        return
    program = official()
    if not program:
        print("go: skipped\n0 passed, 0 failed")
        return
    if options.record:
        record(program)
        return
    passed, failed = generate(program, options.generate, options.seed, options.shrink) if options.generate else check(program)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
