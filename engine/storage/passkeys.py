"""Passkeys: public keys of authenticators that stand for somebody's key of the team. No secret of theirs is ever here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from engine.domain.instant import MINUTE, Millis
from engine.storage.database import Connection, ConstraintViolated, Row
from engine.storage.sign_ins import SignIns

__all__ = ["CHALLENGE_VALID", "MOST_PASSKEYS", "Passkey", "Passkeys"]

CHALLENGE_VALID: Millis = 5 * MINUTE
MOST_PASSKEYS = 20
"""Passkeys that one key may have."""
_IN_FORCE = (
    "passkeys p JOIN keys k ON k.name = p.key_name AND k.digest = p.key_digest AND k.revoked_at IS NULL"
)
"""Those of keys that are as they were: a server of the version before renews a key and does not know of its passkeys."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey."""

    id: str
    """The authenticator's id of it, base64url."""
    key_name: str
    public_key: bytes
    """COSE."""
    sign_count: int
    """Signatures so far, as the authenticator counts them; 0 where it does not count."""
    name: str
    created_at: Millis
    used_at: Millis | None = None


class Passkeys:
    """The table over one connection. Blocking."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def challenge(self, challenge: bytes, key_name: str | None, at: Millis) -> None:
        """Note a challenge: good once, within five minutes, to add a passkey to ``key_name``, or to sign in (None)."""
        self._connection.execute("DELETE FROM passkey_challenges WHERE expires_at <= :at", at=at)
        self._connection.execute(
            "INSERT INTO passkey_challenges (digest, key_name, expires_at) VALUES (:digest, :name, :until)",
            digest=_digest(challenge),
            name=key_name,
            until=at + CHALLENGE_VALID,
        )

    def use_challenge(self, challenge: bytes, key_name: str | None, at: Millis) -> bool:
        """Whether a challenge was given out for this, and is good; it is not any more."""
        used = self._connection.execute(
            "DELETE FROM passkey_challenges WHERE digest = :digest AND expires_at > :at"
            " AND coalesce(key_name, '') = :name",
            digest=_digest(challenge),
            at=at,
            name=key_name or "",
        )
        return used == 1

    def of(self, key_name: str) -> list[Passkey]:
        """Those of a key, the oldest first."""
        rows = self._connection.rows(
            f"SELECT p.* FROM {_IN_FORCE} WHERE p.key_name = :name ORDER BY p.created_at, p.id", name=key_name
        )
        return [_passkey(row) for row in rows]

    def get(self, passkey_id: str) -> Passkey | None:
        """The one of an id whose key is in force, or None."""
        rows = self._connection.rows(f"SELECT p.* FROM {_IN_FORCE} WHERE p.id = :id", id=passkey_id)
        return _passkey(rows[0]) if rows else None

    def add(self, passkey: Passkey) -> bool:
        """Keep a new one; False where its id is taken, or its key has as many as it may or is in force no more."""
        try:
            added = self._connection.execute(
                "INSERT INTO passkeys (id, key_name, key_digest, public_key, sign_count, name, created_at)"
                " SELECT :id, k.name, k.digest, :public_key, :sign_count, :name, :at FROM keys k"
                " WHERE k.name = :key_name AND k.revoked_at IS NULL AND (SELECT count(*) FROM passkeys p"
                " WHERE p.key_name = k.name AND p.key_digest = k.digest) < :most",
                id=passkey.id,
                key_name=passkey.key_name,
                public_key=passkey.public_key,
                sign_count=passkey.sign_count,
                name=passkey.name,
                at=passkey.created_at,
                most=MOST_PASSKEYS,
            )
        except ConstraintViolated:
            return False
        return added == 1

    def sign_in(self, passkey: Passkey, sign_count: int, at: Millis) -> tuple[str, Millis] | None:
        """A secret that stands for a passkey's key, and until when; None where it was used or removed meanwhile."""
        with self._connection.transaction():
            used = self._connection.execute(
                "UPDATE passkeys SET sign_count = :count, used_at = :at WHERE id = :id AND sign_count = :before",
                count=sign_count,
                at=at,
                id=passkey.id,
                before=passkey.sign_count,
            )
            if used != 1:
                return None
            return SignIns(self._connection).make_secret(passkey.key_name, at, passkey=passkey.id)

    def remove(self, key_name: str, passkey_id: str) -> bool:
        """Remove one of a key's, and what it opened; False when it has none of that id."""
        with self._connection.transaction():
            removed = self._connection.execute(
                "DELETE FROM passkeys WHERE id = :id AND key_name = :name", id=passkey_id, name=key_name
            )
            if removed == 1:
                self._connection.execute("DELETE FROM sign_ins WHERE passkey = :id", id=passkey_id)
                self._connection.announce()
        return removed == 1


def _passkey(row: Row) -> Passkey:
    return Passkey(
        row["id"],
        row["key_name"],
        bytes(row["public_key"]),
        row["sign_count"],
        row["name"],
        row["created_at"],
        row["used_at"],
    )


def _digest(challenge: bytes) -> bytes:
    return hashlib.sha256(challenge).digest()
