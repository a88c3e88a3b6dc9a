#!/usr/bin/env bash
# Compares our Talos configurations with those of the official library: the recorded cases, random descriptions and
# random merges, deep-equal as parsed documents. `talos.sh record` writes the recorded answers anew.
#
#   TALOS_DESCRIPTIONS=200 TALOS_MERGES=1000 TALOS_SEED=1 tests/oracle/talos.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v go >/dev/null; then
    echo "talos: skipped, go is not installed"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fixtures=tests/fixtures/talos
bundle=$fixtures/bundle.json

(cd tests/oracle/talos && GOFLAGS=-mod=readonly go build -o "$work/oracle" .)
if [ "${1:-}" = record ]; then
    "$work/oracle" -bundle "$bundle" -markers <"$fixtures/cases.jsonl" >"$fixtures/answers.jsonl"
    "$work/oracle" -fields >src/talos/fields/v1.11.txt
    exit 0
fi

cat "$fixtures/cases.jsonl" >"$work/cases.jsonl"
"$work/oracle" -options "${TALOS_DESCRIPTIONS:-200}" -seed "${TALOS_SEED:-1}" >>"$work/cases.jsonl"
"$work/oracle" -random "${TALOS_MERGES:-1000}" -seed "${TALOS_SEED:-1}" >>"$work/cases.jsonl"
"$work/oracle" -bundle "$bundle" <"$work/cases.jsonl" >"$work/answers.jsonl"
"$work/oracle" -fields | diff -q - src/talos/fields/v1.11.txt
cargo run --quiet --example talos_generate -- "$work/cases.jsonl" "$work/answers.jsonl" "$bundle"
