"""Builds a release into dist/: wheel and source distribution, twice to the same bytes, checked and tried. Tags and uploads nothing.

Run as ``python .ci/release.py`` from the root of a checkout, with the development environment. ``--leave-unreleased`` builds a
version although changes stand under "Unreleased" beside its section.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Sequence
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_READY_WITHIN_S = 60.0
_LEAVE = "--leave-unreleased"
_READ_HERE = ("pyproject.toml", "CHANGELOG.md", "requirements")


class NotReleasable(Exception):
    """Something is not as a release must be; the message says what."""


def main(arguments: Sequence[str] = ()) -> int:
    """Build, compare, check, try, write; the exit status."""
    parser = argparse.ArgumentParser(prog="make release", description="Build a release into dist/.")
    parser.add_argument(
        _LEAVE, action="store_true", help="build although the changelog has changes under Unreleased"
    )
    leave = parser.parse_args(arguments).leave_unreleased
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = project["version"]
    try:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        section = changelog_section(changelog, version)
        warning = check_unreleased(changelog, version, leave=leave)
        if warning:
            sys.stderr.write(f"Warning: {warning}\n")
        check_committed()
        with tempfile.TemporaryDirectory() as folder:
            first, second = built_twice(Path(folder))
            compare(first, second)
            wheel, sdist = check_names(first, version)
            check_metadata(wheel, sdist, project)
            try_wheel(wheel, Path(folder) / "empty", version)
            write(ROOT / "dist", (wheel, sdist), section)
    except NotReleasable as error:
        sys.stderr.write(f"Not releasable: {error}\n")
        return 1
    return 0


def changelog_section(text: str, version: str) -> str:
    """The changelog's words on a version.

    Raises:
        NotReleasable: there is no such section, or nothing in it.
    """
    heading = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n", text, re.M)
    if heading is None:
        raise NotReleasable(f"CHANGELOG.md has no section [{version}]")
    section = re.split(r"^## |^\[[^\]]+\]: ", text[heading.end() :], maxsplit=1, flags=re.M)[0].strip()
    if not section:
        raise NotReleasable(f"the section [{version}] of CHANGELOG.md is empty")
    return section + "\n"


def check_unreleased(text: str, version: str, *, leave: bool) -> str:
    """What to warn of: changes that stand under "Unreleased" while the version has its section; empty for nothing.

    Raises:
        NotReleasable: there are such changes, and nobody said that they be left there (``leave``).
    """
    found = re.search(r"^## \[Unreleased\][^\n]*\n(.*?)(?=^## |^\[[^\]]+\]: |\Z)", text, re.M | re.S)
    waiting = len(re.findall(r"^[-*] ", found[1], re.M)) if found else 0
    if not waiting:
        return ""
    changes = f"{waiting} change{'' if waiting == 1 else 's'} under [Unreleased]"
    if leave:
        return f"CHANGELOG.md has {changes}: what is built is called {version} and has them, but its RELEASE.md does not name them."
    raise NotReleasable(
        f"CHANGELOG.md has {changes}, while {version} has a section already. Set the next version in pyproject.toml and rename"
        f' [Unreleased] to it, or, to build {version} all the same: make release RELEASE_ARGS="{_LEAVE}".'
    )


def check_committed() -> None:
    """Check that what the checks read here is what is built.

    Raises:
        NotReleasable: a file with a version, a change or a dependency is not as it is committed.
    """
    differing = _output("git", "diff", "--name-only", "HEAD", "--", *_READ_HERE).split()
    if differing:
        raise NotReleasable(
            f"what is built is what is committed, and {', '.join(differing)} is not: commit it first."
        )


def built_twice(folder: Path) -> tuple[Path, Path]:
    """Two builds of the commit's files, each from a copy of its own, dated by the newest commit."""
    epoch = _output("git", "log", "-1", "--format=%ct").strip()
    made = []
    for name in ("first", "second"):
        source, out = folder / f"{name}-source", folder / name
        source.mkdir()
        # What is committed and nothing else: neither leftovers nor what somebody edits meanwhile.
        archive = folder / f"{name}.tar"
        subprocess.run(["git", "archive", "-o", str(archive), "HEAD"], cwd=ROOT, check=True)
        subprocess.run(["tar", "-xf", str(archive), "-C", str(source)], check=True)
        _quietly(
            [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)],
            {**os.environ, "SOURCE_DATE_EPOCH": epoch},
        )
        made.append(out)
    return made[0], made[1]


