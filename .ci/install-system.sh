#!/usr/bin/env bash
# Installs what the tests need from the system: Chromium, PostgreSQL, and curl for the README's example. Never asks for a password.
set -euo pipefail

oldest=120 # the oldest Chromium the browser tests are known to work with

chromium_version() {
  local browser
  for browser in chromium-headless-shell chromium chromium-browser google-chrome; do
    if command -v "$browser" >/dev/null 2>&1; then
      "$browser" --version 2>/dev/null | grep -oE '[0-9]+' | head -n 1
      return
    fi
  done
  echo 0
}

missing() {
  local version
  version=$(chromium_version)
  if [ "${version:-0}" -lt "$oldest" ]; then echo chromium; fi
  if ! command -v curl >/dev/null 2>&1; then echo curl; fi
  # The server's own programs are not on PATH in Debian.
  if ! compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null && ! command -v initdb >/dev/null 2>&1; then
    echo postgresql
  fi
}

# Chromium without a desktop's surroundings: the same engine opens a page at a third of the cost. Where it is
# not to be had, the tests drive the whole browser.
shell=chromium-headless-shell

wanted=$(missing | tr '\n' ' ')
if [ -z "$wanted" ] && command -v "$shell" >/dev/null 2>&1; then
  exit 0
fi

cannot() {
  if [ -z "$wanted" ]; then
    echo "The tests go on with the Chromium that is here, and slower than with $shell: $1."
    exit 0
  fi
  echo "The tests need Chromium $oldest or newer, PostgreSQL and curl; missing: $wanted, and $1." >&2
  echo "Install it (Debian: apt-get install $wanted) and run this again." >&2
  exit 1
}

source "$(dirname "$0")/as-root.sh"
log=$(mktemp)
install() {
  "${as_root[@]}" apt-get install -qy --no-install-recommends "$@" fonts-dejavu-core
}
echo "Installing ${wanted:-$shell} for the tests…"
"${as_root[@]}" apt-get update -q >"$log" 2>&1 || true # an unreachable source need not be the one that is asked
install "$shell" >>"$log" 2>&1 || true
wanted=$(missing | tr '\n' ' ')
# shellcheck disable=SC2086 — the words of $wanted are package names
if [ -n "$wanted" ] && ! install $wanted >>"$log" 2>&1; then
  tail -n 20 "$log" >&2
  cannot "apt-get could not install it"
fi
rm -f "$log"
command -v "$shell" >/dev/null 2>&1 || echo "There is no package $shell: the tests drive the whole Chromium, and take longer."
wanted=$(missing | tr '\n' ' ')
[ -z "$wanted" ] || cannot "the package that apt-get has is too old"
