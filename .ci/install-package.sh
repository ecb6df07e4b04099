#!/usr/bin/env bash
# Installs a Debian package where its program is missing: install-package.sh PROGRAM TARGET [PACKAGE]. Never asks for a password.
set -euo pipefail

PATH=$PATH:/usr/sbin:/usr/local/sbin
# Debian keeps the programs of PostgreSQL's server out of PATH.
for programs in /usr/lib/postgresql/*/bin; do PATH=$PATH:$programs; done
program=$1 target=$2 package=${3:-$1}
if command -v "$program" >/dev/null 2>&1; then exit 0; fi

cannot() {
  echo "make $target needs $program, and $1 (Debian: apt-get install $package)." >&2
  exit 1
}

source "$(dirname "$0")/as-root.sh"
echo "Installing $package for make $target…"
log=$(mktemp)
install() { "${as_root[@]}" apt-get install -qy --no-install-recommends "$package"; }
install >"$log" 2>&1 || { "${as_root[@]}" apt-get update -qq && install; } >"$log" 2>&1 || {
  tail -n 20 "$log" >&2
  cannot "it could not be installed"
}
