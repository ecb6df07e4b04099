"""The port to a database: connections, transactions, rows by name, and the errors a caller may meet.

Statements are written once, in the SQL that SQLite 3.38 and PostgreSQL 14 share, with parameters spelled ``:name``.
That leaves out ``INSERT OR …`` (``ON CONFLICT`` instead), functions on JSON and scalar ``max`` (Python instead), a
bare column name in ``DO UPDATE SET`` that ``excluded`` has too, aliases in ``HAVING``, and booleans: a flag is 0 or 1.
What only one dialect has stands in that dialect's module (``sqlite``). No driver's error or row leaves this package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

__all__ = [
    "Connection",
    "ConstraintViolated",
    "Database",
    "DatabaseError",
    "DatabaseLocked",
    "DatabaseLost",
    "DatabaseUnusable",
    "Progress",
    "Row",
    "TableShape",
    "Value",
    "one_of",
]

Value: TypeAlias = str | int | float | bytes | None

Progress: TypeAlias = Callable[[int, int], None]
"""Called with pages copied and pages in all."""


class DatabaseError(Exception):
    """The database refused or failed; the message says why. The subclasses are what callers answer differently."""


class DatabaseLocked(DatabaseError):
    """Somebody else held the lock for as long as a connection waits. The same again later may work."""


class DatabaseLost(DatabaseError):
    """The connection broke or cannot be made; whether the last statement was carried out is not known."""


class DatabaseUnusable(DatabaseError):
    """The database is damaged, is none, cannot be read or written, or was written by a newer version."""


class ConstraintViolated(DatabaseError):
    """A row breaks a rule of its table, mostly because there is one with its key."""


@dataclass(frozen=True, slots=True)
class TableShape:
    """What both dialects can say of a table."""

    columns: dict[str, str]
    """``text``, ``integer`` or ``bytes`` by the column's name, in order."""
    required: frozenset[str]
    """Columns that are never NULL."""
    key: tuple[str, ...]
    """The columns of the primary key, in order."""


class Row(Protocol):
    """One row of an answer, its columns by name; ``dict(row)`` works."""

    def __getitem__(self, name: str, /) -> Any: ...

    def keys(self) -> Iterable[str]: ...


class Connection(Protocol):
    """A connection to the database. Blocking; used by one thread at a time, may be handed to another.

    Outside of ``transaction`` each statement commits by itself. Every method may raise a ``DatabaseError``. As a
    context manager it is closed at the end of the block.
    """

    @property
    def shared(self) -> bool:
        """As of its ``Database``."""
        ...

    @property
    def types(self) -> Mapping[str, str]:
        """What a table's definition has in the place of ``{text}``, ``{integer}`` … in this dialect."""
        ...

    def execute(self, statement: str, /, **values: Value) -> int:
        """Run a statement; returns how many rows it changed."""
        ...

    def many(self, statement: str, rows: Iterable[Mapping[str, Value]], /) -> None:
        """Run a statement once for each row of values."""
        ...

    def rows(self, statement: str, /, **values: Value) -> list[Row]:
        """Every row of the answer."""
        ...

    def row(self, statement: str, /, **values: Value) -> Row | None:
        """The first row of the answer, or None."""
        ...

    def value(self, statement: str, /, **values: Value) -> Any:
        """The first column of the first row, or None without one."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is written at once, or nothing; nested, it is a part that can fail alone."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Everything read inside is of one moment, whatever others write meanwhile. Part of a transaction that is open."""
        ...

    def tables(self) -> dict[str, TableShape]:
        """Every table of ours by name."""
        ...

    def restart_identities(self) -> None:
        """Let columns that number themselves go on after the highest number that was written into them."""
        ...

    def has_table(self, name: str) -> bool:
        """Whether there is such a table."""
        ...

    def discard_deleted(self, *, at_leisure: bool = False) -> bool:
        """Make deleted content leave the disk. Returns False when somebody held it; call again later.

        What would keep those who write waiting for long is left for a call ``at_leisure``, while nobody is here: whoever writes
        beside that may find the database locked.
        """
        ...

    def announce(self) -> None:
        """Tell those who hold something (``Database.hold``) that there is news, once the transaction is committed."""
        ...

    def close(self) -> None:
        """End the connection; a second call does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Database(Protocol):
    """Where the tables are. Every thread opens a connection of its own."""

    shared: bool
    """Whether several servers can use it at once, each with a data folder of its own."""

    def connect(self) -> Connection:
        """A new connection; creates or migrates the engine's tables.

        Raises:
            DatabaseUnusable: the database cannot be used, or is of a newer version.
            DatabaseLocked: another process held the lock for longer than a connection waits.
        """
        ...

    def exists(self) -> bool:
        """Whether there is one yet; ``connect`` makes it."""
        ...

    def size(self) -> int:
        """Bytes on the disk."""
        ...

    def problems(self) -> list[str]:
        """What a full check finds wrong, one sentence each; empty when it is sound. Blocking, and slow."""
        ...

    def answers(self) -> bool:
        """Whether the database answers within two seconds. Blocking."""
        ...

    def hold(
        self,
        what: str,
        lost: Callable[[], object] | None = None,
        *,
        shared: bool = False,
        on_notice: Callable[[], object] | None = None,
    ) -> AbstractContextManager[None]:
        """Be the only process that holds ``what`` of this database, for the length of the block.

        ``shared``: others may hold it in the same way meanwhile, and nobody otherwise. ``lost`` is called, on a thread of its own, when another process has it all the same; without ``lost`` this
        process is sent SIGTERM. ``on_notice`` is called on that thread whenever somebody announced news, or may have.

        Raises:
            DatabaseLocked: another process holds it.
        """
        ...

    def is_held(self, what: str) -> bool:
        """Whether any process holds ``what``. Blocking."""
        ...

    def unsuitable(self) -> list[str]:
        """What of the server's setup this product cannot be trusted on, one sentence each. Blocking."""
        ...

    def preallocate(self) -> None:
        """Give the log its full length ahead of the commits that need it, where the dialect gains by that."""
        ...

    def copy_to(
        self, file: Path, prepare: Callable[[Connection], object], progress: Progress | None = None
    ) -> None:
        """Write a copy of one moment into a SQLite file, while others read and write.

        ``prepare`` makes the tables that are not the engine's, where the copy begins without any.
        """
        ...


def one_of(name: str, values: Iterable[Value]) -> tuple[str, dict[str, Value]]:
    """The right side of ``IN`` for a list that is not empty: ``(:name_0, :name_1)``, and the values by those names."""
    named = {f"{name}_{index}": value for index, value in enumerate(values)}
    return f"({', '.join(f':{each}' for each in named)})", named
