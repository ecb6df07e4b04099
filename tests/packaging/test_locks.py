"""The locked dependencies: versions and hashes, nobody's address."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_address(lock: Path) -> None:
    """Where packages come from is the machine's affair: a lock holds no URL and no index option."""
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--(extra-)?index-url|--find-links|-f)\b", text, re.MULTILINE)


def test_the_lock_of_the_node_peers_names_no_address_either() -> None:
    """Versions and integrity hashes are enough for npm too."""
    text = (ROOT / "bench" / "peers" / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in text
    assert '"resolved"' not in text


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_version_has_a_hash(lock: Path) -> None:
    """Each requirement is one exact version with at least one SHA-256."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.read_text().strip())
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==[^ ;]+( ;.*)? \\", entry), entry.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]


def test_development_adds_to_the_runtime_and_changes_nothing_of_it() -> None:
    """What is tested is what is shipped: the development lock has the runtime's versions."""
    runtime, development = (_versions(ROOT / "requirements" / name) for name in ("runtime.lock", "dev.lock"))
    assert runtime.items() <= development.items()


def _versions(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(), re.MULTILINE))
