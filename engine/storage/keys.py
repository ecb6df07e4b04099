"""API keys: the administrator's, and named ones for instructors that can be revoked.

A key is a random token of 256 bits, so its SHA-256 says nothing about it and needs no slow hash. Only
digests are kept. The key that signs session tokens is a file of its own, readable by its owner alone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.domain.instant import Millis
from engine.storage.database import ConstraintViolated, Database, DatabaseLocked, DatabaseLost

__all__ = ["SIGNING_KEY_FILE", "Key", "KeyNameTaken", "KeyRole", "Keys", "signing_key"]

SIGNING_KEY_FILE = "signing.key"
_ADMINISTRATOR = "administrator"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,99}")


class KeyRole(StrEnum):
    """The role that a key gives."""

    ADMINISTRATOR = "administrator"
    INSTRUCTOR = "instructor"


class KeyNameTaken(Exception):
    """A key of this name exists, perhaps revoked; names are not used twice."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret."""

    name: str
    role: KeyRole
    created_at: Millis
    revoked_at: Millis | None = None


class Keys:
    """The table of keys. Blocking. A revocation by another process is seen by the next call."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connect()
        self._known: list[tuple[Key, bytes]] = []

    def ensure_administrator(self, secret: str | None, at: Millis) -> str | None:
        """At a start: make ``secret`` the administrator's key, or make one if there is none.

        Returns the new key when one was made: the only time that it can be shown.
        """
        if secret is not None:
            self._put(_ADMINISTRATOR, KeyRole.ADMINISTRATOR, secret, at)
            return None
        made = _token()
        # In one statement: another process may make it at this moment.
        written = self._connection.execute(
            "INSERT INTO keys (name, role, digest, created_at) SELECT :name, :role, :digest, :at"
            " WHERE NOT EXISTS (SELECT 1 FROM keys WHERE role = :role) ON CONFLICT DO NOTHING",
            name=_ADMINISTRATOR,
            role=KeyRole.ADMINISTRATOR,
            digest=_digest(made),
            at=at,
        )
        return made if written == 1 else None

    def create(self, name: str, at: Millis) -> str:
        """A new key for an instructor; the secret is returned and not kept.

        Raises:
            KeyNameTaken: the name is in use, or was.
            ValueError: no usable name.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(
                "a name has 1 to 100 letters, digits, spaces, or . _ @ - and begins with a letter or digit"
            )
        if name == _ADMINISTRATOR:
            raise KeyNameTaken(name)
        made = _token()
        try:
            self._connection.execute(
                "INSERT INTO keys (name, role, digest, created_at) VALUES (:name, :role, :digest, :at)",
                name=name,
                role=KeyRole.INSTRUCTOR,
                digest=_digest(made),
                at=at,
            )
        except ConstraintViolated as error:
            raise KeyNameTaken(name) from error
        return made

    def revoke(self, name: str, at: Millis) -> bool:
        """End an instructor's key; False when there is none of that name in force."""
        revoked = self._connection.execute(
            "UPDATE keys SET revoked_at = :at WHERE name = :name AND role = :role AND revoked_at IS NULL",
            at=at,
            name=name,
            role=KeyRole.INSTRUCTOR,
        )
        return revoked == 1

    def all(self) -> list[Key]:
        """Every key, revoked ones too, by name."""
        return [key for key, _ in self._read()]

    def identify(self, secret: str) -> Key | None:
        """The key in force that ``secret`` is, or None. Takes as long for a wrong one as for a right one."""
        presented = _digest(secret)
        found: Key | None = None
        for key, digest in self._read():
            if hmac.compare_digest(digest, presented) and key.revoked_at is None:
                found = key
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _read(self) -> list[tuple[Key, bytes]]:
        try:
            rows = self._connection.rows("SELECT * FROM keys ORDER BY name")
        except (DatabaseLocked, DatabaseLost):
            # Answering from what was known beats refusing everybody while the database is held or away.
            return self._known
        self._known = [
            (Key(row["name"], KeyRole(row["role"]), row["created_at"], row["revoked_at"]), row["digest"])
            for row in rows
        ]
        return self._known

    def _put(self, name: str, role: KeyRole, secret: str, at: Millis) -> None:
        self._connection.execute(
            "INSERT INTO keys (name, role, digest, created_at) VALUES (:name, :role, :digest, :at)"
            " ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, revoked_at = NULL, created_at ="
            " CASE keys.digest WHEN excluded.digest THEN keys.created_at ELSE excluded.created_at END",
            name=name,
            role=role,
            digest=_digest(secret),
            at=at,
        )


def signing_key(data: Path, made_of: str | None = None) -> bytes:
    """The 32 bytes that sign session tokens and ``resume``; made on the first call, or ``made_of`` these hex digits.

    Raises:
        ValueError: the file holds no such key.
    """
    file = data / SIGNING_KEY_FILE
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = bytes.fromhex(file.read_text("ascii").strip())
        if len(key) != 32:
            raise ValueError(f"{file.name} does not hold a key of 32 bytes") from None
        return key
    key = secrets.token_bytes(32) if made_of is None else bytes.fromhex(made_of)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(key.hex() + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    return key


def _token() -> str:
    return "hk_" + secrets.token_urlsafe(32)


def _digest(secret: str) -> bytes:
    # A header may hold anything: a lone surrogate is a wrong key, not an error.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
