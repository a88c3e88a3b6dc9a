#!/usr/bin/env bash
# Shows with the real pre-commit, prek, lefthook and plain git what our hook does to somebody's commit:
# a changed inventory fails and stages nothing behind the user's back, the second run passes, a new file
# counts as a change, and an error writes nothing. And in a repository without an inventory: a second owner is refused
# until it is gone.
#
#   tests/oracle/precommit.sh        needs gitopsc on PATH, and this repository's worked example
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
repository=$PWD
passed=0
failed=0

# Nobody's own git configuration takes part.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=user GIT_AUTHOR_EMAIL=user@example.com GIT_COMMITTER_NAME=user GIT_COMMITTER_EMAIL=user@example.com
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PRE_COMMIT_HOME=$scratch/pre-commit PREK_HOME=$scratch/prek

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
  exit
}

for tool in gitopsc git; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool: skipped"
    finish
  fi
done

# Counts one case: a sentence, and a command that holds.
check() {
  local what=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED $runner: $what"
    sed 's/^/    /' "$scratch/output" | tail -n 25
  fi
}

commits() { git commit --quiet -m "$1" >"$scratch/output" 2>&1 </dev/null; }
refuses() { ! commits "$1"; }
staged_is() { [ "$(git diff --cached --name-only)" = "$1" ]; }
written() { git status --porcelain -- out | grep -v '^[AMD] ' | sed 's/^...//'; }
nothing_written() { [ -z "$(written)" ]; }
something_written() { [ -n "$(written)" ]; }
is_clean() { [ -z "$(git status --porcelain)" ]; }
head_is() { [ "$(git rev-parse HEAD)" = "$1" ]; }
names_out() { grep -q 'out/' "$scratch/output"; }

# One place for each runner that says how a user would install the hook.
install_pre_commit() {
  hooks_repository
  printf -- '---\nrepos:\n  - repo: %s\n    rev: %s\n    hooks:\n      - id: %s\n' \
    "$scratch/hooks" "$(git -C "$scratch/hooks" rev-parse HEAD)" "${2:-gitopsc-build-system}" >.pre-commit-config.yaml
  git add .pre-commit-config.yaml
  git commit --quiet -m "Use the hook"
  "$1" install >/dev/null 2>&1
}
install_prek() { install_pre_commit prek; }
install_lefthook() {
  cp "$repository/pre-commit-hooks/lefthook.yml" lefthook.yml
  git add lefthook.yml
  git commit --quiet -m "Use the hook"
  lefthook install >/dev/null 2>&1
}
install_git() { install -m 755 "$repository/pre-commit-hooks/pre-commit" .git/hooks/pre-commit; }

# What pre-commit reads of this repository, as it lies here, committed or not.
hooks_repository() {
  [ -d "$scratch/hooks" ] && return
  git init --quiet "$scratch/hooks"
  cp .pre-commit-hooks.yaml "$scratch/hooks/"
  git -C "$scratch/hooks" add --all
  git -C "$scratch/hooks" commit --quiet -m "Hooks"
}

# The worked example in a repository of its own, with the hook of one runner.
example() {
  git init --quiet "$1"
  git ls-files -z | xargs -0 cp --parents --target-directory="$1"
  cd "$1"
  git add --all
  git commit --quiet -m "The worked example"
  "install_${runner//-/_}" "$runner"
}

# A longer interval changes files; a service makes new ones.
change() { sed -i '0,/^interval *= *"10m"/s//interval = "11m"/' inventory.toml; }
add_service() {
  printf '\n[services.hook-proof]\nlayer = "apps"\nchart = { repo = "https://charts.example.com", name = "hook-proof", version = "1.0.0" }\n' \
    >>inventory.toml
}

# `hook_writes` is no for the plain hook, which only compares.
scenario() {
  local hook_writes=$1 before
  before=$(git rev-parse HEAD)

  change
  git add inventory.toml
  check "the change is one" test -n "$(git diff --cached --name-only)"
  check "a changed inventory alone is refused" refuses "Change"
  check "the report names what differs" names_out
  check "nothing is staged behind the user's back" staged_is inventory.toml
  check "no commit was made" head_is "$before"
  if [ "$hook_writes" = yes ]; then
    check "the new tree lies there to be looked at" something_written
  else
    check "nothing was written" nothing_written
    gitopsc build >"$scratch/output" 2>&1 || true
  fi
  git add out
  check "the second run passes" commits "Change"
  check "the tree is clean" is_clean

  add_service
  git add inventory.toml
  check "files that are only new are refused too" refuses "Add"
  check "the new files are not staged" staged_is inventory.toml
  [ "$hook_writes" = yes ] || gitopsc build >"$scratch/output" 2>&1 || true
  git add out
  check "with the new files it passes" commits "Add"
  check "the tree is clean again" is_clean

  before=$(git rev-parse HEAD)
  printf '\n[services.hook-proof.phases.late]\ndepends = ["nobody-of-this-name"]\n' >>inventory.toml
  git add inventory.toml
  check "an error is refused" refuses "Break"
  check "an error writes nothing" nothing_written
  check "no commit was made of an error" head_is "$before"
}

# A cluster of one unit for each of these folders, which all make the namespace `web`.
units() {
  rm -rf cluster a b
  for folder in "$@"; do
    mkdir -p cluster "$folder"
    printf -- '---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: %s\n  namespace: flux-system\nspec:\n  interval: 1h\n  path: ./%s\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n' \
      "$folder" "$folder" >"cluster/$folder.yaml"
    printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: web\n' >"$folder/namespace.yaml"
  done
  git add --all
}

# A repository without an inventory, with the hook that only looks.
checking() {
  local before
  git init --quiet "$1"
  cd "$1"
  units a
  git commit --quiet -m "A cluster"
  install_pre_commit "$runner" gitopsc-check-system
  before=$(git rev-parse HEAD)
  units a b
  check "a second owner is refused" refuses "Add"
  check "the report names the object" grep -q 'Namespace:web' "$scratch/output"
  check "no commit was made of two owners" head_is "$before"
  units b
  check "with one owner it passes" commits "Move"
  check "nothing was written beside" is_clean
}

for runner in pre-commit prek lefthook git; do
  if ! command -v "$runner" >/dev/null; then
    echo "$runner: skipped"
    continue
  fi
  cd "$repository"
  example "$scratch/example-$runner"
  if [ "$runner" = git ]; then scenario no; else scenario yes; fi
  case $runner in pre-commit | prek) checking "$scratch/checked-$runner" ;; esac
done
finish
