"""Which role a credential allows on a WebSocket: keys of the server, tokens of a session."""

from __future__ import annotations

from aiohttp import web

from engine.clock import Clock
from engine.domain.rejection import BadCredential
from engine.domain.session import STAFF, Role
from engine.protocol.tokens import Expired, SessionToken, Tokens
from engine.storage.keys import Keys

__all__ = ["SocketAuthorization", "credential_of"]


def credential_of(request: web.Request) -> str | None:
    """The credential in the headers of a handshake, or None. Programs can send one; browsers cannot."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    return request.headers.get("X-API-Key")


class SocketAuthorization:
    """Checks credentials against the keys and the signed tokens of this server."""

    def __init__(self, keys: Keys, tokens: Tokens, clock: Clock) -> None:
        self._keys = keys
        self._tokens = tokens
        self._clock = clock

    def check_role(self, session_id: str, role: Role, credential: str | None) -> bool:
        """Check that ``credential`` allows ``role`` in a session.

        Returns whether it also admits to a session by invitation; without a credential it does not.

        Raises:
            BadCredential: the credential is unknown or expired, or does not allow this role.
        """
        if credential is None:
            if role in STAFF:
                raise BadCredential("bad_credential", f"Role {role} needs the instructor's token or a key.")
            return False
        if self._keys.identify(credential) is not None:
            return True
        token = self._token(credential)
        if token is None or token.session_id != session_id:
            raise BadCredential("bad_credential", "This token is not of this session.")
        if role in STAFF and token.role not in STAFF:
            raise BadCredential("bad_credential", f"This token does not open the role {role}.")
        if role is Role.PARTICIPANT and token.role is Role.OBSERVER:
            raise BadCredential("bad_credential", "This token is for watching.")
        return True

    def need_staff(self, session_id: str, credential: str | None) -> None:
        """Check that ``credential`` is a key, or the instructor's token of the session.

        Raises:
            BadCredential: it is neither, or there is none.
        """
        if not credential:
            raise BadCredential(
                "bad_credential", "Events need a key, or the instructor's token of this session."
            )
        if self._keys.identify(credential) is not None:
            return
        token = self._token(credential)
        if token is None or token.session_id != session_id or token.role not in STAFF:
            raise BadCredential(
                "bad_credential", "This is no key, and no instructor's token of this session."
            )

    def _token(self, credential: str) -> SessionToken | None:
        try:
            return self._tokens.read(credential, self._clock.now())
        except Expired:
            raise BadCredential("token_expired", "This link has expired; ask for a new one.") from None
