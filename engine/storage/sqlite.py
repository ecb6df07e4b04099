"""SQLite behind the port of ``database``: one file in the data folder, shared by engine and publisher.

WAL lets readers go on beside the one writer; ``synchronous=FULL`` makes a commit mean the disk; transactions are
short, and whoever finds the file locked waits up to five seconds before SQLite says so. The only module that knows
the driver. One module, although a long one, so that no other needs to know it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from shutil import disk_usage
from types import TracebackType
from typing import Any, Final, Self

from engine.storage.database import (
    Connection,
    ConstraintViolated,
    DatabaseError,
    DatabaseLocked,
    DatabaseUnusable,
    Progress,
    Row,
    TableShape,
    Value,
)
from engine.storage.migrations import migrate
from engine.storage.tables import ENGINE

__all__ = ["BUSY_TIMEOUT", "FILE_NAME", "SqliteConnection", "SqliteDatabase"]

FILE_NAME: Final = "halcytone.db"
BUSY_TIMEOUT: Final = 5000
"""Milliseconds that a connection waits for a lock."""

_PAGE = 4096
_CHECKPOINT_PAGES = 2000
"""Pages of 4 KiB that the write-ahead log may have before they are copied into the file."""
_COPIED_AT_ONCE = 256
_REWRITTEN_AT_ONCE = 16 << 20
"""Bytes of content that are rewritten within a fifth of a second, for which everybody who writes waits."""

_TYPES: Final[Mapping[str, str]] = {
    "text": "TEXT",
    "integer": "INTEGER",
    "bytes": "BLOB",
    "identity": "INTEGER PRIMARY KEY",
    "by_key": "WITHOUT ROWID",
    "updated_often": "",
}


_KINDS: Final[Mapping[str, str]] = {"TEXT": "text", "INTEGER": "integer", "BLOB": "bytes"}


class SqliteConnection:
    """A ``Connection`` to the file, and beside it what the journal's writer needs of SQLite alone."""

    types = _TYPES
    shared = False

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self._rewritten_at: tuple[int, int] | None = None
        """The ``_changes`` up to which this connection has rewritten the file."""

    def execute(self, statement: str, /, **values: Value) -> int:
        """As the port says."""
        try:
            return self._raw.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise _translated(error) from error

    def many(self, statement: str, rows: Iterable[Mapping[str, Value]], /) -> None:
        """As the port says."""
        try:
            self._raw.executemany(statement, rows)
        except sqlite3.Error as error:
            raise _translated(error) from error

    def rows(self, statement: str, /, **values: Value) -> list[Row]:
        """As the port says."""
        try:
            return self._raw.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise _translated(error) from error

    def row(self, statement: str, /, **values: Value) -> Row | None:
        """As the port says."""
        try:
            found: Row | None = self._raw.execute(statement, values).fetchone()
        except sqlite3.Error as error:
            raise _translated(error) from error
        return found

    def value(self, statement: str, /, **values: Value) -> Any:
        """As the port says."""
        try:
            found = self._raw.execute(statement, values).fetchone()
        except sqlite3.Error as error:
            raise _translated(error) from error
        return None if found is None else found[0]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """As the port says; it holds the file's one write lock from its begin on."""
        nested = self._raw.in_transaction
        self.execute("SAVEPOINT part" if nested else "BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if not nested:
                self.rollback()
            # A disk that is full has ended the outer transaction already.
            elif self._raw.in_transaction:
                self.execute("ROLLBACK TO part")
                self.execute("RELEASE part")
            raise
        if nested:
            self.execute("RELEASE part")
        else:
            self.commit()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """As the port says."""
        if self._raw.in_transaction:
            yield
            return
        self.execute("BEGIN")
        try:
            yield
        finally:
            self.rollback()

    def tables(self) -> dict[str, TableShape]:
        """As the port says."""
        shapes: dict[str, TableShape] = {}
        named = self.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        )
        for name in (row["name"] for row in named):
            columns = self.rows(f"PRAGMA table_info({name})")
            key = sorted((column for column in columns if column["pk"]), key=lambda column: int(column["pk"]))
            shapes[name] = TableShape(
                {column["name"]: _KINDS[column["type"]] for column in columns},
                frozenset(column["name"] for column in columns if column["notnull"] or column["pk"]),
                tuple(column["name"] for column in key),
            )
        return shapes

    def restart_identities(self) -> None:
        """Do nothing: SQLite looks at the highest number by itself."""

    def has_table(self, name: str) -> bool:
        """As the port says."""
        return (
            self.row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name", name=name)
            is not None
        )

    def discard_deleted(self, *, at_leisure: bool = False) -> bool:
        """Rewrite the file, and truncate the write-ahead log. Returns False when somebody held either.

        ``secure_delete`` overwrites rows that are deleted. But where SQLite had moved a row to another page before, to make
        room, the page it came from still has its bytes between those that stayed. A file without them is a new one.
        """
        if at_leisure and not self._deletions():
            return True
        rewritten = True
        try:
            # Again after a reader held the log alone, there is nothing new to rewrite.
            if self._rewritten_at != self._changes():
                self._rewrite(at_leisure=at_leisure)
        except DatabaseError:
            # Somebody holds the file, or the disk has no room for it.
            rewritten = False
        if not (self._truncate_log() and rewritten):
            return False
        self._note_discarded()
        return True

    def _rewrite(self, *, at_leisure: bool) -> None:
        """Rewrite the file, at once if there is little in it.

        How often something was deleted since all of it was discarded stands in it, in ``user_version``.
        """
        if not at_leisure:
            self.execute(f"PRAGMA user_version = {self._deletions() + 1}")
        deletions = self._deletions()
        pages = self.value("PRAGMA page_count") - self.value("PRAGMA freelist_count")
        is_little = pages * _PAGE <= _REWRITTEN_AT_ONCE
        if not is_little and not at_leisure:
            return
        # Little is not written into a temporary file, in whose blocks it would stay when it is deleted here.
        self.execute(f"PRAGMA temp_store = {'MEMORY' if is_little else 'DEFAULT'}")
        try:
            self.execute("VACUUM")
        finally:
            self.execute("PRAGMA temp_store = DEFAULT")
        self._rewritten_at = (self._raw.total_changes, deletions)

    def _truncate_log(self) -> bool:
        """Write what is in the log into the file, and empty it; False where somebody held it."""
        self.execute("PRAGMA busy_timeout = 0")
        try:
            return not self.value("PRAGMA wal_checkpoint(TRUNCATE)")
        except DatabaseLocked:
            return False
        finally:
            self.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")

    def _note_discarded(self) -> None:
        """Note in the file that nothing is left to discard, unless somebody has deleted since it was rewritten."""
        if not self._deletions():
            return
        # It is discarded once more where this cannot be noted.
        with suppress(DatabaseError):
            with self.transaction():
                if self._rewritten_at == self._changes():
                    self.execute("PRAGMA user_version = 0")
                    self._rewritten_at = self._changes()
            self._truncate_log()

    def _changes(self) -> tuple[int, int]:
        """What differs once this connection has changed a row, or any has deleted something."""
        return self._raw.total_changes, self._deletions()

    def _deletions(self) -> int:
        return int(self.value("PRAGMA user_version"))

    def announce(self) -> None:
        """Do nothing: nobody can be told, and whoever looks is the only one."""

    def close(self) -> None:
        """As the port says."""
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._raw.close()

    # For the journal's writer

    def begin(self) -> None:
        """Begin a transaction with the write lock; to be ended by ``commit`` or ``rollback``."""
        self.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """End the transaction with everything in it on the disk. One that fails is rolled back."""
        try:
            self._raw.execute("COMMIT")
        except sqlite3.Error as error:
            self.rollback()
            raise _translated(error) from error

    def rollback(self) -> None:
        """End the transaction, if one is open, without what was written in it."""
        if self._raw.in_transaction:
            self.execute("ROLLBACK")

    def write_tuples(self, statement: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """``many`` with values in the order of the statement's ``?``: the fastest way for thousands of rows."""
        try:
            self._raw.executemany(statement, rows)
        except sqlite3.Error as error:
            raise _translated(error) from error


class SqliteDatabase:
    """A ``Database`` in one file, with its write-ahead log beside it."""

    shared = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def connect(self, *, cache_kib: int | None = None) -> SqliteConnection:
        """As the port says. ``cache_kib``: how much of the file the connection keeps in memory; 2 MiB without it."""
        path = self.path
        try:
            # Names and addresses are in it: a new file is its owner's alone, and WAL files follow it.
            if not path.exists():
                path.touch(mode=0o600)
            raw = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT / 1000, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise DatabaseUnusable(f"{path.name} cannot be opened: {error}") from error
        raw.row_factory = sqlite3.Row
        connection = SqliteConnection(raw)
        try:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            # What a person takes back is overwritten, not only unlinked.
            connection.execute("PRAGMA secure_delete = ON")
            if cache_kib is not None:
                connection.execute(f"PRAGMA cache_size = -{cache_kib}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            migrate(connection, ENGINE)
        except DatabaseLocked:
            raw.close()
            raise
        except DatabaseError as error:
            raw.close()
            raise DatabaseUnusable(f"{path.name} cannot be used: {error}") from error
        except BaseException:
            raw.close()
            raise
        return connection

    def exists(self) -> bool:
        """As the port says."""
        return self.path.is_file()

    def size(self) -> int:
        """As the port says."""
        return self.path.stat().st_size

    def problems(self) -> list[str]:
        """As the port says."""
        if not self.exists():
            return [f"{self.path.name} does not exist"]
        try:
            connection = self.connect()
        except DatabaseError as error:
            return [str(error)]
        with connection:
            try:
                rows = connection.rows("PRAGMA integrity_check")
            except DatabaseError as error:
                return [f"{self.path.name} is damaged: {error}"]
            return [str(row["integrity_check"]) for row in rows if row["integrity_check"] != "ok"]

    def answers(self) -> bool:
        """Whether the file is there."""
        return self.exists()

    @contextmanager
    def hold(
        self,
        what: str,
        lost: Callable[[], object] | None = None,
        *,
        shared: bool = False,
        on_notice: Callable[[], object] | None = None,
    ) -> Iterator[None]:
        """Do nothing: the locks of the data folder keep a second process away."""
        yield

    def is_held(self, what: str) -> bool:
        """False: a data folder's locks are files of their own."""
        return False

    def unsuitable(self) -> list[str]:
        """Nothing: there is no server."""
        return []

    def preallocate(self) -> None:
        """Make the write-ahead log as long as it gets before it is begun again.

        A commit that makes a file longer waits for the file system's own journal, and with it for whatever anybody
        writes to that disk, a rebuild of the site for one; a commit that overwrites waits for its own bytes alone. The
        pages are free for what comes. A disk that is nearly full is left as it is: pages and drafts need its last bytes.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        if log.exists() and log.stat().st_size >= _CHECKPOINT_PAGES * _PAGE:
            return
        if disk_usage(self.path.parent).free < 20 * _CHECKPOINT_PAGES * _PAGE:
            return
        # Whoever holds the file now makes the log longer by itself.
        with suppress(DatabaseError), self.connect() as connection:
            with connection.transaction():
                connection.execute("DROP TABLE IF EXISTS filler")
                connection.execute("CREATE TABLE filler (pages BLOB)")
                connection.execute(
                    "INSERT INTO filler VALUES (zeroblob(:length))", length=_CHECKPOINT_PAGES * _PAGE
                )
            connection.execute("DROP TABLE filler")

    def copy_to(
        self, file: Path, prepare: Callable[[Connection], object], progress: Progress | None = None
    ) -> None:
        """As the port says."""
        with self.connect() as source, closing(sqlite3.connect(file)) as target:
            source._raw.backup(
                target,
                pages=_COPIED_AT_ONCE,
                progress=(lambda _, left, pages: progress(pages - left, pages)) if progress else None,
            )
        SqliteDatabase(file).make_plain()

    def make_plain(self) -> None:
        """End the write-ahead log: an archive has no place for one."""
        with closing(sqlite3.connect(self.path)) as raw:
            raw.execute("PRAGMA journal_mode = DELETE")


def _write_ahead(connection: SqliteConnection) -> None:
    switch = "PRAGMA journal_mode = WAL"
    try:
        connection.execute(switch)
    except DatabaseLocked:
        # Of those who switch a new file at once only one can, and for this one lock SQLite makes nobody wait.
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

        patiently = Retrying(
            retry=retry_if_exception_type(DatabaseLocked),
            stop=stop_after_delay(BUSY_TIMEOUT / 1000),
            wait=wait_random(0, 0.05),
            reraise=True,
        )
        patiently(connection.execute, switch)


def _translated(error: sqlite3.Error) -> DatabaseError:
    code = getattr(error, "sqlite_errorcode", None)
    # Extended codes carry the primary one in their low byte.
    match None if code is None else code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DatabaseLocked(str(error))
        case sqlite3.SQLITE_CONSTRAINT:
            return ConstraintViolated(str(error))
        case sqlite3.SQLITE_FULL:
            return DatabaseError("the disk is full")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return DatabaseUnusable(f"the database file is damaged ({error})")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return DatabaseUnusable(f"the database file cannot be written ({error})")
        case sqlite3.SQLITE_IOERR:
            return DatabaseError(f"the disk refused ({error})")
        case _:
            return DatabaseError(str(error))
