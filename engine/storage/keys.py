"""API keys: the administrator's, and named ones for instructors that can be revoked.

A key is a random token of 256 bits, so its SHA-256 says nothing about it and needs no slow hash. Only
digests are kept. The key that signs session tokens is another thing (``signing_key``).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from engine.domain.instant import Millis
from engine.storage.database import (
    Connection,
    ConstraintViolated,
    Database,
    DatabaseError,
    DatabaseLocked,
    DatabaseLost,
)

__all__ = ["Key", "KeyNameTaken", "KeyRole", "Keys"]

_ADMINISTRATOR = "administrator"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,99}")


class KeyRole(StrEnum):
    """The role that a key gives."""

    ADMIN = "admin"
    """Everything."""
    INSTRUCTOR = "instructor"
    """The sessions that it made or was invited to."""
    ASSISTANT = "assistant"
    """As an instructor, without publishing."""


class KeyNameTaken(Exception):
    """A key of this name exists, perhaps revoked; names are not used twice."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret."""

    name: str
    role: KeyRole
    created_at: Millis
    revoked_at: Millis | None = None
    email: str | None = None


class Keys:
    """The table of keys. Blocking. A revocation by another process is seen by the next call.

    After ``keep_in_memory`` those who identify themselves wait for no database, and a revocation elsewhere is seen
    once somebody who looks at the database calls ``seen``.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = database.connect()
        self._known: list[tuple[Key, bytes]] = []
        self._reader: threading.Thread | None = None
        self._stop = False
        self._changed = threading.Event()
        self._state = ""
        self._begun = 0
        self.readings = 0
        """How often the table was read into memory, or could not be."""

    def keep_in_memory(self, every_s: float = 30.0) -> None:
        """Answer from memory from now on; a thread reads the table again when ``seen`` says so, or after ``every_s`` seconds.

        For a database behind a network: one that is paused must not stop the loop on which sockets are served.
        """
        self._known = self._read()
        self._reader = threading.Thread(target=self._keep_reading, args=(every_s,), name="keys", daemon=True)
        self._reader.start()

    @property
    def in_memory(self) -> bool:
        """Whether keys are answered for from memory."""
        return self._reader is not None

    def seen(self, state: str) -> None:
        """Have the table read again soon where ``state`` is another than before. From any thread; never waits."""
        if state != self._state:
            self._state = state
            self._changed.set()

    def look_again(self) -> int:
        """Have the table read again soon: something changed, perhaps a key. From any thread; never waits.

        Returns the number of a reading that begins after this call: once ``readings`` is as high, it is over.
        """
        wanted = self._begun + 1
        self._changed.set()
        return wanted if self._reader is not None else self.readings

    def ensure_administrator(self, secret: str | None, at: Millis) -> str | None:
        """At a start: make ``secret`` the administrator's key, or make one if there is none.

        Returns the new key when one was made: the only time that it can be shown.
        """
        if secret is not None:
            self._put(_ADMINISTRATOR, KeyRole.ADMIN, secret, at)
            return None
        made = _token()
        # In one statement: another process may make it at this moment.
        written = self._connection.execute(
            "INSERT INTO keys (name, role, digest, created_at) SELECT :name, :role, :digest, :at"
            " WHERE NOT EXISTS (SELECT 1 FROM keys WHERE name = :name) ON CONFLICT DO NOTHING",
            name=_ADMINISTRATOR,
            role=KeyRole.ADMIN,
            digest=_digest(made),
            at=at,
        )
        return made if written == 1 else None

    def create(
        self, name: str, at: Millis, role: KeyRole = KeyRole.INSTRUCTOR, email: str | None = None
    ) -> str:
        """A new key; the secret is returned and not kept. ``email`` is where its owner gets links to sign in.

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
            # Changed and announced at once, or neither: a connection that breaks in between leaves no server behind.
            with self._connection.transaction():
                self._connection.execute(
                    "INSERT INTO keys (name, role, digest, created_at, email)"
                    " VALUES (:name, :role, :digest, :at, :email)",
                    name=name,
                    role=role,
                    digest=_digest(made),
                    at=at,
                    email=email,
                )
                self._connection.announce()
        except ConstraintViolated as error:
            raise KeyNameTaken(name) from error
        self._read()
        return made

    def renew(self, name: str) -> str | None:
        """A new secret in the place of the one before; None when there is no key of that name in force.

        The administrator's is made at the start of the server.
        """
        made = _token()
        with self._connection.transaction():
            renewed = self._connection.execute(
                "UPDATE keys SET digest = :digest WHERE name = :name AND name <> :first AND revoked_at IS NULL",
                digest=_digest(made),
                name=name,
                first=_ADMINISTRATOR,
            )
            if renewed == 1:
                self._end_other_ways(name)
                self._connection.announce()
        self._read()
        return made if renewed == 1 else None

    def revoke(self, name: str, at: Millis) -> bool:
        """End a key; False when there is none of that name in force. The administrator's own stays."""
        with self._connection.transaction():
            revoked = self._connection.execute(
                "UPDATE keys SET revoked_at = :at WHERE name = :name AND name <> :first AND revoked_at IS NULL",
                at=at,
                name=name,
                first=_ADMINISTRATOR,
            )
            if revoked == 1:
                self._end_other_ways(name)
                self._connection.announce()
        self._read()
        return revoked == 1

    def all(self) -> list[Key]:
        """Every key, revoked ones too, by name."""
        return list(dict.fromkeys(key for key, _ in self._read()))

    def identify(self, secret: str) -> Key | None:
        """The key in force that ``secret`` is, or None. Takes as long for a wrong one as for a right one."""
        presented = _digest(secret)
        found: Key | None = None
        for key, digest in self._known if self._reader is not None else self._read():
            if hmac.compare_digest(digest, presented) and key.revoked_at is None:
                found = key
        return found

    def in_force(self, name: str) -> Key | None:
        """The key of a name, or None where there is none or it was revoked."""
        known = self._known if self._reader is not None else self._read()
        return next((key for key, _ in known if key.name == name and key.revoked_at is None), None)

    def close(self) -> None:
        """Close the connection; the thread that reads ends by itself."""
        self._stop = True
        self._changed.set()
        self._connection.close()

    def _read(self) -> list[tuple[Key, bytes]]:
        # Answering from what was known beats refusing everybody while the database is held or away.
        with suppress(DatabaseLocked, DatabaseLost):
            self._known = _all(self._connection)
        return self._known

    def _keep_reading(self, every_s: float) -> None:
        connection: Connection | None = None
        try:
            while True:
                self._changed.wait(every_s)
                if self._stop:
                    return
                self._changed.clear()
                self._begun += 1
                try:
                    connection = connection or self._database.connect()
                    self._known = _all(connection)
                except DatabaseError:
                    # The next look says so again.
                    self._state = ""
                self.readings = self._begun
        finally:
            if connection is not None:
                connection.close()

    def _end_other_ways(self, name: str) -> None:
        """End the links, passkeys and secrets that stand for a key: whoever knew it may have made some of them."""
        self._connection.execute("DELETE FROM sign_ins WHERE key_name = :name", name=name)
        self._connection.execute("DELETE FROM passkeys WHERE key_name = :name", name=name)

    def _put(self, name: str, role: KeyRole, secret: str, at: Millis) -> None:
        with self._connection.transaction():
            before = self._connection.value("SELECT digest FROM keys WHERE name = :name", name=name)
            if before is not None and bytes(before) != _digest(secret):
                self._end_other_ways(name)
            self._write(name, role, secret, at)

    def _write(self, name: str, role: KeyRole, secret: str, at: Millis) -> None:
        self._connection.execute(
            "INSERT INTO keys (name, role, digest, created_at) VALUES (:name, :role, :digest, :at)"
            " ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, revoked_at = NULL, created_at ="
            " CASE keys.digest WHEN excluded.digest THEN keys.created_at ELSE excluded.created_at END",
            name=name,
            role=role,
            digest=_digest(secret),
            at=at,
        )


def _all(connection: Connection) -> list[tuple[Key, bytes]]:
    rows = connection.rows("SELECT * FROM keys ORDER BY name")
    # Secrets that a link gave stand for their key.
    signed_in = connection.rows(
        "SELECT k.name, k.role, s.digest, k.created_at, k.revoked_at, k.email FROM sign_ins s"
        " JOIN keys k ON k.name = s.key_name WHERE s.kind = 'secret' AND s.expires_at > :now",
        now=time.time_ns() // 1_000_000,
    )
    return [
        (
            Key(row["name"], KeyRole(row["role"]), row["created_at"], row["revoked_at"], row["email"]),
            row["digest"],
        )
        for row in (*rows, *signed_in)
    ]


def _token() -> str:
    return "hk_" + secrets.token_urlsafe(32)


def _digest(secret: str) -> bytes:
    # A header may hold anything: a lone surrogate is a wrong key, not an error.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
