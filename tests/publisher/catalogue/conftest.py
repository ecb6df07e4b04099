"""Both databases, for every test of what the publisher keeps in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publisher.studio_data import Publisher


@pytest.fixture(params=["sqlite", "postgres"])
def publisher(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Publisher]:
    """A publisher of an empty data folder, its empty site built."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    made = Publisher(tmp_path / "data", url=url)
    made.work()
    yield made
    made.close()
