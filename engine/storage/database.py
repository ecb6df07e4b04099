"""The one database file of a data folder: how it is opened, and the engine's tables in it.

Engine and publisher share the file, each through connections of its own. WAL lets readers go on
beside the one writer; ``synchronous=FULL`` makes a commit mean the disk; transactions are short, and
whoever finds the file locked waits up to five seconds before SQLite says so.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from shutil import disk_usage

__all__ = [
    "BUSY_TIMEOUT",
    "FILE_NAME",
    "SCHEMA_VERSION",
    "DatabaseUnusable",
    "connect",
    "examine",
    "is_locked",
    "lengthen_log",
    "scrub",
]

FILE_NAME = "halcytone.db"
BUSY_TIMEOUT = 5000
"""Milliseconds that a connection waits for a lock."""


_CACHE_KIB = 16 * 1024
_PAGE = 4096
_CHECKPOINT_PAGES = 2000
"""Pages of 4 KiB that the log beside the file may have before they are copied into it."""


class DatabaseUnusable(Exception):
    """The file cannot be used: damaged, not a database, unwritable, or written by a newer version."""


# One script per version, applied in order to whatever the file has. A released script never changes.
_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE keys (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        digest BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        revoked_at INTEGER
    ) WITHOUT ROWID;

    CREATE TABLE rooms (
        session_id TEXT PRIMARY KEY,
        epoch TEXT NOT NULL,
        phase TEXT NOT NULL,
        title TEXT NOT NULL,
        instructor TEXT NOT NULL,
        session_type TEXT NOT NULL,
        scheduled_start INTEGER NOT NULL,
        started_at INTEGER,
        ended_at INTEGER,
        visibility TEXT NOT NULL,
        access TEXT NOT NULL,
        max_participants INTEGER NOT NULL,
        next_deadline INTEGER,
        document TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        cancelled INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX rooms_by_phase ON rooms (phase, scheduled_start, session_id);
    CREATE INDEX rooms_by_deadline ON rooms (next_deadline) WHERE next_deadline IS NOT NULL;

    CREATE TABLE journal (
        session_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        seq INTEGER,
        at INTEGER NOT NULL,
        event BLOB NOT NULL,
        PRIMARY KEY (session_id, position)
    ) WITHOUT ROWID;

    CREATE TABLE state_snapshots (
        session_id TEXT PRIMARY KEY,
        position INTEGER NOT NULL,
        state BLOB NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE event_ids (
        session_id TEXT NOT NULL,
        event_id TEXT NOT NULL,
        PRIMARY KEY (session_id, event_id)
    ) WITHOUT ROWID;

    CREATE TABLE people (
        session_id TEXT NOT NULL,
        client_id TEXT NOT NULL,
        name TEXT,
        consents TEXT NOT NULL,
        email TEXT,
        own_summary TEXT,
        rating INTEGER,
        comment TEXT,
        quote_state TEXT,
        publish_quote INTEGER NOT NULL,
        publish_name INTEGER NOT NULL,
        vouched INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        PRIMARY KEY (session_id, client_id)
    ) WITHOUT ROWID;

    CREATE TABLE snapshots (
        session_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        content_id TEXT NOT NULL UNIQUE,
        document TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (session_id, version)
    ) WITHOUT ROWID;

    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        session_id TEXT NOT NULL,
        channel TEXT NOT NULL,
        version INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        next_attempt_at INTEGER,
        last_error TEXT,
        updated_at INTEGER NOT NULL,
        UNIQUE (session_id, channel, content_hash)
    );
    CREATE INDEX outbox_by_state ON outbox (state, next_attempt_at);
    """,
    # The log in the order in which it is written: a commit of many sessions fills one page after the other,
    # where a table sorted by session has a page to write for each (a quarter of the time with 500 of them).
    """
    ALTER TABLE journal RENAME TO journal_by_session;
    CREATE TABLE journal (
        session_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        seq INTEGER,
        at INTEGER NOT NULL,
        event BLOB NOT NULL,
        PRIMARY KEY (session_id, position)
    );
    INSERT INTO journal SELECT session_id, position, seq, at, event FROM journal_by_session;
    DROP TABLE journal_by_session;
    """,
    # How many came to a session that is over, beside what else the list shows of it: its log is not read for that.
    """
    UPDATE rooms SET document = json_set(document, '$.participant_count', (
        SELECT count(*) FROM state_snapshots AS kept, json_each(CAST(kept.state AS TEXT), '$.members') AS member
        WHERE kept.session_id = rooms.session_id AND json_extract(member.value, '$.role') = 'participant'
    )) WHERE phase IN ('ending', 'ended', 'published', 'cancelled');
    """,
)

