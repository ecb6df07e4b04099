"""``/registrations`` of sessions and series: register, see who comes, and cancel."""

from __future__ import annotations

from aiohttp import hdrs, web

from engine.api.http.app_keys import CATALOGUE, CLOCK, PUBLISHING, ROOMS, caller_of, session_id_of, visible
from engine.api.http.bodies import checked, read_json
from engine.api.http.callers import Caller
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer, error_response
from engine.api.models import Body, MailAddress
from engine.api.registrations.registering import (
    need_way_in,
    register,
    register_for_series,
    registrar_of,
    secret_of,
)
from engine.api.registrations.view import confirmed, listed, mail, own, position
from engine.api.series.lookup import visible_series
from engine.api.sessions.view import needs_token
from engine.domain.instant import iso
from engine.domain.rejection import NotFound
from engine.domain.session import Session
from engine.domain.text import Name
from engine.storage.database import Connection
from engine.storage.places import Place
from publisher.catalogue.registrar import TooManyRegistrations

__all__ = ["ENDPOINTS"]


class RegistrationRequest(Body):
    """Somebody who comes: both fields may be left out. With an address one mail asks to confirm it."""

    name: Name | None = None
    address: MailAddress | None = None


async def create(request: web.Request) -> web.Response:
    """Register for a session: a place, or a position in the waiting list, kept until five minutes after the start.

    ``secret`` cancels it as Bearer, and joins the session as ``resume`` of the ``client_id`` that ``registration`` is.
    """
    caller = caller_of(request)
    session = (await visible(request, caller)).state
    need_way_in(caller, session)
    body = await _body(request)
    try:
        outcome = await register(request, session, name=body.name, address=body.address)
    except TooManyRegistrations as many:
        return _too_many(many)
    (place,) = outcome.registered.places
    secret = secret_of(request, place.registration.registration, session_id=session.session_id)
    return answer(own(place) | {"secret": secret} | mail(outcome), 201)


async def catalogue(request: web.Request) -> web.Response:
    """Who is registered and who waits, in the order of registration; once the session has started also who came."""
    caller = caller_of(request)
    session = (await visible(request, caller)).state
    caller.need_staff(session.session_id)
    places = await _settled(request, session.session_id)
    coming = sum(each.position is None for each in places)
    return answer(
        {
            "session_id": session.session_id,
            "count": len(places),
            "coming": coming,
            "waiting": len(places) - coming,
            "max_participants": session.details.max_participants,
            "registrations": [listed(each, session) for each in places],
        }
    )


async def places(request: web.Request) -> web.Response:
    """How many come, how many wait, and how many places are left."""
    caller = caller_of(request)
    session = (await visible(request, caller)).state
    taken = await _settled(request, session.session_id)
    coming = sum(each.position is None for each in taken)
    most = session.details.max_participants
    return answer(
        {
            "session_id": session.session_id,
            "max_participants": most,
            "coming": coming,
            "waiting": len(taken) - coming,
            "left": max(0, most - coming),
        }
    )


async def show(request: web.Request) -> web.Response:
    """Show one registration to its owner, who proves it with its secret, or to those who lead the session."""
    _, place = await _place(request)
    return answer(own(place) | {"name": place.registration.name} | confirmed(place.registration))


async def leave(request: web.Request) -> web.Response:
    """Cancel a registration: its name and address are deleted, and the first who waits comes up."""
    _, place = await _place(request)
    at = request.app[CLOCK].now()
    await request.app[CATALOGUE].ask(lambda connection: registrar_of(connection).leave(place, at))
    request.app[PUBLISHING].wake()
    return answer({"registration": place.registration.registration, "state": "cancelled"})


async def create_for_series(request: web.Request) -> web.Response:
    """Register for a series: a place or a position in each session of it, those that are made later too."""
    caller = caller_of(request)
    series = await visible_series(request, caller)
    if needs_token(series.details):
        caller.need_key()
    body = await _body(request)
    try:
        outcome = await register_for_series(request, series, name=body.name, address=body.address)
    except TooManyRegistrations as many:
        return _too_many(many)
    registration, taken = outcome.registered.registration.registration, outcome.registered.places
    starts = {
        row.session_id: row.scheduled_start for row in await request.app[ROOMS].of_series(series.series_id)
    }
    sessions = [
        {
            "session_id": each.session_id,
            "scheduled_start": iso(starts[each.session_id]),
            "state": str(each.state),
            **position(each),
            "secret": secret_of(request, registration, session_id=each.session_id),
        }
        for each in taken
    ]
    return answer(
        {
            "registration": registration,
            "series_id": series.series_id,
            "state": str(taken[0].state),
            **position(taken[0]),
            "secret": secret_of(request, registration, series_id=series.series_id),
            "sessions": sessions,
            **mail(outcome),
        },
        201,
    )


