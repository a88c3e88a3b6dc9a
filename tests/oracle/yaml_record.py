#!/usr/bin/env python3
"""Asks PyYAML, kubectl and kustomize how they read YAML: scalars written by hand, whole documents, and what gitopsc writes.

    tests/oracle/yaml_record.py           asks, and writes tests/fixtures/yaml/{plain,documents,written}.json
    tests/oracle/yaml_record.py --check   asks again, compares with the files and with gitopsc itself, fuzzes the writer

Needs Python 3 with PyYAML, kubectl (kustomize is inside), and cargo. `kubectl annotate --local -o json` and
`kubectl kustomize` need no cluster. Recorded with kubectl 1.32.4 (kustomize 5.5.0) and PyYAML 6.0.3.
"""

import json
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures/yaml"
HEAD = "apiVersion: oracle.test/v1\nkind: Thing\nmetadata:\n  name: x\n"
ERROR = {"error": True}

# Scalars as a person may write them, without quotes.
PLAIN = """
y Y n N yes Yes YES no No NO on On ON off Off OFF yEs true True TRUE false False FALSE tRue null Null NULL ~ nil none None
0 00 007 0775 0644 0777 -010 +010 08 09 0789 0o17 0O17 -0o17 0o-17 0o+17 0o8 0x1f 0X1F 0xFF -0x1f 0x 0xg 0x-1 0x_1 0b11 0B11
-0b11 0b-11 -0b-11 0b2 0b 1_000 1__0 1_ _1 0_1 1_0.5 1_000_000 .5_0 1_e3 1._ 1,000 +12 -12 -0 +0 --1 ++1 +-1 12a a12
9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 -9223372036854775808 -9223372036854775809
+18446744073709551615 0x7fffffffffffffff 0x8000000000000000 0xffffffffffffffff 0x10000000000000000 123456789012345678901234567890
1.0 1.50 0.1 .5 -.5 +.5 5. -5. . .. ... +. -. 0.0 -0.0 1e3 1E3 1e+3 1e-3 1.5e3 1.5e+3 1.e3 1.e+3 .5e3 .5e+3 1e 1e+ e3 .e3 12e03
-2E+05 1e21 1e400 1.0e+400 -1e400 .1e999 0.1e-400 1e-7 1e-07 100000000000000000000.0 4611686018427387904.0 3.141592653589793238
.inf .Inf .INF -.inf +.inf .nan .NaN .NAN inf nan Infinity NaN +inf
12:30 12:30:45 1:1 0:0 01:30 22:22 59:59 60:60 8080:80 190:20:30 190:20:30.15 1:2:3:4 -1:30 +1:30 12:30:60 1:60 52:54:00:12:34:56
aa:bb:cc:dd:ee:ff 1:2. 12:3x
2001-01-01 2001-1-1 2001-12-14t21:59:43.10-05:00 2001-01-01T00:00:00Z 2001-01-01T10:00:00 2001-01-01T1:2:3Z 2001-01-01T10:20:30.500Z
2001-02-29 2001-02-30 2024-02-29 2001-13-01 2001-00-10 2001-01 2001 20010101 2001-01-01T24:00:00Z 2001-01-01T10:20:30+00:00 99-01-01
2001-01-01T10:20:30+0200 2001-01-01T10:20:30.123456789123Z 2001-01-01T10:20:30z 10000-01-01
= << 1.2.3 1.2 10.0.0.1 10.0.0.0/8 1.2.3.4.5 v1.2 64Mi 100m 1Gi 0.5 5s 1h30m 1d 12h fe80::1 ::1 a:b a::b :a -a --a -- @ab
$a %a `a a#b a,b a&b *x !x ?a ?
""".split() + [
    "2001-01-01 10:00:00", "2001-01-01 10:20:30 Z", "2001-01-01 10:20:30.5", "2001-01-01  10:00:00", "a b", "a  b", "yes no", "1 2", "0x1 2",
    "!!str 12", "!!str", "!!str true", '!!int "12"', "!!int 3.0", "!!int abc", "!!float 3", "!!float 0x10", '!!float "abc"', "!!bool yes",
    '!!bool "true"', "!!null ''", "!!null abc", "!!binary aGVsbG8=", "!!timestamp 2001-01-01", "!!timestamp abc", "! 12", '! "12"', "!own 12",
    "!own bar", "!own true", '"yes"', "'on'", '"12"', "'0775'", '"\\u00e9\\x41\\t"', "'it''s'", '"a\\\n    b"', "|\n    yes", "|-\n    yes",
    ">-\n    a\n    b", "|2-\n     a\n    b", "|+\n    a\n\n", ">\n    a\n\n    b\n", "[yes, 0775, ~]", "{a: on, b: 1e3}", "[]", "{}", "[a, b,]",
    "[1,\n2]", '"a\n  b"', "a\n    b\n\n    c",
]

