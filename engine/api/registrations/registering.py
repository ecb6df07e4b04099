"""Registers somebody for a session or a series: what the API and the pages share."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from engine.api.http.app_keys import CATALOGUE, CLOCK, CONNECTIONS, CREDENTIALS, DATA, PUBLISHING, caller_of
from engine.api.http.callers import Caller
from engine.api.http.studio_identity import studio_of
from engine.api.newsletter.limits import mailbox_of
from engine.api.sessions.view import needs_token
from engine.domain.registrations import is_held
from engine.domain.rejection import Conflict
from engine.domain.series import Series
from engine.domain.session import Phase, Session
from engine.storage.database import Connection
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.published import Catalogue
from publisher.catalogue.registrar import Registered, Registrar

__all__ = [
    "Outcome",
    "need_open",
    "need_way_in",
    "register",
    "register_for_series",
    "registrar_of",
    "secret_of",
    "sends_mail",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of somebody's registration."""

    registered: Registered
    mail: str | None
    """``asked``, or ``none`` where the studio sends no mail; None without an address."""


def need_way_in(caller: Caller, session: Session) -> None:
    """Raise ``BadCredential`` or ``Forbidden`` unless a session can be joined by everybody or the caller belongs to it."""
    if needs_token(session.details):
        caller.need_belonging(session.session_id)


def need_open(session: Session, at: int) -> None:
    """Raise ``Conflict`` when it is too late to register."""
    if session.phase is Phase.CANCELLED:
        raise Conflict("session_cancelled", "This session was cancelled.")
    if session.phase.is_over:
        raise Conflict("session_over", "This session is over.")
    if not is_held(session.started_at, at):
        raise Conflict("too_late", "This session has begun: places are not kept any more.")


async def register(
    request: web.Request, session: Session, *, name: str | None, address: str | None
) -> Outcome:
    """Register somebody for a session.

    Raises:
        Conflict: it is too late.
        TooManyRegistrations: as many as may be came from this network address.
    """
    need_open(session, request.app[CLOCK].now())
    return await _register(request, session.session_id, None, name, address)


async def register_for_series(
    request: web.Request, series: Series, *, name: str | None, address: str | None
) -> Outcome:
    """Register somebody for every session of a series.

    Raises:
        Conflict: it has ended, or no session of it is to come.
        TooManyRegistrations: as many as may be came from this network address.
    """
    if series.ended_at is not None:
        raise Conflict("series_over", f"Series {series.series_id} has ended.")
    return await _register(request, None, series.series_id, name, address)


async def _register(
    request: web.Request, session_id: str | None, series_id: str | None, name: str | None, address: str | None
) -> Outcome:
    app = request.app
    at, data = app[CLOCK].now(), app[DATA]
    addresses = app[CONNECTIONS].addresses
    # Whoever has a key enters others; this machine and the studio's own networks are not counted, as with seats.
    counted = addresses.seat_of(request) is not None and caller_of(request).key is None

    def ask(connection: Connection) -> Outcome:
        registrar = registrar_of(connection)
        if session_id is not None:
            room = registrar.places.room(session_id)
            rooms = [] if room is None else [room]
        else:
            rooms = registrar.places.rooms_of_series(series_id or "")
        if not rooms:
            raise Conflict("nothing_to_come", "There is no session to come to.")
        sends = address is not None and sends_mail(connection, studio_of(data).sender)
        registered = registrar.register(
            rooms,
            series_id=series_id,
            name=name,
            # An address that nothing can be sent to is not kept.
            address=address if sends else None,
            mailbox=None if address is None else mailbox_of(address),
            network=addresses.of(request),
            at=at,
            counted=counted,
        )
        mail = None if address is None else "asked" if sends else "none"
        return Outcome(registered, mail)

    outcome = await app[CATALOGUE].ask(ask)
    app[PUBLISHING].wake()
    return outcome


def registrar_of(connection: Connection) -> Registrar:
    """The registrar over one connection."""
    return Registrar(Catalogue(connection))


def sends_mail(connection: Connection, sender: str | None) -> bool:
    """Whether the studio sends mail."""
    return bool(sender) and Deliveries(Catalogue(connection)).mail_enabled()


def secret_of(request: web.Request, registration: str, *, session_id: str = "", series_id: str = "") -> str:
    """What proves a registration: in a session it is its owner's ``resume`` too, who joins with it as ``client_id``."""
    scope = session_id or f"series/{series_id}"
    return request.app[CREDENTIALS].tokens.resume(scope, registration)
