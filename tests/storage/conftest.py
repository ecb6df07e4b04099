"""Both databases, for every test of what is kept in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.storage.database import Database
from engine.storage.opening import database_of


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    return database_of(tmp_path, url)
