"""Which roles a secret opens: keys, session tokens, on sockets."""

from __future__ import annotations

from aiohttp import web

from engine.clock import Clock
from engine.domain.rejection import BadCredential
from engine.domain.session import STAFF, Role
from engine.protocol.tokens import Expired, SessionToken, Tokens
from engine.storage.keys import Keys

__all__ = ["Authority", "presented"]


def presented(request: web.Request) -> str | None:
    """The secret in the headers of a handshake: what programs can send, and browsers cannot."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    return request.headers.get("X-API-Key")


class Authority:
    """Knows the keys and the tokens of this server."""

    def __init__(self, keys: Keys, tokens: Tokens, clock: Clock) -> None:
        self._keys = keys
        self._tokens = tokens
        self._clock = clock

    def role(self, session_id: str, role: Role, secret: str | None) -> tuple[Role, bool]:
        """The role asked for, and whether ``secret`` opens the door of the session.

        Raises:
            BadCredential: the secret is none, or does not open this role.
        """
        if secret is None:
            if role in STAFF:
                raise BadCredential("bad_credential", f"Role {role} needs the instructor's token or a key.")
            return role, False
        if self._keys.identify(secret) is not None:
            return role, True
        token = self._token(secret)
        if token is None or token.session_id != session_id:
            raise BadCredential("bad_credential", "This token is not of this session.")
        if role in STAFF and token.role not in STAFF:
            raise BadCredential("bad_credential", f"This token does not open the role {role}.")
        if role is Role.PARTICIPANT and token.role is Role.OBSERVER:
            raise BadCredential("bad_credential", "This token is for watching.")
        return role, True

    def need_staff(self, session_id: str, secret: str | None) -> None:
        """Let a key or the instructor's token of the session pass.

        Raises:
            BadCredential: anybody else.
        """
        if not secret:
            raise BadCredential(
                "bad_credential", "Events need a key, or the instructor's token of this session."
            )
        if self._keys.identify(secret) is not None:
            return
        token = self._token(secret)
        if token is None or token.session_id != session_id or token.role not in STAFF:
            raise BadCredential(
                "bad_credential", "This is no key, and no instructor's token of this session."
            )

    def _token(self, secret: str) -> SessionToken | None:
        try:
            return self._tokens.read(secret, self._clock.now())
        except Expired:
            raise BadCredential("token_expired", "This link has expired; ask for a new one.") from None
