#!/usr/bin/env bash
# Prints the first Python that can make this project's virtual environment: 3.11 or newer, with venv and pip.
# The system's own comes first: it is what servers run, and distributions build it with optimisations that others often lack.
# A command that exists may still be a shim without an interpreter behind it, so each candidate is run.
set -uo pipefail

fits='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
for candidate in /usr/bin/python3 python3.11 python3.12 python3.13 python3 python; do
  if "$candidate" -c "$fits" >/dev/null 2>&1; then
    command -v "$candidate"
    exit 0
  fi
done
echo "No Python 3.11 or newer with its venv module was found." >&2
echo "On Debian or Ubuntu: apt-get install python3 python3-venv; or name one: make PYTHON=/path/to/python3 …" >&2
exit 1
