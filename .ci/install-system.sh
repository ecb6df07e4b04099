#!/usr/bin/env bash
# Installs what the browser tests need from the system: Chromium. Never asks for a password.
set -euo pipefail

oldest=120 # the oldest Chromium the browser tests are known to work with

chromium_version() {
  local browser
  for browser in chromium chromium-browser google-chrome; do
    if command -v "$browser" >/dev/null 2>&1; then
      "$browser" --version 2>/dev/null | grep -oE '[0-9]+' | head -n 1
      return
    fi
  done
  echo 0
}

version=$(chromium_version)
if [ "${version:-0}" -ge "$oldest" ]; then
  exit 0
fi

cannot() {
  echo "The browser tests need Chromium $oldest or newer, and $1. Install it (Debian: apt-get install chromium) and run this again." >&2
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
echo "Installing Chromium for the browser tests…"
if ! { "${as_root[@]}" apt-get update -q && "${as_root[@]}" apt-get install -qy --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  cannot "apt-get could not install it"
fi
rm -f "$log"
version=$(chromium_version)
[ "${version:-0}" -ge "$oldest" ] || cannot "this system has only version ${version:-0}"
