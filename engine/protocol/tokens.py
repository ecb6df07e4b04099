"""Credentials of one session: tokens that open it in a role, and the secret that proves who somebody is.

Both are made from the signing key alone, so that nothing of them is stored and both outlive a restart.
A token is a JWT (HS256), valid until 24 h after the start of its session. A session may be moved after its links
were sent, so it is the session that decides (``valid_until``); ``exp`` in the token is what was so when it was made.
One that was given to a key of the team names it: it opens the session for as long as that key leads it, in its role.
``resume`` names its person, and is the same for as long as the key is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

import jwt

from engine.domain.instant import HOUR, SECOND, Millis
from engine.domain.session import Role, Session

__all__ = ["TOKEN_LIFETIME", "SessionToken", "Tokens", "is_token", "valid_until"]

TOKEN_LIFETIME: Millis = 24 * HOUR
_ALGORITHM = "HS256"
_AUDIENCE = "halcytone-session"
_RESUME = "r1."


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What a token says: ``role`` in one session; ``expires_at`` as it was when it was made."""

    session_id: str
    role: Role
    expires_at: Millis
    key_name: str | None = None
    """The key that it was given to, and with which it ends; None where it stands for nobody."""


def valid_until(state: Session) -> Millis:
    """Until when every token of a session is valid: its present start + 24 h, its creation's where it was late."""
    return max(state.details.scheduled_start, state.created_at) + TOKEN_LIFETIME


def is_token(secret: str) -> bool:
    """Whether a credential looks like a session's token, valid or not: no key and no ``resume`` begins so."""
    return secret.strip().startswith("eyJ")


class Tokens:
    """Makes and reads the credentials of every session of one server."""

    def __init__(self, key: bytes) -> None:
        # One purpose, one key: a token is never a resume.
        self._token_key = hashlib.sha256(b"session token\0" + key).digest()
        self._resume_key = hashlib.sha256(b"resume\0" + key).digest()

    def issue(self, session_id: str, role: Role, expires_at: Millis, key_name: str | None = None) -> str:
        """A token for ``role``, given to a key; the same arguments give the same token."""
        claims = {"aud": _AUDIENCE, "sub": session_id, "role": str(role), "exp": -(-expires_at // SECOND)}
        if key_name is not None:
            claims["key"] = key_name
        return jwt.encode(claims, self._token_key, algorithm=_ALGORITHM)

    def read(self, token: str) -> SessionToken | None:
        """What a token says, valid still or not; None when it is none of ours."""
        try:
            claims = jwt.decode(
                token,
                self._token_key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                # Its session says how long it is valid.
                options={"require": ["exp", "sub", "aud", "role"], "verify_exp": False},
            )
            return SessionToken(
                str(claims["sub"]), Role(claims["role"]), int(claims["exp"]) * SECOND, claims.get("key")
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            # Whatever somebody sends is a wrong token, never an error; lone surrogates come as ValueError.
            return None

    def resume(self, session_id: str, client_id: str) -> str:
        """The secret that proves ``client_id`` in a session."""
        return f"{_RESUME}{_encoded(client_id.encode())}.{_encoded(self._proof(session_id, client_id))}"

    def proves(self, session_id: str, client_id: str, resume: str) -> bool:
        """Whether ``resume`` is the secret of ``client_id``; takes the same time for right and wrong."""
        expected = self.resume(session_id, client_id).encode()
        return hmac.compare_digest(expected, resume.encode("utf-8", "surrogatepass"))

    def resumed_client_id(self, session_id: str, resume: str) -> str | None:
        """The ``client_id`` that a ``resume`` of this session proves; None when it proves nothing."""
        if not resume.startswith(_RESUME):
            return None
        name, _, _ = resume.removeprefix(_RESUME).partition(".")
        try:
            client_id = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
        except (binascii.Error, ValueError):
            return None
        return client_id if self.proves(session_id, client_id, resume) else None

    def _proof(self, session_id: str, client_id: str) -> bytes:
        return hmac.digest(self._resume_key, f"{session_id}\0{client_id}".encode(), "sha256")


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
