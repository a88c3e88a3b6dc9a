#!/usr/bin/env python3
"""Compares what `gitopsc render --all` gives for a repository with what Flux's own build library gives, unit by unit.

    tests/oracle/flux_repositories.py                             our own repositories, of tests/oracle/repositories
    tests/oracle/flux_repositories.py --roots FILE FOLDER...      other ones

A roots file is `{"<name of the folder>": ["<root>", ...]}`: the folders that the first Kustomization of each cluster
applies. gitopsc finds them by itself, unless `--tell-roots` hands them to it. `--oracle` prints only what the library gives.

A unit is equal when both give the same objects, deep-equal as parsed; their order is no part of it. It is equal as well when
both refuse it, or neither builds it because another repository holds it. A unit that only gitopsc refuses is counted apart,
and more of them than `--refused` percent (2 for other repositories, 0 for ours) are a failure.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = ROOT / "tests" / "oracle" / "repositories"


class Reader:
    """Reads YAML as Flux reads it, by the oracle's own parser. Close it when done."""

    def __init__(self):
        self.process = subprocess.Popen(["flux-build", "--read"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def objects(self, text):
        self.process.stdin.write(json.dumps({"text": text}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["objects"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def name_of(thing):
    """`Kind[.group]:[namespace/]name`, as everywhere in gitopsc."""
    group = thing["apiVersion"].rpartition("/")[0]
    namespace = thing.get("metadata", {}).get("namespace")
    kind = thing["kind"] + (f".{group}" if group else "")
    return f"{kind}:{namespace}/{thing['metadata']['name']}" if namespace else f"{kind}:{thing['metadata']['name']}"


def short(value):
    """A value in a report."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "..."


ABSENT = object()


def differences(theirs, ours, pointer=""):
    """Where two values differ: a JSON pointer and what stands there on each side."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            yield from differences(theirs.get(key, ABSENT), ours.get(key, ABSENT), below)
    elif isinstance(theirs, list) and isinstance(ours, list):
        for index in range(max(len(theirs), len(ours))):
            pair = [side[index] if index < len(side) else ABSENT for side in (theirs, ours)]
            yield from differences(*pair, f"{pointer}/{index}")
    elif type(theirs) is not type(ours) or theirs != ours:
        said = ["nothing" if side is ABSENT else short(side) for side in (theirs, ours)]
        yield f"{pointer or '/'}: Flux has {said[0]}, gitopsc has {said[1]}"


def unequal(theirs, ours):
    """What differs between two lists of objects, in lines. An id that comes twice is told apart by its turn."""
    sides = []
    for things in (theirs, ours):
        side = {}
        for thing in things:
            name, turn = name_of(thing), 0
            while (name, turn) in side:
                turn += 1
            side[name, turn] = thing
        sides.append(side)
    for key in sorted(sides[0].keys() | sides[1].keys()):
        if key not in sides[1]:
            yield f"{key[0]} is missing"
        elif key not in sides[0]:
            yield f"{key[0]} is not there in Flux"
        else:
            for difference in differences(sides[0][key], sides[1][key]):
                yield f"{key[0]} at {difference}"


def by_library(folder, roots, kept):
    """The units the library builds, by cluster and then by `namespace/name`. `kept` is a file for its answer, or None."""
    if kept and kept.exists():
        answer = kept.read_text()
    else:
        command = ["flux-build", *(word for root in roots for word in ("--root", root)), str(folder)]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            raise ValueError(f"{' '.join(command)}: {run.stderr.strip()}")
        answer = run.stdout
        if kept:
            kept.write_text(answer)
    clusters = {root: {} for root in roots}
    for unit in json.loads(answer)["units"]:
        clusters[unit["cluster"]][f"{unit['namespace']}/{unit['name']}"] = unit
    return clusters


def by_gitopsc(binary, folder, roots, reader):
    """The units gitopsc renders, a file `<cluster>/<namespace>/<name>.yaml` each, and why it does not render the others."""
    clusters, reasons = {}, {}
    with tempfile.TemporaryDirectory(prefix="gitopsc-render-") as out:
        command = [binary, "-C", str(folder), "render", "--all", "--output", out]
        command += [word for root in roots for word in ("--root", root)]
        run = subprocess.run(command, capture_output=True, text=True)
        files = sorted(pathlib.Path(out).rglob("*.yaml"))
        # Findings are no failure; that it could not run is.
        if run.returncode not in (0, 1) or not files:
            raise ValueError(f"{' '.join(command)} ended with {run.returncode}: {run.stderr.strip()[-2000:]}")
        for file in files:
            *cluster, namespace, name = file.relative_to(out).with_suffix("").parts
            clusters.setdefault("/".join(cluster), {})[f"{namespace}/{name}"] = reader.objects(file.read_text())
    for unit, reason in re.findall(r"^error: cannot render `(.*?)`: (.*)$", run.stderr, re.MULTILINE):
        reasons[unit] = reason
    return clusters, reasons


def pairs(theirs, ours):
    """Which cluster of gitopsc is which of the library's: by the folder's name, or else by what they hold."""
    free = dict(ours)
    for root, units in theirs.items():

        def likeness(name):
            parts = [part for part in name.split("/") if part]
            named = bool(parts) and set(parts) <= set(root.split("/"))
            return named, sum(objects == units.get(unit, {}).get("objects") for unit, objects in free[name].items()), name

        best = max(free, key=likeness, default=None)
        yield root, best, units, free.pop(best) if best is not None else {}
    for name, units in free.items():
        yield None, name, {}, units


class Repository:
    """The tally of one repository."""

    def __init__(self, name):
        self.name = name
        self.reasons = {}
        self.units = self.objects = self.equal = self.different = 0
        self.refused = []
        self.lines = []

    def judge(self, unit, theirs, ours):
        """One unit: what the library says of it, and the objects gitopsc has for it, None for none."""
        self.units += 1
        elsewhere, error = theirs.get("elsewhere"), theirs.get("error")
        objects = theirs.get("objects") or []
        self.objects += len(objects)
        if elsewhere or error:
            found = [f"gitopsc builds it, and Flux does not: {error or 'another repository holds it'}"] if ours else []
        elif ours is None and objects:
            self.refused.append(f"{unit}: {self.reasons.get(unit.split(': ')[-1], 'gitopsc says nothing of it')}")
            return
        else:
            found = list(unequal(objects, ours or []))
        self.equal += not found
        self.different += bool(found)
        self.lines += [f"{self.name}: {unit}: {line}" for line in found]


def judge(repository, theirs, ours):
    for root, name, library, rendered in pairs(theirs, ours):
        if root is None:
            repository.different += 1
            repository.lines.append(f"{repository.name}: the cluster `{name}` has no root in the roots file")
            continue
        for unit in sorted(library.keys() | rendered.keys()):
            if unit in library:
                repository.judge(f"{root}: {unit}", library[unit], rendered.get(unit))
            else:
                repository.units += 1
                repository.different += 1
                repository.lines.append(f"{repository.name}: {root}: {unit}: Flux knows no such unit")


def row(*cells):
    print(f"{cells[0]:<44}" + "".join(f"{cell:>11}" for cell in cells[1:]), flush=True)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--roots", type=pathlib.Path, default=OURS / "roots.json")
    words.add_argument("--tell-roots", action="store_true", help="pass the roots to gitopsc too")
    words.add_argument("--oracle", action="store_true", help="print only what the library gives")
    words.add_argument("--answers", type=pathlib.Path, help="keep what the library gives here")
    words.add_argument("--refused", type=float, help="how many percent of the units gitopsc may refuse")
    words.add_argument("--show", type=int, default=5, help="how many differences of a repository to print")
    words.add_argument("--gitopsc", default=shutil.which("gitopsc") or str(ROOT / "target/debug/gitopsc"))
    words.add_argument("folders", nargs="*", type=pathlib.Path)
    wanted = words.parse_args()

    if not shutil.which("flux-build"):
        print("flux-build: skipped\n0 passed, 0 failed")
        return 0
    roots = json.loads(wanted.roots.read_text())
    folders = wanted.folders or [OURS / name for name in sorted(roots)]
    limit = wanted.refused if wanted.refused is not None else 2 if wanted.folders else 0

    reader = Reader()
    row("repository", "units", "objects", "equal", "different", "refused")
    done, failed = [], 0
    for folder in folders:
        folder = pathlib.Path(os.path.abspath(folder))
        # The artifact of a source may be a folder of the repository: then that folder is named.
        name = next((key for key in roots if folder.as_posix().endswith("/" + key)), None)
        if name is None:
            print(f"FAILED {folder}: no roots are known for it")
            failed += 1
            continue
        repository = Repository(name)
        try:
            kept = wanted.answers and wanted.answers / (name.replace("/", "_") + ".json")
            theirs = by_library(folder, roots[name], kept)
            if wanted.oracle:
                ours = {
                    root: {key: unit["objects"] for key, unit in units.items() if unit.get("objects") is not None}
                    for root, units in theirs.items()
                }
            else:
                ours, repository.reasons = by_gitopsc(wanted.gitopsc, folder, roots[name] if wanted.tell_roots else [], reader)
            judge(repository, theirs, ours)
        except ValueError as error:
            print(f"FAILED {name}: {error}")
            failed += 1
            continue
        row(name, repository.units, repository.objects, repository.equal, repository.different, len(repository.refused))
        if wanted.oracle:
            for units in theirs.values():
                for key, unit in units.items():
                    if "error" in unit:
                        print(f"    {unit['cluster']}: {key}: {' '.join(unit['error'].split())[-300:]}")
        for line in repository.lines[: wanted.show]:
            print(f"    {line}")
        if len(repository.lines) > wanted.show:
            print(f"    and {len(repository.lines) - wanted.show} more differences")
        for unit in repository.refused[: wanted.show]:
            print(f"    refused: {unit}")
        done.append(repository)
    reader.close()

    total = [sum(getattr(one, field) for one in done) for field in ("units", "objects", "equal", "different")]
    refused = sum(len(one.refused) for one in done)
    row("in all", *total, refused)
    failed += total[3]
    if refused * 100 > limit * total[0]:
        print(f"FAILED {refused} of {total[0]} units are refused, which is more than {limit:g} %")
        failed += refused
    print(f"{total[2]} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
