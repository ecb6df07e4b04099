"""What tests of the publisher share."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fork_server import program
from tests.publisher.studio_data import Publisher


@pytest.fixture(scope="session")
def empty_studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the empty site built, to be copied: building one takes ten times as long."""
    data = tmp_path_factory.mktemp("studio") / "data"
    made = Publisher(data)
    made.work()
    made.close()
    return data


@pytest.fixture
def publisher(empty_studio: Path, tmp_path: Path) -> Iterator[Publisher]:
    """A publisher of an empty data folder, its empty site built."""
    shutil.copytree(empty_studio, tmp_path / "data")
    made = Publisher(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that need not import what they render and draw with; their hashes are in one order, as real ones' are not."""
    monkeypatch.setattr(sys, "executable", program())
