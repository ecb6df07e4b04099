"""Moving a studio's tables between SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.storage.data_lock import DataInUse, occupy
from engine.storage.database import Database, DatabaseError, DatabaseLocked, Progress
from engine.storage.meta import Meta
from engine.storage.opening import database_of
from engine.storage.signing_key import SIGNING_KEY, SIGNING_KEY_FILE, signing_key
from engine.storage.transfer import copy_tables
from publisher.catalogue.published import Catalogue
from publisher.worker import Busy, publisher_lock

__all__ = ["MoveRefused", "move_tables"]


class MoveRefused(Exception):
    """Source or target cannot be used for it; the message says why and what to do."""


def move_tables(source: str, target: str, progress: Progress) -> int:
    """Copy every row from the database of ``source`` into that of ``target``; returns how many rows.

    Each is a data folder or a ``postgresql://`` URL. Of a folder the database and the signing key are meant; its
    drafts and settings stay where they are.

    Raises:
        MoveRefused: one of them is in use, the source is no studio, or the target holds one.
    """
    try:
        with _held(source) as kept, _held(target, make=True) as wanted:
            if not kept.exists():
                raise MoveRefused(f"there is no studio in {_named(source)}")
            with kept.connect() as old, wanted.connect() as new:
                # Both have the publisher's tables, in the version of this program.
                Catalogue(old)
                Catalogue(new)
                rows = copy_tables(old, new, progress)
            _move_signing_key(source, kept, target, wanted)
            return rows
    except DataInUse as error:
        raise MoveRefused(f"{error}: stop it first") from error
    except DatabaseLocked as error:
        raise MoveRefused(f"{error}: stop it first") from error
    except DatabaseError as error:
        raise MoveRefused(str(error)) from error
    except OSError as error:
        raise MoveRefused(f"{error.filename}: {error.strerror}") from error


@contextmanager
def _held(place: str, *, make: bool = False) -> Iterator[Database]:
    """The database of a place, with every server and publisher kept away from it."""
    folder = _folder(place)
    if folder is None:
        database = database_of(Path(), place)
        with database.hold("server"), database.hold("publisher"):
            yield database
        return
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    elif not folder.is_dir():
        raise MoveRefused(f"there is no folder {folder}")
    database = database_of(folder)
    try:
        with occupy(folder), publisher_lock(folder, database):
            yield database
    except Busy as error:
        raise MoveRefused(f"{error}: stop it first") from error


def _move_signing_key(source: str, kept: Database, target: str, wanted: Database) -> None:
    """Let the target sign as the source does, so that the links that were sent stay good."""
    old, new = _folder(source), _folder(target)
    key = signing_key(old) if old is not None and (old / SIGNING_KEY_FILE).exists() else _kept_key(kept)
    if key is None:
        return
    if new is not None:
        # The target held no studio, so that nothing was signed with a key that a first start left there.
        (new / SIGNING_KEY_FILE).unlink(missing_ok=True)
        signing_key(new, made_of=key.hex())
    else:
        with wanted.connect() as connection:
            Meta(connection).set(SIGNING_KEY, key.hex())


def _kept_key(database: Database) -> bytes | None:
    with database.connect() as connection:
        kept = Meta(connection).get(SIGNING_KEY)
    return None if kept is None else bytes.fromhex(kept)


def _folder(place: str) -> Path | None:
    if place.startswith(("postgresql://", "postgres://")):
        return None
    if "://" in place:
        # As the name of a folder it would hold a copy that nobody looks for there.
        scheme = place.partition("://")[0]
        raise MoveRefused(f"{scheme}:// is no place of a studio: name a data folder, or a postgresql:// URL")
    return Path(place)


def _named(place: str) -> str:
    """A place as it may be printed: a URL without what stands before its host."""
    return place if _folder(place) is not None else "the database at " + place.rpartition("@")[2]