# Keys as a person may write them, each with the value 1.
KEYS = """a yes on y n No true 1 0x10 010 1e3 2.5 1000000.0 0.1 ~ null 2001-01-01 12:30 << = "<<" "yes" 'a' "" 18446744073709551615
1_000 0o17 .5 a.b/c a-b -a 1.2.3 10.0.0.1""".split() + ["a b", "[a]", "{a: 1}", "? a", "!!str 1", '!!int "1"']

# What follows `spec:`.
DOCUMENTS = [
    "\n  b: &b {p: 1, q: 2}\n  v: {<<: *b, q: 9}\n",
    "\n  b: &b {p: 1, q: 2}\n  v: {q: 9, <<: *b, r: 3}\n",
    "\n  b: &b {p: 1, q: 2}\n  v: {q: 2, <<: *b}\n",
    "\n  b: &b {p: 1, q: 2}\n  c: &c {p: 7, z: 8}\n  v: {<<: [*b, *c], q: 5}\n",
    "\n  b: &b {p: 1, q: 2}\n  c: &c {p: 7, z: 8}\n  v:\n    <<: [*c, *b]\n    y1: 5\n",
    "\n  b: &b {p: 1}\n  c: &c {z: 8}\n  v:\n    <<: *b\n    <<: *c\n",
    "\n  b: &b {x: 1, <<: {w: 2}}\n  v: {<<: *b}\n",
    "\n  v:\n    <<: {a: 1}\n",
    "\n  v:\n    <<: 3\n",
    "\n  v: {<<: [{a: 1}, 3]}\n",
    "\n  v: {<<: []}\n",
    "\n  b: &b {n: {p: 1, q: 2}}\n  v: {<<: *b, n: {p: 3}}\n",
    "\n  a: &h one\n  b: *h\n  c: &h two\n  v: *h\n",
    "\n  a: &h one\n  v: {*h : 3}\n",
    "\n  a: &h [1, {b: 2}]\n  v: [*h, *h]\n",
    "\n  v: *missing\n",
    "\n  v: &a {x: *a}\n",
    "\n  v: {a: 1, a: 2}\n",
    "\n  v:\n    a: 1\n    b: 2\n    a: 1\n",
    "\n  v: {yes: a, \"yes\": b}\n",
    "\n  v: !own {a: 1}\n",
    "\n  v: !!map {a: 1}\n",
    "\n  v: !!omap [a: 1]\n",
    "\n  v: [a: 1, b: 2]\n",
    "\n  v: {a, b: 1}\n",
    "\n  v:\n  - a\n  - b\n",
    "\n  v:\n    - - a\n      - b\n    -\n      - c\n",
    "\n  v:\n    - a: 1\n      b: 2\n    - ? c\n      : 3\n",
    "\n  v: # comment\n    a: 1 # comment\n    # comment\n    b: 'x # y'\n",
    "\n  v: |\n    a\n     b\n    c",
    "\n  v: >-\n    a\n     b\n\n    c\n",
    "\n  v: [1, 2\n",
    "\n  v: 'a\n",
    "\n  v: a: b\n",
    "\n  v: \"a\\qb\"\n",
    "\n  v:\n    a: 1\n   b: 2\n",
    "\n\tv: 1\n",
    "\n  v: {a: 1}}\n",
    "\n  v: @a\n",
    "\n  v: - a\n",
    " {v: [\"a\", 'b', c]}\r\n",
    "\r\n  v:\r\n    a: |\r\n      x\r\n      y\r\n",
    "\n  v: \"\\ud83d\\ude00\"\n",
    "\n  v: 😀 é\n",
]

# Not asked: keys that only kubectl makes equal (`{1: a, "1": b}`). It keeps one of the values at random.

