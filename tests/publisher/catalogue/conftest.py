"""Both databases, for every test of what the publisher keeps in them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.postgres import PostgresCluster
from tests.publisher.studio_data import Publisher


@pytest.fixture(scope="session")
def empty_shared_studio(
    postgres: PostgresCluster, empty_tables: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    """As ``empty_studio`` on PostgreSQL: the data folder and the name of the database, both to be copied."""
    data = tmp_path_factory.mktemp("shared") / "data"
    with postgres.database(empty_tables) as url:
        made = Publisher(data, url=url)
        made.work()
        made.close()
        yield data, url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgres"])
def publisher(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Publisher]:
    """A publisher of an empty data folder, its empty site built."""
    with ExitStack() as stack:
        url = None
        if request.param == "postgres":
            empty, database = request.getfixturevalue("empty_shared_studio")
            url = stack.enter_context(request.getfixturevalue("postgres").database(database))
        else:
            empty = request.getfixturevalue("empty_studio")
        shutil.copytree(empty, tmp_path / "data")
        made = Publisher(tmp_path / "data", url=url)
        yield made
        made.close()
