#!/usr/bin/env python3
"""Measures `gitopsc check` on whole repositories, side by side with building the same units with `kubectl kustomize` and with flate.

Usage: benches/check_speed.py [--roots FILE] [--runs 20] [--gitopsc BINARY] FOLDER...

The roots file is `{"<name of the folder>": ["<root>", ...]}`: the folders that the first Kustomization of each cluster applies.
Prints Markdown. Works on copies. Needs Python 3.9 and git, and from `.ci/oracles` flux-build, which says with what kustomization
file kustomize builds each unit; kubectl and flate are measured where they are there. All take turns within one run, so that
whatever else the machine does weighs on each. No tool reaches a network: flate's failing fetches are part of its time.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLATE = ["--source-retry-attempts", "1", "--skip-secrets=false", "--skip-crds=false", "--no-progress"]


class Run:
    """What one process took."""

    def __init__(self, command, folder):
        start = time.perf_counter()
        with open(os.devnull, "w") as nowhere:
            child = subprocess.Popen(command, cwd=folder, stdout=nowhere, stderr=nowhere, stdin=subprocess.DEVNULL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        self.wall = time.perf_counter() - start
        self.read = bytes_read(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        self.code = child.returncode = os.waitstatus_to_exitcode(status)
        self.processor = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * 1024


def bytes_read(process):
    """What an ended process has read, by the kernel's count; None where the kernel does not say."""
    try:
        lines = Path(f"/proc/{process}/io").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def middle(values):
    """The median."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None


def copied(folder, into):
    """A copy with its git folder, in a place whose name no tool stumbles over."""
    target = into / "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in folder.name)
    shutil.copytree(folder, target, symlinks=True)
    return target


def manifests(folder, roots):
    """The kustomization file of every unit that builds: its path and its text."""
    command = ["flux-build", "--manifests", *(word for root in roots for word in ("--root", root)), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"error: {' '.join(command)}: {run.stderr}")
    units = json.loads(run.stdout)["units"]
    return [(unit["file"], unit["manifest"]) for unit in units if unit.get("manifest") and not unit.get("error")]


def kubectl(folder, units):
    """The time of `kubectl kustomize` for all units, one after the other, and the largest memory of one."""
    wall = processor = memory = failed = 0
    for file, text in units:
        path = folder / file
        before = path.read_bytes() if path.exists() else None
        path.write_text(text)
        run = Run(["kubectl", "kustomize", "--load-restrictor=LoadRestrictionsNone", str(path.parent)], folder)
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
        wall, processor, memory = wall + run.wall, processor + run.processor, max(memory, run.memory)
        failed += run.code != 0
    return wall, processor, memory, failed


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def milliseconds(seconds):
    return f"{seconds * 1000:.1f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"


def measure(binary, folder, roots, wanted):
    """One repository: every tool in turn."""
    with tempfile.TemporaryDirectory(prefix="gitopsc-speed-") as scratch:
        scratch = Path(scratch)
        copy = copied(folder, scratch)
        units = manifests(copy, roots)
        check = [binary, "-C", str(copy), "check"]
        cache = scratch / "flate"
        flate = ["flate", "build", "ks", "-p", str(copy), "--cache-dir", str(cache), *FLATE]
        with_flate, with_kubectl = shutil.which("flate"), shutil.which("kubectl")
        ours, cold, warm, built = [], [], [], []
        for number in range(wanted.runs):
            ours.append(Run(check, copy))
            if ours[-1].code not in (0, 1):
                sys.exit(f"error: {' '.join(check)} ended with {ours[-1].code}")
            if number < wanted.others and with_flate:
                shutil.rmtree(cache, ignore_errors=True)
                cold.append(Run(flate, copy))
                warm.append(Run(flate, copy))
            if number < wanted.others and with_kubectl:
                built.append(kubectl(copy, units))

    base = middle([run.wall for run in ours])
    print(f"\n{folder.name}: {len(units)} units\n")
    row("what", "wall, median (ms)", "fastest (ms)", "processor (ms)", "memory (MiB)", "times `check`")
    row(*["---"] * 6)

    def line(what, walls, processors, memory):
        times = [milliseconds(seconds) for seconds in (middle(walls), min(walls), middle(processors))]
        row(what, *times, f"{memory / 2**20:.0f}", f"{middle(walls) / base:.1f}")

    for what, runs in [("`gitopsc check`", ours), ("`flate build ks`, cold", cold), ("`flate build ks`, warm", warm)]:
        if runs:
            line(what, [run.wall for run in runs], [run.processor for run in runs], max(run.memory for run in runs))
    if built:
        walls, processors, memory, failed = zip(*built)
        what = f"`kubectl kustomize`, {len(units)} units" + (f" ({max(failed)} fail)" if max(failed) else "")
        line(what, walls, processors, max(memory))
    read = max(run.read or 0 for run in ours)
    if read:
        memory = max(run.memory for run in ours)
        print(f"\n`gitopsc check` reads {read / 2**20:.2f} MiB and takes {memory / read:.1f} times that as memory at its peak.")


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--roots", type=Path, default=ROOT / "tests/oracle/repositories/roots.json")
    words.add_argument("--runs", type=int, default=20, help="runs of gitopsc")
    words.add_argument("--others", type=int, default=3, help="runs of the others")
    words.add_argument("--gitopsc", default=str(ROOT / "target/release/gitopsc"))
    words.add_argument("folders", nargs="+", type=Path)
    wanted = words.parse_args()
    if not shutil.which("flux-build"):
        sys.exit("error: no flux-build on PATH: .ci/oracles flux-build")
    roots = json.loads(wanted.roots.read_text())
    for folder in wanted.folders:
        folder = folder.resolve()
        name = next((key for key in roots if folder.as_posix().endswith("/" + key)), None)
        if name is None:
            sys.exit(f"error: {wanted.roots} says no roots of {folder.name}")
        measure(wanted.gitopsc, folder, roots[name], wanted)


if __name__ == "__main__":
    main()
