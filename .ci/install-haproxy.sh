#!/usr/bin/env bash
# Installs HAProxy for `make cluster`. Never asks for a password.
set -euo pipefail

PATH=$PATH:/usr/sbin:/usr/local/sbin
if command -v haproxy >/dev/null 2>&1; then exit 0; fi

cannot() {
  echo "make cluster needs HAProxy 2.6 or newer, and $1 (Debian: apt-get install haproxy)." >&2
  exit 1
}

command -v apt-get >/dev/null 2>&1 || cannot "this system has no apt-get to install it with"
if [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  cannot "installing it takes root"
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
install() { "${as_root[@]}" apt-get install -qy --no-install-recommends haproxy; }
install >"$log" 2>&1 || { "${as_root[@]}" apt-get update -qq && install; } >"$log" 2>&1 || {
  tail -n 20 "$log" >&2
  cannot "it could not be installed"
}
