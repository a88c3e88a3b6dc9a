#!/usr/bin/env python3
"""Compares sealing with the official kubeseal, both ways: three scopes, 200 random values each.

    tests/oracle/kubeseal.py            compare; kubeseal from $KUBESEAL or PATH, skipped where there is none
    tests/oracle/kubeseal.py --record   also write tests/fixtures/sealing/kubeseal.jsonl anew

kubeseal is `go install github.com/bitnami-labs/sealed-secrets/cmd/kubeseal@v0.36.6`.
"""

import base64
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEYS = ROOT / "tests/fixtures/sealing"
SCOPES = ["strict", "namespace-wide", "cluster-wide"]
VALUES = 200
RECORDED = 6


def run(command, stdin):
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout


def example(name, argument, lines):
    stdin = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return run(["cargo", "run", "--quiet", "--example", name, "--", str(argument)], stdin).decode().splitlines()


def cases(scope, seed):
    """Random values, from empty to a few kilobytes, text and bytes, with a Secret of their own each."""
    source = random.Random(f"{scope} {seed}")
    for number in range(VALUES):
        length = 0 if number == 0 else source.choice([1, 7, 16, 31, 32, 33, 100, 4096, source.randrange(2000)])
        value = source.randbytes(length)
        if number % 2:
            value = base64.b85encode(value)[:length] + b"\n" * (number % 3)
        yield {
            "namespace": f"space-{number % 7}",
            "name": f"secret-{number}",
            "scope": scope,
            "key": source.choice(["password", "config.yaml", "TOKEN_1", "a-b"]),
            "value": base64.b64encode(value).decode(),
        }


def opened_by_kubeseal(kubeseal, bits, case, sealed):
    """Whether kubeseal makes the Secret of this case out of this SealedSecret; it takes one a process."""
    command = [kubeseal, "--recovery-unseal", "--recovery-private-key", str(KEYS / f"test-only-{bits}.key.pem"), "-o", "json"]
    done = subprocess.run(command, input=sealed.encode(), capture_output=True)
    if done.returncode != 0:
        return False
    secret = json.loads(done.stdout)
    # An empty value is `null` in kubeseal's JSON.
    values = {key: value or "" for key, value in secret["data"].items()}
    found = (secret["metadata"]["namespace"], secret["metadata"]["name"], secret["type"], values)
    return found == (case["namespace"], case["name"], "Opaque", {case["key"]: case["value"]})


def ours_to_kubeseal(kubeseal, bits, scope):
    """Sealed here, opened by kubeseal."""
    wanted = list(cases(scope, "ours"))
    sealed = example("seal_values", KEYS / f"test-only-{bits}.pem", wanted)
    assert len(sealed) == len(wanted)
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda pair: opened_by_kubeseal(kubeseal, bits, *pair), zip(wanted, sealed))
        passed = sum(results)
    return passed, len(wanted) - passed


def kubeseal_raw(kubeseal, bits, case):
    command = [kubeseal, "--raw", "--from-file=/dev/stdin", "--cert", str(KEYS / f"test-only-{bits}.pem")]
    command += ["--scope", case["scope"], "--namespace", case["namespace"], "--name", case["name"]]
    return run(command, base64.b64decode(case["value"])).decode().strip()


def kubeseal_to_ours(kubeseal, bits, scope):
    """Sealed by kubeseal, opened here."""
    wanted = list(cases(scope, "theirs"))
    with ThreadPoolExecutor(2) as pool:
        lines = list(pool.map(lambda case: {**case, "sealed": kubeseal_raw(kubeseal, bits, case)}, wanted))
    opened = example("unseal_values", KEYS / f"test-only-{bits}.key.pem", lines)
    assert len(opened) == len(wanted)
    passed = sum(want["value"] == got for want, got in zip(wanted, opened))
    return passed, len(wanted) - passed


def objects_agree(kubeseal, scope):
    """The same Secret sealed by both: the same object, but for the encrypted values."""
    case = next(cases(scope, "object"))
    annotations = {} if scope == "strict" else {"annotations": {f"sealedsecrets.bitnami.com/{scope}": "true"}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"namespace": case["namespace"], "name": case["name"], **annotations},
        "data": {case["key"]: base64.b64encode(b"x").decode()},
    }
    command = [kubeseal, "--cert", str(KEYS / "test-only-2048.pem"), "-o", "json"]
    theirs = json.loads(run(command, json.dumps(secret).encode()))
    ours = json.loads(example("seal_values", KEYS / "test-only-2048.pem", [case])[0])
    for document in (theirs, ours):
        document["spec"]["encryptedData"] = sorted(document["spec"]["encryptedData"])
        for metadata in (document["metadata"], document["spec"]["template"]["metadata"]):
            if metadata.get("creationTimestamp", ()) is None:
                del metadata["creationTimestamp"]
    return (1, 0) if ours == theirs else (0, 1)


def record(kubeseal):
    with open(KEYS / "kubeseal.jsonl", "w") as out:
        for bits in (2048, 4096):
            for scope in SCOPES:
                for case in list(cases(scope, "recorded"))[: RECORDED if bits == 2048 else 1]:
                    line = {"bits": str(bits), **case, "sealed": kubeseal_raw(kubeseal, bits, case)}
                    out.write(json.dumps(line) + "\n")


def main():
    kubeseal = os.environ.get("KUBESEAL") or shutil.which("kubeseal")
    if not kubeseal:
        print("kubeseal: skipped")
        return
    if "--record" in sys.argv[1:]:
        record(kubeseal)
    results = []
    for scope in SCOPES:
        for title, result in [
            ("ours -> kubeseal --recovery-unseal", ours_to_kubeseal(kubeseal, 2048, scope)),
            ("kubeseal --raw -> ours", kubeseal_to_ours(kubeseal, 2048, scope)),
            ("ours -> kubeseal, 4096 bits", ours_to_kubeseal(kubeseal, 4096, scope)),
            ("the object", objects_agree(kubeseal, scope)),
        ]:
            print(f"{scope}: {title}: {result[0]} passed, {result[1]} failed")
            results.append(result)
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
