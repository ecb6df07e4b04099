"""What tests of the publisher share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

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
