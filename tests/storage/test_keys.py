"""Keys: made once, kept as digests, revocable, compared whole."""

from __future__ import annotations

import errno
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.storage.database import Database, DatabaseLost
from engine.storage.keys import Key, KeyNameTaken, KeyRole, Keys
from engine.storage.opening import database_of
from engine.storage.signing_key import SIGNING_KEY_FILE, signing_key
from engine.storage.sqlite import FILE_NAME


@pytest.fixture
def keys(database: Database) -> Iterator[Keys]:
    with closing(Keys(database)) as kept:
        yield kept


def test_the_first_start_makes_a_key_and_shows_it_once(keys: Keys) -> None:
    """Without a given secret one is made; the second start makes none."""
    made = keys.ensure_administrator(None, at=10)

    assert made is not None
    assert len(made) >= 43
    assert keys.identify(made) == Key("administrator", KeyRole.ADMIN, 10)
    assert keys.ensure_administrator(None, at=20) is None
    assert keys.identify(made) is not None


def test_two_first_starts_make_one_key(
    keys: Keys, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process made the key, and showed it, while this one was about to: that one stays good."""
    with closing(Keys(database)) as other:
        shown: list[str] = []

        def made_elsewhere() -> str:
            monkeypatch.undo()
            shown.append(other.ensure_administrator(None, at=9) or "")
            return "hk_mine"

        monkeypatch.setattr("engine.storage.keys._token", made_elsewhere)
        assert keys.ensure_administrator(None, at=10) is None
    assert keys.identify("hk_mine") is None
    assert keys.identify(shown[0]) is not None


def test_a_given_secret_becomes_the_administrators_key(keys: Keys) -> None:
    """A secret from the settings replaces the one in force, and is never returned."""
    made = keys.ensure_administrator(None, at=10)
    assert made is not None

    assert keys.ensure_administrator("from the settings", at=20) is None

    assert keys.identify(made) is None
    found = keys.identify("from the settings")
    assert found is not None
    assert found.role is KeyRole.ADMIN


def test_no_secret_is_stored(keys: Keys, database: Database, tmp_path: Path) -> None:
    """Neither tables nor files hold anything but digests."""
    secrets = [keys.ensure_administrator(None, at=1) or "", keys.create("Sarah", at=2)]
    with database.connect() as connection:
        rows = [row for table in connection.tables() for row in connection.rows(f"SELECT * FROM {table}")]
    keys.close()

    assert rows
    content = repr([dict(row) for row in rows]).encode()
    content += b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert all(secret.encode() not in content for secret in secrets)


def test_an_instructors_key_works_until_it_is_revoked_by_anybody(keys: Keys, database: Database) -> None:
    """A revocation through another connection counts at once, and the name stays taken."""
    secret = keys.create("Sarah", at=1)
    assert keys.identify(secret) == Key("Sarah", KeyRole.INSTRUCTOR, 1)

    with closing(Keys(database)) as elsewhere:
        assert elsewhere.revoke("Sarah", at=2)
        assert not elsewhere.revoke("Sarah", at=3)

    assert keys.identify(secret) is None
    with pytest.raises(KeyNameTaken):
        keys.create("Sarah", at=4)
    assert [key.revoked_at for key in keys.all()] == [2]


@pytest.mark.parametrize("change", ["create", "renew", "revoke"])
def test_a_change_that_could_not_be_announced_was_not_made(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """A connection that breaks before the other servers are told leaves no key with them that is none any more."""
    secret = keys.create("Sarah", at=1)

    def broken(_: object) -> None:
        raise DatabaseLost("away")

    with monkeypatch.context() as patched:
        patched.setattr(type(keys._connection), "announce", broken)
        with pytest.raises(DatabaseLost):
            keys.create("Tom", at=2) if change == "create" else (
                keys.renew("Sarah") if change == "renew" else keys.revoke("Sarah", at=2)
            )
    assert [(key.name, key.revoked_at) for key in keys.all()] == [("Sarah", None)]
    assert keys.identify(secret) is not None


@pytest.mark.parametrize("name", ["", " ", "a" * 101, "<b>", "line\nbreak"])
def test_a_key_needs_a_usable_name(keys: Keys, name: str) -> None:
    """Names are short single lines."""
    with pytest.raises(ValueError, match="a name has"):
        keys.create(name, at=1)


def test_no_instructor_is_called_administrator(keys: Keys) -> None:
    """Also before there is one: the name is not to be had."""
    with pytest.raises(KeyNameTaken):
        keys.create("administrator", at=1)


@pytest.mark.parametrize("wrong", ["", "administrator", "hk_", "\udce9", "é" * 10_000])
def test_anything_else_is_nobody(keys: Keys, wrong: str) -> None:
    """Whatever a header may hold is a wrong key, never an error."""
    keys.ensure_administrator(None, at=1)
    assert keys.identify(wrong) is None


def test_a_locked_file_does_not_lock_people_out(tmp_path: Path) -> None:
    """While somebody holds the file exclusively, the keys last read still count."""
    keys = Keys(database_of(tmp_path))
    secret = keys.create("Sarah", at=1)
    assert keys.identify(secret) is not None
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert keys.identify(secret) is not None
    keys.close()


def test_the_signing_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    """The same 32 bytes at every start, in a file nobody else can read."""
    made = signing_key(tmp_path)

    assert len(made) == 32
    assert signing_key(tmp_path) == made
    assert stat.S_IMODE((tmp_path / SIGNING_KEY_FILE).stat().st_mode) == 0o600


def test_a_damaged_signing_key_is_an_error(tmp_path: Path) -> None:
    """A short or garbled key signs nothing."""
    database_of(tmp_path).connect().close()
    (tmp_path / SIGNING_KEY_FILE).write_text("abcd")
    with pytest.raises(ValueError, match="32 bytes"):
        signing_key(tmp_path)


def test_a_full_disk_leaves_no_half_of_a_signing_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start makes one, where half a file would keep it from ever starting again."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("engine.storage.atomic_file.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            signing_key(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert signing_key(tmp_path) == signing_key(tmp_path)
