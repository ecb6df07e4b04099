"""Which role a credential allows on a WebSocket, and who comes back: keys, tokens of a session, secrets to resume with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from engine.clock import Clock
from engine.domain.rejection import BadCredential, Unavailable, unknown_session
from engine.domain.session import STAFF, Role
from engine.protocol.tokens import SessionToken, Tokens, is_token, valid_until
from engine.sessions.directory import Directory
from engine.storage.database import DatabaseError
from engine.storage.keys import Key, KeyRole, Keys

__all__ = ["SocketAuthorization", "credential_of"]

_TOKEN = {"token": "does not open this"}
"""Says which of a client's credentials is refused: who has a ``resume`` may do without the token."""

_log = structlog.get_logger(__name__)


def credential_of(request: web.Request) -> str | None:
    """The credential in the headers of a handshake, or None. Programs can send one; browsers cannot."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    key = request.headers.get("X-API-Key")
    if scheme.lower() == "bearer" and secret.strip():
        # A session's token beside a key gives nothing that the key does not.
        return key if key and is_token(secret) else secret.strip()
    return key


class SocketAuthorization:
    """Checks credentials against the keys and the signed tokens of this server."""

    def __init__(
        self,
        keys: Keys,
        tokens: Tokens,
        directory: Directory,
        clock: Clock,
        leads: Callable[[str, str], Awaitable[bool]] | None = None,
    ) -> None:
        """``leads(key_name, session_id)`` is whether a key leads a session that does not lead all of them."""
        self._leads = leads
        self._keys = keys
        self._tokens = tokens
        self._directory = directory
        self._clock = clock

    async def check_role(self, session_id: str, role: Role, credential: str | None) -> bool:
        """Check that ``credential`` allows ``role`` in a session.

        Returns whether it also admits to a session by invitation; without a credential it does not.

        Raises:
            BadCredential: the credential is unknown or expired, or does not allow this role.
            NotFound: the key leads other sessions only.
            Unavailable: the database, which knows what a key leads, does not answer.
        """
        if credential is None:
            if role in STAFF:
                raise BadCredential("bad_credential", f"Role {role} needs the instructor's token or a key.")
            return False
        key = self._keys.identify(credential)
        if key is not None:
            if await self._leads_session(key, session_id):
                return True
            if role in STAFF:
                raise unknown_session(session_id)
            return False
        token = await self._valid_token(credential, session_id)
        if token is None:
            raise BadCredential("bad_credential", "This token is not of this session.", _TOKEN)
        if role in STAFF and token.role not in STAFF:
            raise BadCredential("bad_credential", f"This token does not open the role {role}.", _TOKEN)
        if role is Role.PARTICIPANT and token.role is Role.OBSERVER:
            raise BadCredential("bad_credential", "This token is for watching.", _TOKEN)
        return True

    async def need_staff(self, session_id: str, credential: str | None) -> None:
        """Check that ``credential`` is a key, or the instructor's token of the session.

        Raises:
            BadCredential: it is neither, or there is none.
            Unavailable: the database, which knows what a key leads, does not answer.
        """
        if not credential:
            raise BadCredential(
                "bad_credential", "Events need a key, or the instructor's token of this session."
            )
        key = self._keys.identify(credential)
        if key is not None:
            if not await self._leads_session(key, session_id):
                raise unknown_session(session_id)
            return
        token = await self._valid_token(credential, session_id)
        if token is None or token.role not in STAFF:
            raise BadCredential(
                "bad_credential", "This is no key, and no instructor's token of this session."
            )

    def proved_client_id(self, session_id: str, claimed: str | None, resume: str | None) -> str | None:
        """The ``client_id`` that ``resume`` proves; None where no ``resume`` was sent.

        Without ``claimed`` the secret alone names its owner.

        Raises:
            BadCredential: it is not that client's, or nobody's.
        """
        if resume is None:
            return None
        if claimed is None:
            claimed = self._tokens.resumed_client_id(session_id, resume)
        elif not self._tokens.proves(session_id, claimed, resume):
            claimed = None
        if claimed is None:
            raise BadCredential(
                "bad_credential",
                "This resume is not of this client_id in this session.",
                {"resume": "is not of this client_id"},
            )
        return claimed

    def resume_of(self, session_id: str, client_id: str) -> str:
        """The secret with which a client proves at its next connection that it is the same."""
        return self._tokens.resume(session_id, client_id)

    def stands_for_key(self, credential: str) -> bool:
        """Whether a credential that opened something is a key, or a token that was given to one: it ends with that."""
        token = self._tokens.read(credential)
        return token is None or token.key_name is not None

    async def still_leads(self, credential: str, session_id: str) -> bool:
        """Whether a credential that stands for a key is in force, and that key leads a session.

        Raises:
            Unavailable: the database, which knows what a key leads, does not answer.
        """
        key = self._keys.identify(credential)
        if key is None:
            token = self._tokens.read(credential)
            key = None if token is None else self._holder(token)
        return key is not None and await self._leads_session(key, session_id)

    def _holder(self, token: SessionToken) -> Key | None:
        """The key in force that a token was given to."""
        return None if token.key_name is None else self._keys.in_force(token.key_name)

    async def _leads_session(self, key: Key, session_id: str) -> bool:
        if key.role is KeyRole.ADMIN:
            return True
        try:
            return self._leads is not None and await self._leads(key.name, session_id)
        except DatabaseError as error:
            _log.warning("database failed", reason=str(error))
            raise Unavailable(
                "storage_failed", "The server cannot reach its database at the moment."
            ) from None

    async def _valid_token(self, credential: str, session_id: str) -> SessionToken | None:
        """The token of a session, None where it is none of that session.

        Raises:
            BadCredential: it was valid until 24 hours after the session's start, or the key that it was given to leads
                the session no more.
        """
        token = self._tokens.read(credential)
        if token is None or token.session_id != session_id:
            return None
        view = await self._directory.view(session_id)
        if self._clock.now() >= (token.expires_at if view is None else valid_until(view.state)):
            raise BadCredential("token_expired", "This link has expired; ask for a new one.", _TOKEN)
        if token.key_name is not None and not await self.still_leads(credential, session_id):
            raise BadCredential(
                "token_revoked",
                "This link is of somebody who does not lead this session any more.",
                _TOKEN,
            )
        return token
