#!/usr/bin/env python3
"""Measures a built gitopsc against `kubectl kustomize` over the same folders, and how it grows with the number of services.

Usage: benches/compare.py [--sizes 1000,10000] [--runs 20] [BINARY]

Prints Markdown. Needs Python 3.9, and on PATH, where they are there: kubectl, valgrind. Works on a copy of the worked example;
sizes need `cargo build --release --example scale`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ["inventory.toml", "templates", "secrets", "certs", "charts", "terraform", "out"]


def run(command, folder):
    """Wall and processor seconds and the peak of memory in MiB of one process; its output is thrown away."""
    with open(os.devnull, "w") as nowhere:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def checked(command, folder, exit_code=0):
    """The same, where anything but the expected exit code ends the measurement."""
    code, *figures = run(command, folder)
    if code != exit_code:
        sys.exit(f"error: {' '.join(map(str, command))} ended with {code} in {folder}")
    return figures


def middle(values):
    """The median."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def instructions(command, folder):
    """Millions of instructions by callgrind: the same on every run of one binary."""
    if not shutil.which("valgrind"):
        return "-"
    with tempfile.NamedTemporaryFile() as out:
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", *command]
        text = subprocess.run(valgrind, cwd=folder, capture_output=True, text=True).stderr
    collected = re.search(r"Collected : (\d+)", text)
    return f"{int(collected[1]) / 1e6:.0f}" if collected else "-"


def example(binary, runs):
    """The worked example: up to date, changed, and what kubectl takes for its folders."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in INPUTS:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name)
            elif source.exists():
                shutil.copy(source, folder / name)
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
        build = [binary, "--quiet", "build"]
        check = [*build, "--check"]
        checked(build, folder)
        inventory = folder / "inventory.toml"
        texts = [inventory.read_text(), inventory.read_text().replace('interval = "10m"', 'interval = "15m"')]
        assert texts[0] != texts[1]
        clean, changed, others = [], [], []
        apps = sorted(path.parent for path in (folder / "out/apps").rglob("kustomization.yaml"))
        for number in range(runs):
            clean.append(checked(check, folder))
            inventory.write_text(texts[(number + 1) % 2])
            changed.append(checked(build, folder))
            # Side by side with the rest, so that whatever else the machine does weighs on both.
            if shutil.which("kubectl") and number < 3:
                others.append(sum(checked(["kubectl", "kustomize", str(app)], folder)[0] for app in apps))
        inventory.write_text(texts[0])
        checked(build, folder)
        row("worked example", "wall, median (ms)", "fastest (ms)", "processor (ms)", "memory (MiB)", "instructions (M)")
        row(*["---"] * 6)
        for name, command, figures in [("`build --check`", check, clean), ("`build`, every unit changed", build, changed)]:
            wall, processor, memory = zip(*figures)
            if command is build:
                inventory.write_text(texts[1])
            row(name, f"{middle(wall) * 1000:.0f}", f"{min(wall) * 1000:.0f}", f"{middle(processor) * 1000:.0f}",
                f"{max(memory):.0f}", instructions(command, folder))
        if others:
            kubectl = middle(others)
            ratio = kubectl / middle([figures[0] for figures in clean])
            print(f"\n`kubectl kustomize` over the {len(apps)} folders of `out/apps`: {kubectl * 1000:.0f} ms,"
                  f" {ratio:.0f} times `build --check`.\n")


def sizes(binary, counts, runs):
    """Clusters of any size: an up-to-date tree is checked."""
    scale = Path(binary).parent / "examples/scale"
    if not scale.exists():
        sys.exit("error: no `scale` beside the binary: cargo build --release --example scale")
    row("services", "wall, fastest (ms)", "processor, fastest (ms)", "memory (MiB)", "instructions (M)")
    row(*["---"] * 5)
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([scale, "write", str(count), folder], check=True)
            check = [binary, "--quiet", "build", "--check"]
            checked([binary, "--quiet", "build"], folder)
            wall, processor, memory = zip(*(checked(check, folder) for _ in range(runs)))
            row(count, f"{min(wall) * 1000:.0f}", f"{min(processor) * 1000:.0f}", f"{max(memory):.0f}",
                instructions(check, folder))


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--sizes", default="100,1000,10000", help="numbers of services")
    words.add_argument("--runs", type=int, default=20)
    words.add_argument("binary", nargs="?", default=str(ROOT / "target/release/gitopsc"))
    wanted = words.parse_args()
    binary = str(Path(wanted.binary).resolve())
    example(binary, wanted.runs)
    counts = [int(count) for count in wanted.sizes.split(",") if count]
    if counts:
        sizes(binary, counts, min(wanted.runs, 5))


if __name__ == "__main__":
    main()