def compare(first: Path, second: Path) -> None:
    """Check that two folders hold the same files with the same bytes.

    Raises:
        NotReleasable: they do not.
    """
    digests = [{path.name: digest(path) for path in folder.iterdir()} for folder in (first, second)]
    if digests[0] != digests[1]:
        raise NotReleasable(f"two builds differ: {digests[0]} and {digests[1]}")


def check_names(folder: Path, version: str) -> tuple[Path, Path]:
    """The wheel and the source distribution of a build.

    Raises:
        NotReleasable: they are not called by this version.
    """
    wheel, sdist = (
        folder / f"halcytone_live-{version}-py3-none-any.whl",
        folder / f"halcytone_live-{version}.tar.gz",
    )
    if {path.name for path in folder.iterdir()} != {wheel.name, sdist.name}:
        raise NotReleasable(
            f"built {', '.join(sorted(path.name for path in folder.iterdir()))}, not {version}"
        )
    return wheel, sdist


def check_metadata(wheel: Path, sdist: Path, project: dict[str, object]) -> None:
    """Check what an index and an installer read.

    Raises:
        NotReleasable: a field is missing or another than in ``pyproject.toml``, or files are.
    """
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        info = f"halcytone_live-{project['version']}.dist-info"
        metadata = Parser().parsestr(packed.read(f"{info}/METADATA").decode())
        entries = packed.read(f"{info}/entry_points.txt").decode()
    expected = {
        "Name": project["name"],
        "Version": project["version"],
        "Summary": project["description"],
        "Requires-Python": project["requires-python"],
        "License-Expression": project["license"],
        "Description-Content-Type": "text/markdown",
    }
    wrong = {name: metadata[name] for name, value in expected.items() if metadata[name] != value}
    if wrong:
        raise NotReleasable(f"metadata differs: {wrong}")
    if "halcytone = engine.cli:main" not in entries:
        raise NotReleasable("the command is missing")
    if not str(metadata.get_payload()).strip():
        raise NotReleasable("the readme is missing")
    with tarfile.open(sdist) as packed_source:
        inside = {name.partition("/")[2] for name in packed_source.getnames()}
    missing = {
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "deploy/Caddyfile",
        "docs/index.md",
        "mkdocs.yml",
    } - inside
    if missing or f"{info}/licenses/LICENSE" not in names:
        raise NotReleasable(f"files are missing: {sorted(missing) or 'LICENSE'}")


def try_wheel(wheel: Path, folder: Path, version: str) -> None:
    """Install the wheel into an empty environment, and serve there until it is ready.

    Raises:
        NotReleasable: it says another version, or does not become ready.
    """
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    locked = ["--require-hashes", "-r", str(ROOT / "requirements" / "runtime.lock")]
    for what in (locked, ["--no-deps", str(wheel)]):
        _quietly([str(binaries / "python"), "-m", "pip", "install", "--quiet", *what], dict(os.environ))
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("HALCYTONE_", "PYTHON"))
    }
    said = _quietly([str(binaries / "halcytone"), "--version"], clean)
    if said.strip() != f"halcytone-live {version}":
        raise NotReleasable(f"the wheel says {said.strip()!r}")
    with subprocess.Popen(
        [binaries / "halcytone", "serve", "--port", "0", "--data", folder / "data"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=clean,
        cwd=folder,
    ) as server:
        try:
            assert server.stdout is not None
            url = re.search(r"http://\S+?(?=/)", server.stdout.readline())
            if url is None:
                raise NotReleasable("the server of the wheel does not start")
            wait_until_ready(f"{url[0]}/readyz")
        finally:
            server.terminate()
            server.communicate()


def wait_until_ready(address: str) -> None:
    """Ask until the answer is 200.

    Raises:
        NotReleasable: it never is.
    """
    until = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise NotReleasable(f"{address} is never ready")


def write(into: Path, files: tuple[Path, ...], section: str) -> None:
    """Put the files into ``into``, with their digests and the changelog's section."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    lines = []
    for file in files:
        shutil.copy2(file, into)
        lines.append(f"{digest(file)}  {file.name}\n")
    (into / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    (into / "RELEASE.md").write_text(section, encoding="utf-8")
    sys.stdout.write("".join(lines))


def digest(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _quietly(command: list[str], environment: dict[str, str]) -> str:
    """Run a command; returns what it printed, which is said only where it fails.

    Raises:
        NotReleasable: it fails.
    """
    ran = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ran.returncode:
        sys.stderr.write(ran.stdout)
        raise NotReleasable(
            f"{' '.join([Path(command[0]).name, *command[1:4]])} failed with {ran.returncode}"
        )
    return ran.stdout


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
