"""Authentication: which key, session token or participant's ``resume`` a request carries.

It stands in ``Authorization: Bearer …`` or ``X-API-Key``. A credential that is sent must be valid, also where none is
needed: whoever sends one expects to be recognized.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from engine.domain.instant import Millis
from engine.domain.rejection import BadCredential, Forbidden, NotFound
from engine.domain.session import STAFF, Role, Session
from engine.protocol.tokens import SessionToken, Tokens, is_token
from engine.storage.keys import Key, KeyRole, Keys
from engine.storage.leaders import Led

__all__ = ["NOBODY", "Caller", "Credentials", "credential_of"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and what they may do. At most one of the three is set; none of them is ``NOBODY``."""

    key: Key | None = None
    token: SessionToken | None = None
    client_id: str | None = None
    """The participant whose ``resume`` it is, in the session of the path."""
    led: Led | None = None
    """What the key leads; None where that is everything."""
    holder: Key | None = None
    """The key that the token was given to, and whose rights it has; None where it stands for nobody."""

    def need_key(self) -> None:
        """Raise ``BadCredential`` or ``Forbidden`` unless the caller has a key."""
        if self.key is None:
            raise self.refusal("This needs a key.")

    def need_publisher(self) -> None:
        """Raise ``Forbidden`` where the caller leads sessions without publishing them."""
        if not self.publishes:
            raise self.refusal(
                "Publishing is for instructors: this is an assistant's key, or was given to one."
            )

    @property
    def publishes(self) -> bool:
        """Whether the caller may publish what they lead: everybody but assistants."""
        account = self.key or self.holder
        return account is None or account.role is not KeyRole.ASSISTANT

    def need_admin(self) -> None:
        """Raise ``BadCredential`` or ``Forbidden`` unless the caller has the administrator's key."""
        if self.key is None or self.key.role is not KeyRole.ADMIN:
            raise self.refusal("This needs the administrator's key.")

    def need_staff(self, session_id: str) -> None:
        """Raise ``BadCredential`` or ``Forbidden`` unless the caller has a key or the instructor's token."""
        if not self.leads(session_id):
            self._need_among_led(session_id)
            raise self.refusal(f"This needs a key, or the instructor's token of session {session_id}.")

    def need_story_owner(self, session_id: str) -> None:
        """As ``need_staff``, for the story of a session: also for the key that published it where there is no session."""
        if not self.owns_story(session_id):
            self.need_staff(session_id)

    def need_belonging(self, session_id: str) -> None:
        """Raise ``BadCredential`` or ``Forbidden`` unless the caller has a key, or any credential of the session."""
        if not self.belongs(session_id):
            raise self.refusal(f"Session {session_id} is by invitation: this needs a token of it.")

    def leads(self, session_id: str) -> bool:
        """Whether the caller may do everything in a session."""
        token = self.token
        if self.key is not None:
            return self.led is None or session_id in self.led.sessions
        return token is not None and token.session_id == session_id and token.role in STAFF

    def owns_story(self, session_id: str) -> bool:
        """Whether the caller may change and publish a session's story: leads the session, or published the story where there is none."""
        return self.leads(session_id) or (self.led is not None and session_id in self.led.stories)

    @property
    def maker(self) -> str | None:
        """The name of the key that what the caller makes belongs to; None where the key leads everything anyhow."""
        return self.key.name if self.key is not None and self.led is not None else None

    @property
    def bound_to(self) -> str | None:
        """The name of the key that the instructors' tokens which this caller gets are bound to."""
        return self.maker if self.token is None else self.token.key_name

    def belongs(self, session_id: str) -> bool:
        """Whether the caller may see names, chat and quotes of a session, and that a private one exists."""
        token = self.token
        if self.key is not None:
            return self.leads(session_id)
        return self.client_id is not None or (token is not None and token.session_id == session_id)

    def need_sight(self, state: Session | None, session_id: str) -> Session:
        """Return ``state`` if there is such a session and the caller may know of it.

        Raises:
            NotFound: there is none, or it is private, or the key leads others only: they cannot be told apart.
        """
        self._need_among_led(session_id)
        if state is None or (state.details.visibility == "private" and not self.belongs(session_id)):
            raise NotFound(
                "unknown_session",
                f"There is no session {session_id}.",
                {"session_id": f"{session_id} is unknown"},
            )
        return state

    def _need_among_led(self, session_id: str) -> None:
        if self.led is not None and session_id not in self.led.sessions:
            raise NotFound(
                "unknown_session",
                f"There is no session {session_id}.",
                {"session_id": f"{session_id} is unknown"},
            )

    @property
    def role(self) -> Role:
        """The role in which this caller's commands are carried out."""
        return Role.ADMIN if self.key is not None and self.led is None else Role.INSTRUCTOR

    def refusal(self, message: str) -> BadCredential | Forbidden:
        """What a caller is refused with who may not do something: without a credential another one than with one."""
        if self == NOBODY:
            return BadCredential("credential_needed", message)
        return Forbidden("forbidden", message)