async def catalogue_of_series(request: web.Request) -> web.Response:
    """Who comes to every session of a series; who comes to one of them is listed there."""
    caller = caller_of(request)
    caller.need_key()
    series = await visible_series(request, caller)
    found = await request.app[CATALOGUE].ask(
        lambda connection: registrar_of(connection).registrations.of_series(series.series_id)
    )
    registrations = [
        {"registration": each.registration, "name": each.name, "state": "coming", **confirmed(each)}
        for each in found
    ]
    return answer({"series_id": series.series_id, "count": len(found), "registrations": registrations})


async def leave_series(request: web.Request) -> web.Response:
    """Cancel a registration for every session of a series that has not begun; those who lead still see who came before."""
    caller = caller_of(request)
    series = await visible_series(request, caller)
    registration = request.match_info["registration"]
    _need_owner(caller, registration, leads=caller.key is not None)
    at = request.app[CLOCK].now()

    def ask(connection: Connection) -> None:
        registrar = registrar_of(connection)
        found = registrar.registrations.get(registration)
        if found is None or found.series_id != series.series_id:
            raise _unknown(registration)
        registrar.leave_series(found, at)

    await request.app[CATALOGUE].ask(ask)
    request.app[PUBLISHING].wake()
    return answer({"registration": registration, "state": "cancelled"})


async def _body(request: web.Request) -> RegistrationRequest:
    return checked(RegistrationRequest, await read_json(request) if request.can_read_body else {})


async def _settled(request: web.Request, session_id: str) -> list[Place]:
    at = request.app[CLOCK].now()

    def ask(connection: Connection) -> list[Place]:
        registrar = registrar_of(connection)
        registrar.settle(session_id, at)
        return registrar.places.places(session_id)

    return await request.app[CATALOGUE].ask(ask)


async def _place(request: web.Request) -> tuple[Session, Place]:
    """The registration of the path, for its owner and those who lead the session."""
    caller = caller_of(request)
    session = (await visible(request, caller)).state
    registration = request.match_info["registration"]
    _need_owner(caller, registration, leads=caller.leads(session.session_id))
    session_id = session_id_of(request)
    place = await request.app[CATALOGUE].ask(
        lambda connection: registrar_of(connection).places.place(session_id, registration)
    )
    if place is None:
        raise _unknown(registration)
    return session, place


def _need_owner(caller: Caller, registration: str, *, leads: bool) -> None:
    if not leads and caller.client_id != registration:
        raise caller.refusal("This needs the secret of the registration.")


def _unknown(registration: str) -> NotFound:
    return NotFound(
        "unknown_registration", f"There is no registration {registration[:100]}, or not any more."
    )


def _too_many(many: TooManyRegistrations) -> web.Response:
    return error_response(
        429,
        "too_many_requests",
        f"Too many registrations{' with an address' if many.addresses else ''} from this network address.",
        headers={hdrs.RETRY_AFTER: str(-(-many.wait // 1000))},
    )


_ALL = f"{API}/sessions/{{session_id}}/registrations"
_OF_SERIES = f"{API}/series/{{series_id}}/registrations"
ENDPOINTS = (
    Endpoint(
        "POST",
        _ALL,
        create,
        "Register for a session",
        body=RegistrationRequest,
        status=201,
        refusals=(403, 409),
    ),
    Endpoint("GET", _ALL, catalogue, "The registrations of a session", "staff"),
    Endpoint("GET", f"{_ALL}/{{registration}}", show, "One registration", "person"),
    Endpoint("DELETE", f"{_ALL}/{{registration}}", leave, "Cancel a registration", "person"),
    Endpoint("GET", f"{API}/sessions/{{session_id}}/places", places, "How many places are left"),
    Endpoint(
        "POST",
        _OF_SERIES,
        create_for_series,
        "Register for a series",
        body=RegistrationRequest,
        status=201,
        refusals=(403, 409),
    ),
    Endpoint("GET", _OF_SERIES, catalogue_of_series, "The registrations of a series", "key"),
    Endpoint(
        "DELETE", f"{_OF_SERIES}/{{registration}}", leave_series, "Cancel a series' registration", "person"
    ),
)
