#!/usr/bin/env bash
# Installs the Chromium that tests and pictures drive, and a font. Never asks for a password.
set -euo pipefail

oldest=120 # the oldest Chromium the browser tests are known to work with

version() {
  local browser
  for browser in chromium-headless-shell chromium chromium-browser google-chrome; do
    if command -v "$browser" >/dev/null 2>&1; then
      "$browser" --version 2>/dev/null | grep -oE '[0-9]+' | head -n 1
      return
    fi
  done
  echo 0
}

# Chromium without a desktop's surroundings: the same engine opens a page at a third of the cost. Where it is
# not to be had, the tests drive the whole browser.
shell=chromium-headless-shell

here() {
  local found
  found=$(version)
  [ "${found:-0}" -ge "$oldest" ]
}
if here && command -v "$shell" >/dev/null 2>&1; then exit 0; fi

cannot() {
  if here; then
    echo "The tests go on with the Chromium that is here, and slower than with $shell: $1."
    exit 0
  fi
  echo "The browser tests need Chromium $oldest or newer, and $1." >&2
  echo "Install it (Debian: apt-get install chromium) and run this again." >&2
  exit 1
}

source "$(dirname "$0")/as-root.sh"
log=$(mktemp)
install() {
  "${as_root[@]}" apt-get install -qy --no-install-recommends "$1" fonts-dejavu-core
}
echo "Installing Chromium for the tests…"
"${as_root[@]}" apt-get update -q >"$log" 2>&1 || true # an unreachable source need not be the one that is asked
install "$shell" >>"$log" 2>&1 || true
if ! here && ! install chromium >>"$log" 2>&1; then
  tail -n 20 "$log" >&2
  cannot "apt-get could not install it"
fi
rm -f "$log"
command -v "$shell" >/dev/null 2>&1 || echo "There is no package $shell: the tests drive the whole Chromium, and take longer."
here || cannot "the package that apt-get has is too old"
