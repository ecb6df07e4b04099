"""Sign-in without a key: links that were sent by mail, each good once, and the secrets that they gave. Only digests are kept."""

from __future__ import annotations

import hashlib
import secrets

from engine.domain.instant import HOUR, MINUTE, Millis
from engine.storage.database import Connection

__all__ = ["LINK_VALID", "SIGN_IN_MAIL", "SignIns"]

SIGN_IN_MAIL = "sign_in"
"""The kind of the mails with such links."""
LINK_VALID: Millis = 15 * MINUTE
_SECRET_VALID: Millis = 30 * 24 * HOUR


class SignIns:
    """The table over one connection. Blocking."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def addressed(self, address: str) -> list[str]:
        """The names of the keys in force whose owner has a mail address."""
        rows = self._connection.rows(
            "SELECT name FROM keys WHERE lower(email) = :address AND revoked_at IS NULL ORDER BY name",
            address=address.lower(),
        )
        return [row["name"] for row in rows]

    def in_force(self) -> set[str]:
        """The names of the keys that were not revoked."""
        return {
            row["name"] for row in self._connection.rows("SELECT name FROM keys WHERE revoked_at IS NULL")
        }

    def make_link(self, key_name: str, at: Millis) -> str:
        """The token of a new link, which signs in once within 15 minutes."""
        return self._make(key_name, "link", at + LINK_VALID)

    def use_link(self, token: str, at: Millis) -> tuple[str, str, Millis] | None:
        """The name of a link's key, a secret that stands for it, and until when; None where the link is none any more."""
        with self._connection.transaction():
            self._connection.execute("DELETE FROM sign_ins WHERE expires_at <= :at", at=at)
            name = self._connection.value(
                "SELECT s.key_name FROM sign_ins s JOIN keys k ON k.name = s.key_name"
                " WHERE s.digest = :digest AND s.kind = 'link' AND k.revoked_at IS NULL",
                digest=_digest(token),
            )
            used = name and self._connection.execute(
                "DELETE FROM sign_ins WHERE digest = :digest AND kind = 'link'", digest=_digest(token)
            )
            if not used:
                return None
            return (name, *self.make_secret(name, at))

    def make_secret(self, key_name: str, at: Millis, *, passkey: str | None = None) -> tuple[str, Millis]:
        """A secret that stands for a key, and until when; ``passkey``: the one that it ends with."""
        until = at + _SECRET_VALID
        return self._make(key_name, "secret", until, passkey), until

    def _make(self, key_name: str, kind: str, expires_at: Millis, passkey: str | None = None) -> str:
        made = ("hl_" if kind == "link" else "hs_") + secrets.token_urlsafe(32)
        with self._connection.transaction():
            self._connection.execute(
                "INSERT INTO sign_ins (digest, key_name, kind, expires_at, passkey)"
                " VALUES (:digest, :name, :kind, :until, :passkey)",
                digest=_digest(made),
                name=key_name,
                kind=kind,
                until=expires_at,
                passkey=passkey,
            )
            self._connection.announce()
        return made


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
