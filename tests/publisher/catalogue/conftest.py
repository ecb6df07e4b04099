"""Both databases, for every test of what the publisher keeps in them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publisher.studio_data import Publisher


@pytest.fixture(params=["sqlite", "postgres"])
def publisher(request: pytest.FixtureRequest, empty_studio: Path, tmp_path: Path) -> Iterator[Publisher]:
    """A publisher of an empty data folder, its empty site built."""
    if request.param == "postgres":
        made = Publisher(tmp_path / "data", url=request.getfixturevalue("postgres_url"))
        made.work()
    else:
        shutil.copytree(empty_studio, tmp_path / "data")
        made = Publisher(tmp_path / "data")
    yield made
    made.close()