NOBODY = Caller()
_NOTHING = Led(frozenset(), frozenset(), frozenset())


def credential_of(request: web.BaseRequest) -> str | None:
    """The credential in the headers, or None."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    key = request.headers.get("X-API-Key", "").strip() or None
    if scheme.lower() == "bearer" and secret.strip():
        # A session's token beside a key gives nothing that the key does not.
        return key if key and is_token(secret) else secret.strip()
    # Other schemes are left to proxies.
    return key


@dataclass(frozen=True, slots=True)
class Credentials:
    """Checks credentials against the keys and the signed tokens of this server."""

    keys: Keys
    tokens: Tokens

    def token(self, request: web.BaseRequest) -> SessionToken | None:
        """What the session token in the headers says, whether it is still valid or not; None where there is none."""
        secret = credential_of(request)
        # Keys have no dots: they need not be read as tokens.
        return self.tokens.read(secret) if secret is not None and secret.count(".") == 2 else None

    def caller(
        self,
        request: web.Request,
        at: Millis,
        session_id: str | None = None,
        *,
        token_valid_until: Millis | None = None,
        led: Led | None = None,
        without_place: bool = False,
    ) -> Caller:
        """Authenticate a request by its headers. A ``resume`` is valid where the path, or ``session_id``, names its session.

        ``led`` is what its key leads, or the key that its token was given to, where that is not everything. ``token_valid_until``
        is what the session of its token says; without it the token's own word counts. ``without_place``: its registration
        opens the session no more.

        Raises:
            BadCredential: a credential is sent that is unknown, revoked or expired.
        """
        secret = credential_of(request)
        if secret is None:
            return NOBODY
        if (key := self.keys.identify(secret)) is not None:
            return Caller(key=key, led=None if key.role is KeyRole.ADMIN else led or _NOTHING)
        token = self.token(request)
        if token is not None:
            if at >= (token.expires_at if token_valid_until is None else token_valid_until):
                raise BadCredential(
                    "token_expired", "This token has expired: it was valid until 24 hours after the start."
                )
            return Caller(token=token, holder=self._holder(token, led))
        scope = session_id or request.match_info.get("session_id")
        if scope is None and "series_id" in request.match_info:
            scope = f"series/{request.match_info['series_id']}"
        client_id = scope and self.tokens.resumed_client_id(scope, secret)
        if client_id and not without_place:
            return Caller(client_id=client_id)
        raise BadCredential("bad_credential", "This credential is not known here, or was revoked.")

    def _holder(self, token: SessionToken, led: Led | None) -> Key | None:
        """The key that a token was given to.

        Raises:
            BadCredential: that key was revoked, or does not lead the session any more.
        """
        if token.key_name is None:
            return None
        key = self.keys.in_force(token.key_name)
        if key is not None and (
            key.role is KeyRole.ADMIN or (led is not None and token.session_id in led.sessions)
        ):
            return key
        raise BadCredential(
            "token_revoked", "This link is of somebody who does not lead this session any more."
        )