# Strings a writer may get wrong.
NASTY = sorted(
    {text for text in PLAIN if "\n" not in text}
    | set("- ? : , [ ] { } # & * ! | > ' \" % @ ` \\ / ; ( ) ^ $ ~ < = + _ .".split())
    | {f"{mark}{tail}" for mark in "-?:,[]{}#&*!|>'\"%@`" for tail in (" a", "a", " ")}
    | {"", " ", "  ", "\t", "\n", "\n\n", "\r", "\r\n", "a\n", "a\n\n", "a\nb", "a\nb\n", "a\nb\n\n", "\na", "\na\nb", " a\nb", "a \nb", "a\n b"}
    | {"a\n\nb", "a\n\n\n\n\nb", "\ta\nb", "a\n\tb", "a\tb", "a\t", "\ta", "a\r\nb", "a\rb", "a: b", "a:", "a :b", "a #b", "a# b", "#a", "a: ", ": a"}
    | {"---", "--- a", "...", "... a", "---\na", "a\n---\nb", "a\n...\nb", "- a\n- b", "a: b\nc: d", "# a\nb", "a\n# b", "%YAML 1.2", "&a b", "*a b", "!!str a"}
    | {"\u0000", "\u0001", "\u0007", "\u001b[0m", "\u007f", "\u0080", "\u0085", "a\u0085b", "\u00a0", "a\u00a0", "\u00ad", "\u2028", "a\u2029b", "\ufeff", "\ufeffa", "a\ufeff"}
    | {"\ufffd", "\ufffe", "\uffff", "\ud7ff", "\ue000", "\U0001f600", "\U0010ffff", "\u200b", "\u202e", "\u3000", "é", "ß", "日本語", "日本\n語", "\u0301", "٣"}
    | {"a" * 80, "a " * 60 + "b", "a" * 1023, "a" * 1024, "a" * 1025, "a b " * 300 + "c", "\"" * 50, "'" * 50, "\\" * 50, "it's", 'say "hi"', "'\"", "\\n", "C:\\a\\b"}
    | {"{{ a }}", "{% a %}", "${a}", "${a:-b}", "<a>", "a=b", "a|b", "a>b", "[a]", "{a}", "{a: b}", "[a, b]", "a, b", "a]", "a}", "key: |", "|-", ">-", "|2", "? a", "- - a"}
    | {"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "#!/bin/sh\nset -e\n\nif true; then\n  echo 'a: b'\nfi\n", '{"a": [1, "b"]}', "a\n  \nb", "a\n\n", "x\n# y"}
)
ALPHABET = list("aby noYN019.-+_:eExob, \t\n\r#'\"\\{}[]&*!|>%@`~=<?/$()") + ["\n ", "\n\t", ": ", " #", "- ", "---", "é", "\u0085", "\u2028", "\ufeff", "\u00a0", "😀", "\0", "\u001b"]
# What kustomize itself cannot write back whatever it reads: it passes these on as they are, or loses them.
KUSTOMIZE_BREAKS = re.compile("[\u007f-\u009f\ufeff\ufffe\uffff]|^<<$")


def pyyaml(text):
    try:
        return normal(list(yaml.safe_load_all(text))[0]["spec"])
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return ERROR


def kubectl(text):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "r.yaml")
        file.write_bytes(text.encode())
        command = ["kubectl", "annotate", "--local", "-f", str(file), "-o", "json", "k=v"]
        run = subprocess.run(command, capture_output=True, timeout=60)
    return normal(json.loads(run.stdout)["spec"]) if run.returncode == 0 else ERROR


def kustomize(text):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "r.yaml").write_bytes(text.encode())
        pathlib.Path(folder, "kustomization.yaml").write_text("resources:\n  - r.yaml\n")
        run = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, timeout=60)
    if run.returncode != 0:
        return ERROR
    try:
        return normal(from_kustomize(yaml.compose(run.stdout.decode(), Loader=yaml.BaseLoader)))["spec"]
    except yaml.YAMLError:
        return ERROR  # what it wrote is not YAML


def from_kustomize(node):
    """kustomize's output: it quotes every string that it would itself read as something else."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: from_kustomize(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [from_kustomize(item) for item in node.value]
    if node.style is None:
        if node.value in ("null", "true", "false"):
            return json.loads(node.value)
        if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?", node.value):
            number = json.loads(re.sub(r"^(-?)0+(?=[0-9])", r"\1", node.value))
            return node.value if isinstance(number, float) and math.isinf(number) else number
    return node.value


def normal(value):
    """What JSON can hold: whole floats become integers, keys become texts, dates what they are called."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else "!" + repr(key): normal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [normal(item) for item in value]
    if isinstance(value, float):
        if math.isinf(value) or math.isnan(value):
            return {"float": str(value)}
        return int(value) if value == int(value) and abs(value) < 2**53 else value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return {type(value).__name__: str(value)}


