#!/usr/bin/env bash
# Make .venv whole, then do nothing until something changes.
#
#   deploy/setup.sh run     what the product needs        (make demo)
#   deploy/setup.sh test    that, and the tools and tests (make test, make setup)
#
# System packages: root installs what is missing; anybody else is told the line to run.
# Python packages: from requirements/*.txt only, each with its hash, wheels only, so nothing is built or
# run that was not locked. Which registry serves them is pip's own configuration, not ours.
# PYTHON=/path/to/python3 chooses the interpreter (3.11 or newer).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

# name|other name of the same thing in newer Debian
system_run=("libgl1" "libglib2.0-0|libglib2.0-0t64") # both: opencv-python
system_test=("chromium" "libatomic1" "fonts-noto-core") # the browser, its driver (playwright), Vietnamese glyphs

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
  printf 'setup: %s\n       %s\n' "$1" "$2" >&2
  exit "${3:-3}"
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Print the interpreter itself (never a link inside a virtual environment, which may be the one we rebuild).
choose_python() {
  local name candidates=("${PYTHON:-}")
  [ -n "${PYTHON:-}" ] || candidates=(python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3)
  for name in "${candidates[@]}"; do
    if command -v "$name" >/dev/null && is_new_enough "$name"; then
      "$name" -c 'import os, sys; print(os.path.realpath(sys.executable))'
      return
    fi
  done
  die "no Python 3.11 or newer (tried: ${candidates[*]})" \
    "install one (Debian 12: apt-get install python3) or name it: PYTHON=/path/to/python3 make setup"
}

is_installed() {
  local name
  for name in ${1//|/ }; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" != installed ] || return 0
  done
  return 1
}

# Only when .venv is to be made: the interpreter's own venv module, which Debian packs apart.
venv_package() {
  "$1" -c 'import ensurepip, venv' 2>/dev/null && return
  case $1 in
    /usr/bin/*) basename "$1" | sed 's/$/-venv/' ;;
    *) die "$1 has no ensurepip, so it cannot make a virtual environment" "choose another: PYTHON=/path/to/python3" ;;
  esac
}

install_system() {
  local package missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian: make sure of these yourself: $*"
    return
  fi
  for package in "$@"; do
    is_installed "$package" || missing+=("${package%%|*}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local line="apt-get install -y --no-install-recommends ${missing[*]}"
  [ "$(id -u)" = 0 ] || die "system packages are missing: ${missing[*]}" "install them, then run this again: sudo $line"
  say "installing system packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # The lists may be absent or stale; fetch them only then.
  $line >/dev/null 2>&1 || { apt-get update -q >&2 || true; $line >&2; } ||
    die "apt-get could not install: ${missing[*]}" "see its message above; then run this again"
}

digest() { sha256sum | cut -d' ' -f1; }
lock_key() { { echo "$root" && cat "requirements/$1.txt"; } | digest; }
project_key() { { ls -d edge calibration models 2>/dev/null || true; cat pyproject.toml; } | digest; }
stamp_is() { [ "$(cat ".venv/.stamp-$1" 2>/dev/null)" = "$2" ]; }

# Print why .venv must be made anew, or nothing. It is kept when it has exactly what a lock says: `run` is content
# with either lock, the tools are added to an up-to-date `run`; so nothing of an older lock ever stays behind.
why_anew() {
  if [ -e .venv/.unfinished ]; then
    echo "the last set-up was interrupted"
  elif [ ! -e .venv/.stamp-run ]; then
    echo "there is none from this set-up"
  elif ! is_new_enough .venv/bin/python; then
    echo "its interpreter is gone"
  elif [ -n "${PYTHON:-}" ] && [ "$(realpath .venv/bin/python)" != "$(choose_python)" ]; then
    echo "another interpreter is asked for"
  elif ! stamp_is run "$(lock_key run)" || { [ -e .venv/.stamp-dev ] && ! stamp_is dev "$(lock_key dev)"; }; then
    echo "the lock or the folder changed"
  fi
}

make_venv() {
  say "making .venv with $1 ($2)"
  rm -rf .venv
  mkdir .venv && touch .venv/.unfinished
  "$1" -m venv .venv
}

install_locked() {
  say "installing the locked packages (requirements/$1.txt)"
  touch .venv/.unfinished
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    -r "requirements/$1.txt" ||
    die "the locked packages could not be installed" "check the network and pip's configuration; then run this again"
  lock_key run >.venv/.stamp-run # dev.txt holds run.txt (tests/rules/test_lock.py)
  [ "$1" = run ] || lock_key dev >.venv/.stamp-dev
  rm .venv/.unfinished
}

install_project() {
  # What an interrupted installation left of us would stop pip ("no RECORD file").
  rm -rf .venv/lib/python*/site-packages/{edge-*.dist-info,__editable__*edge*} .venv/.stamp-project
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
  project_key >.venv/.stamp-project
}

main() {
  local lock reason python venv packages=("${system_run[@]}")
  case ${1:-} in
    run) lock=run ;;
    test) lock=dev packages+=("${system_test[@]}") ;;
    *) die "wrong use: $*" "deploy/setup.sh run | test" 2 ;;
  esac
  exec 9<requirements && flock 9 # one set-up at a time; the kernel drops the lock with us
  reason=$(why_anew)
  if [ -n "$reason" ]; then
    python=$(choose_python)
    venv=$(venv_package "$python")
    [ -z "$venv" ] || packages+=("$venv")
  fi
  install_system "${packages[@]}"
  [ -z "$reason" ] || make_venv "$python" "$reason"
  stamp_is "$lock" "$(lock_key "$lock")" || install_locked "$lock"
  stamp_is project "$(project_key)" || install_project
}

main "$@"
