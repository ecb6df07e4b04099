"""What tests of the publisher share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publisher.studio_data import Publisher


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    """A publisher of an empty data folder, its empty site built."""
    made = Publisher(tmp_path / "data")
    made.work()
    yield made
    made.close()
