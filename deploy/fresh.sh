#!/usr/bin/env bash
# Try this working tree on a fresh Debian 12 that has git, make and Python 3.11 and nothing else.
#
#   sudo deploy/fresh.sh [COMMAND...]      default: make setup, then make test, each timed, then both again
#
# FRESH_ROOT=/dir   keep the Debian there and use it again (otherwise a temporary one, removed at the end)
# FRESH_BIND="/a /b" folders shown to it read-only, e.g. a local package index or certificates
# PIP_* of the environment pass, so pip finds its packages as it does here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
  printf 'fresh: %s\n       %s\n' "$1" "$2" >&2
  exit 3
}
[ "$(id -u)" = 0 ] || die "only root can make and enter a Debian" "run it with sudo"
command -v debootstrap >/dev/null || die "debootstrap is missing" "apt-get install -y debootstrap"

debian=${FRESH_ROOT:-$(mktemp -d /tmp/fresh.XXXXXX)}
[ -n "${FRESH_ROOT:-}" ] || trap 'rm -rf --one-file-system "$debian"' EXIT
[ -x "$debian/usr/bin/git" ] ||
  debootstrap --variant=minbase --include=git,make,python3,ca-certificates bookworm "$debian" >&2

copy=$debian/srv/checkout
mkdir -p "$copy"
find "$copy" -mindepth 1 -maxdepth 1 -not -name .venv -exec rm -rf {} + # the venv of the last time may stay
cp -a .git "$copy/"
git ls-files -z --cached --others --exclude-standard |
  tar --null --files-from=- --create --ignore-failed-read | tar --extract --no-same-owner -C "$copy"
chown -R root:root "$copy/.git"
cp /etc/resolv.conf "$debian/etc/resolv.conf"

[ $# -gt 0 ] || set -- bash -ec 'for turn in first again; do time make setup; time make test; done'
mapfile -t pip_environment < <(env | grep '^PIP_' || true)

# A mount namespace of its own: whatever happens, the mounts vanish with the last process in it.
unshare --mount --pid --fork --kill-child bash -euc '
  debian=$1 binds=$2
  shift 2
  mount --make-rprivate /
  mount --bind "$debian" "$debian" # its root is a mount, as on a machine: unshare(1) wants that
  mount --rbind /dev "$debian/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$debian/dev/shm"
  mount -t proc proc "$debian/proc"
  for folder in $binds; do
    mkdir -p "$debian$folder"
    mount --bind -o ro "$folder" "$debian$folder"
  done
  exec chroot "$debian" env -i -C /srv/checkout PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
' fresh "$debian" "${FRESH_BIND:-}" "${pip_environment[@]}" "$@"
