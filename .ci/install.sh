#!/usr/bin/env bash
# Installs locked dependencies, and this project in place, into a virtual environment.
# usage: install.sh VENV LOCK…
# uv does it in seconds; where it is missing or fails, pip does the same more slowly. Both compile what they install, once and
# on every processor: whoever imports it first would, and each of several workers of the tests does so at the same time.
set -euo pipefail

venv=$1
shift
python="$venv/bin/python"
export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 UV_NO_PROGRESS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# An environment of the caller's must not decide what is installed here, or where.
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_USER UV_PROJECT_ENVIRONMENT

locks=()
for lock in "$@"; do locks+=(-r "$lock"); done

with_uv() {
  "$python" -m pip install --quiet --require-hashes -r requirements/bootstrap.lock &&
    "$python" -m uv pip sync --quiet --compile-bytecode --python "$python" --require-hashes "$@" &&
    "$python" -m uv pip install --quiet --python "$python" --no-deps --no-build-isolation -e .
}

with_pip() {
  "$python" -m pip install --quiet --require-hashes "${locks[@]}" &&
    "$python" -m pip install --quiet --no-deps --no-build-isolation -e .
}

if ! with_uv "$@"; then
  echo "uv could not install the dependencies; trying pip." >&2
  with_pip
fi

# Compiled once and here, also where Python is told to write no bytecode: a start takes half as long.
PYTHONDONTWRITEBYTECODE="" "$python" -c "import engine.cli, engine.commands.serve, engine.app, publisher.worker"