def ask(text):
    return {"pyyaml": pyyaml(text), "kubectl": kubectl(text), "kustomize": kustomize(text)}


def ask_all(texts):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, texts))


def example(name, lines):
    built = subprocess.run(["cargo", "build", "--quiet", "--example", name, "--message-format=json-render-diagnostics"], cwd=ROOT, capture_output=True, check=True)
    files = [json.loads(line).get("executable") for line in built.stdout.splitlines()]
    program = [file for file in files if file][-1]
    data = "".join(json.dumps(line) + "\n" for line in lines)
    return subprocess.run([program], input=data.encode(), capture_output=True, check=True).stdout.decode()


def written(values):
    """Our bytes for each value. No line of ours but the border starts with `---`."""
    return re.split(r"^---\n", example("yaml_write", values), flags=re.M)[1:]


def thing(spec):
    return {"apiVersion": "oracle.test/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec}


def record():
    plain = [{"text": text, "as": "value"} for text in PLAIN] + [{"text": text, "as": "key"} for text in KEYS]
    texts = [HEAD + ("spec:\n  v: %s\n" if one["as"] == "value" else "spec:\n  v:\n    %s: 1\n") % one["text"] for one in plain]
    for one, text, answers in zip(plain, texts, ask_all(texts)):
        one["yaml"] = text
        one.update({tool: answer if answer == ERROR else answer["v"] for tool, answer in answers.items()})
    documents = [{"yaml": HEAD + "spec:" + text} for text in DOCUMENTS]
    for one, answers in zip(documents, ask_all([one["yaml"] for one in documents])):
        one.update(answers)
    wrote = []
    for role in ("value", "key"):
        specs = [thing({"v": text} if role == "value" else {"v": {text: 1}}) for text in NASTY]
        texts = written(specs)
        for text, ours, answers in zip(NASTY, texts, ask_all(texts)):
            right = {"v": text} if role == "value" else {"v": {text: 1}}
            # An answer is kept only where it is not the string we were given.
            wrong = {tool: answer for tool, answer in answers.items() if answer != right}
            wrote.append({"text": text, "as": role, "yaml": ours[len(HEAD):], **wrong})
    return {"plain": plain, "documents": documents, "written": wrote}


class Tally:
    passed = failed = 0

    def check(self, right, what):
        if right:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED:", what)


def same(left, right):
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or float(left) == float(right)
    return left == right


def fuzz(tally, seed, count):
    """Our writer's strings, as values and keys, read back by all three. Ones that kustomize breaks by itself go to the others only."""
    chance = random.Random(seed)
    strings = ["".join(chance.choice(ALPHABET) for _ in range(chance.randint(0, 12))) for _ in range(count)]
    for tool in (pyyaml, kubectl, kustomize):
        fit = [text for text in strings if tool is not kustomize or not KUSTOMIZE_BREAKS.search(text)]
        batches = [fit[start : start + 200] for start in range(0, len(fit), 200)]
        specs = [{"v": batch, "k": {text: 1 for text in batch}, "n": [[text, {text: [text]}] for text in batch[:50]]} for batch in batches]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(tool, written([thing(spec) for spec in specs])))
        for spec, answer in zip(specs, answers):
            tally.check(same(answer, spec), f"{tool.__name__} misreads one of {spec['v']!r}" if not same(answer, spec) else "")
            tally.passed += len(spec["v"]) - 1 if same(answer, spec) else 0


def check():
    tally = Tally()
    now = record()
    for name, entries in now.items():
        then = json.loads((FIXTURES / f"{name}.json").read_text())
        tally.check(len(then) == len(entries), f"{name}.json has {len(then)} entries, not {len(entries)}")
        for old, new in zip(then, entries):
            tally.check(old == new, f"{name}.json: recorded {old!r}, now {new!r}")
    seed = int(os.environ.get("SEED", "1"))
    fuzz(tally, seed, int(os.environ.get("COUNT", "4000")))
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


def main():
    if not shutil.which("kubectl"):
        sys.exit("kubectl is not on the PATH")
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name, entries in record().items():
        lines = ",\n".join(json.dumps(entry) for entry in entries)
        (FIXTURES / f"{name}.json").write_text(f"[\n{lines}\n]\n")
        print(f"{name}: {len(entries)}")


if __name__ == "__main__":
    main()
