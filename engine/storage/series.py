"""The table of series."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol, TypeVar

from pydantic import TypeAdapter

from engine.domain.series import Series
from engine.storage.database import Connection, ConstraintViolated, Database
from engine.storage.leaders import record_maker

__all__ = ["SeriesCatalogue", "SeriesTable", "series_of"]

_Result = TypeVar("_Result")
_SERIES: TypeAdapter[Series] = TypeAdapter(Series)


def series_of(connection: Connection, series_id: str) -> Series | None:
    """A series, or None."""
    document = connection.value("SELECT document FROM series WHERE series_id = :id", id=series_id)
    return None if document is None else _SERIES.validate_json(document)


class SeriesCatalogue(Protocol):
    """What the schedule of series and the API ask of the table. Every method may raise a ``DatabaseError``."""

    async def get(self, series_id: str) -> Series | None:
        """A series, or None."""
        ...

    async def all(self, *, ended: bool = True) -> Sequence[Series]:
        """Every series by id; without those that were ended where ``ended`` is false."""
        ...

    async def changes(self) -> int:
        """A number that rises with every change of any series."""
        ...

    async def add(self, series: Series, made_by: str | None = None) -> bool:
        """Store a new series, which the key ``made_by`` leads; False where the id is taken, or differs from one that is by case alone."""
        ...

    async def update(self, series: Series) -> Series | None:
        """Store a changed series with the next version; None where somebody else stored one since it was read."""
        ...


class SeriesTable:
    """The table of series, used on a thread with a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connect()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="series")

    async def get(self, series_id: str) -> Series | None:
        """As the port says."""
        return await self._on_thread(lambda: series_of(self._connection, series_id))

    async def all(self, *, ended: bool = True) -> Sequence[Series]:
        """As the port says."""
        only = "" if ended else " WHERE ended_at IS NULL"

        def read() -> list[Series]:
            rows = self._connection.rows(f"SELECT document FROM series{only} ORDER BY series_id")
            return [_SERIES.validate_json(row["document"]) for row in rows]

        return await self._on_thread(read)

    async def changes(self) -> int:
        """As the port says."""

        def read() -> int:
            return int(self._connection.value("SELECT coalesce(sum(version), 0) FROM series"))

        return await self._on_thread(read)

    async def add(self, series: Series, made_by: str | None = None) -> bool:
        """As the port says."""

        def write() -> bool:
            if self._connection.value(
                "SELECT count(*) FROM series WHERE lower(series_id) = :folded",
                folded=series.series_id.lower(),
            ):
                return False
            try:
                with self._connection.transaction():
                    self._connection.execute(
                        "INSERT INTO series (series_id, document, version, created_at, ended_at)"
                        " VALUES (:id, :document, :version, :created_at, :ended_at)",
                        id=series.series_id,
                        document=_SERIES.dump_json(series).decode(),
                        version=series.version,
                        created_at=series.created_at,
                        ended_at=series.ended_at,
                    )
                    if made_by is not None:
                        record_maker(self._connection, "series", series.series_id, made_by, series.created_at)
            except ConstraintViolated:
                return False
            return True

        return await self._on_thread(write)

    async def update(self, series: Series) -> Series | None:
        """As the port says."""
        after = replace(series, version=series.version + 1)

        def write() -> Series | None:
            changed = self._connection.execute(
                "UPDATE series SET document = :document, version = :after, ended_at = :ended_at"
                " WHERE series_id = :id AND version = :before",
                id=series.series_id,
                document=_SERIES.dump_json(after).decode(),
                before=series.version,
                after=after.version,
                ended_at=after.ended_at,
            )
            return after if changed else None

        return await self._on_thread(write)

    def close(self) -> None:
        """Finish what is being done, then close the connection."""
        self._pool.shutdown(wait=True)
        self._connection.close()

    async def _on_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