SCHEMA_VERSION = len(_MIGRATIONS)


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode with ``sqlite3.Row`` rows; creates or migrates the engine's tables.

    The connection may be handed to another thread, and is used by one thread at a time.

    Raises:
        DatabaseUnusable: the file is damaged, no database, cannot be written, or of a newer version.
        sqlite3.OperationalError: another process held the lock for longer than ``BUSY_TIMEOUT``
            (``is_locked`` tells).
    """
    try:
        # Names and addresses are in it: a new file is its owner's alone, and WAL files follow it.
        if not path.exists():
            path.touch(mode=0o600)
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT / 1000, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise DatabaseUnusable(f"{path.name} cannot be opened: {error}") from error
    try:
        connection.row_factory = sqlite3.Row
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # What a person takes back is overwritten, not only unlinked.
        connection.execute("PRAGMA secure_delete = ON")
        # Every page that a commit of hundreds of sessions touches, and its way from the log into the file less often.
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        _migrate(connection, path.name)
    except sqlite3.Error as error:
        connection.close()
        if is_locked(error):
            raise
        raise DatabaseUnusable(f"{path.name} cannot be used: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    switch = "PRAGMA journal_mode = WAL"
    try:
        connection.execute(switch)
    except sqlite3.OperationalError as error:
        # Of those who switch a new file at once only one can, and for this one lock SQLite makes nobody wait.
        if not is_locked(error):
            raise
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

        patiently = Retrying(
            retry=retry_if_exception(is_locked),
            stop=stop_after_delay(BUSY_TIMEOUT / 1000),
            wait=wait_random(0, 0.05),
            reraise=True,
        )
        patiently(connection.execute, switch)


def scrub(connection: sqlite3.Connection) -> bool:
    """Take what was deleted out of the log beside the file as well; whether nobody was in the way.

    It waits for nobody: whoever is told False may ask again later.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if not is_locked(error):
            raise
        busy = 1
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    return not busy


def is_locked(error: BaseException) -> bool:
    """Whether the error only says that somebody else holds the lock, so that waiting helps."""
    code = getattr(error, "sqlite_errorcode", None)
    # Extended codes carry the primary one in their low byte.
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def examine(path: Path) -> list[str]:
    """What a full check finds wrong with the file, one sentence each; empty when it is sound."""
    if not path.is_file():
        return [f"{path.name} does not exist"]
    try:
        connection = connect(path)
    except (DatabaseUnusable, sqlite3.Error) as error:
        return [str(error)]
    try:
        rows = connection.execute("PRAGMA integrity_check").fetchall()
        return [str(row[0]) for row in rows if row[0] != "ok"]
    except sqlite3.Error as error:
        return [f"{path.name} is damaged: {error}"]
    finally:
        connection.close()


def lengthen_log(path: Path) -> None:
    """Make the log beside the file as long as it gets before it is begun again.

    A commit that makes a file longer waits for the file system's own journal, and with it for whatever anybody
    writes to that disk, a rebuild of the site for one; a commit that overwrites waits for its own bytes alone. The
    pages are free for what comes. A disk that is nearly full is left as it is: pages and drafts need its last bytes.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size >= _CHECKPOINT_PAGES * _PAGE:
        return
    if disk_usage(path.parent).free < 20 * _CHECKPOINT_PAGES * _PAGE:
        return
    with suppress(sqlite3.OperationalError, DatabaseUnusable), closing(connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DROP TABLE IF EXISTS filler")
        connection.execute("CREATE TABLE filler (pages BLOB)")
        connection.execute("INSERT INTO filler VALUES (zeroblob(?))", (_CHECKPOINT_PAGES * _PAGE,))
        connection.execute("COMMIT")
        connection.execute("DROP TABLE filler")


def _migrate(connection: sqlite3.Connection, name: str) -> None:
    if _version(connection, name) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
        )
        # Asked again under the lock: two processes may open a new file at once.
        for script in _MIGRATIONS[_version(connection, name) :]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(
            "INSERT INTO meta VALUES ('engine_schema', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (str(SCHEMA_VERSION),),
        )
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, name: str) -> int:
    known = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
    ).fetchone()
    if known is None:
        return 0
    row = connection.execute("SELECT value FROM meta WHERE key = 'engine_schema'").fetchone()
    version = int(row["value"]) if row else 0
    if version > SCHEMA_VERSION:
        raise DatabaseUnusable(
            f"{name} was written by a newer version of Halcytone Live (schema {version}, this one knows "
            f"{SCHEMA_VERSION}): upgrade, or restore a backup"
        )
    return version
