"""The pages of registrations for a whole series: the answer to the form, and one's own page with its dates.

A GET changes nothing. One's own page is proved by the secret in its path, whoever may see the series.
"""

from __future__ import annotations

from aiohttp import web

from engine.api.http.app_keys import CATALOGUE, CLOCK, CREDENTIALS, PUBLISHING, SERIES, SESSIONS, caller_of
from engine.api.http.bodies import checked
from engine.api.http.plain_page import PageContext, page_context, plain_page
from engine.api.pages.registration_parts import (
    button_form,
    form_fields,
    form_refused,
    joined,
    led_to,
    left_page,
    titled_page,
    unknown_page,
    way_in,
)
from engine.api.pages.registration_section import series_registration_section
from engine.api.pages.series_pages import how_often
from engine.api.pages.session_pages import calendar_link, local_time, paragraph
from engine.api.pages.site_files import not_found
from engine.api.registrations.endpoints import RegistrationRequest
from engine.api.registrations.registering import register_for_series, registrar_of, secret_of
from engine.api.series.lookup import visible_series
from engine.api.sessions.view import needs_token
from engine.domain.rejection import NotFound, Rejected
from engine.domain.series import Series
from engine.domain.session import Session
from engine.storage.database import Connection
from engine.storage.places import Place
from engine.storage.registrations import Registration
from publisher.catalogue.registrar import TooManyRegistrations

__all__ = ["add_routes"]

_LONGEST_TOKEN = 400


def add_routes(app: web.Application) -> None:
    """Add the routes."""
    own = "/series/{series_id}/own/{token}"
    app.router.add_post("/series/{series_id}/coming", submit)
    app.router.add_get(own, own_page)
    app.router.add_get(f"{own}/join/{{session_id}}", own_join)
    app.router.add_post(f"{own}/leave/{{session_id}}", leave_one)
    app.router.add_post(f"{own}/leave", leave_all)


async def submit(request: web.Request) -> web.StreamResponse:
    """Take the form of a series' page, and lead to one's own page."""
    caller = caller_of(request)
    try:
        series = await visible_series(request, caller)
    except NotFound as unknown:
        return await not_found(request, unknown)
    if needs_token(series.details):
        caller.need_key()
    page = await page_context(request)
    fields: dict[str, str] = {}

    async def again() -> str:
        name, address = fields.get("name", ""), fields.get("address", "")
        return await series_registration_section(request, page, series, name=name, address=address)

    try:
        fields = await form_fields(request)
        body = checked(RegistrationRequest, fields)
        outcome = await register_for_series(request, series, name=body.name, address=body.address)
    except (TooManyRegistrations, Rejected) as refusal:
        return await form_refused(page, refusal, again, late="series.none")
    registration = outcome.registered.registration.registration
    secret = secret_of(request, registration, series_id=series.series_id)
    query = "?mail=asked" if outcome.mail == "asked" else ""
    return led_to(request, f"/series/{series.series_id}/own/{secret}{query}")


async def own_page(request: web.Request) -> web.Response:
    """One's own page: each date to come with one's place, the way into the next, and how to cancel."""
    page = await page_context(request)
    found = await _own(request)
    if found is None:
        return unknown_page(page)
    series, registration, places = found
    base = f"/series/{series.series_id}/own/{request.match_info['token']}"
    words, studio = page.words, page.studio
    mail_is_sent = request.query.get("mail") == "asked"
    body = (
        f'<p class="lede">{studio.span(series.details.title)}.'
        f" {words('before.with', name=studio.span(series.details.instructor))}</p>"
        + paragraph(how_often(page, series))
        + paragraph(words("coming.whole_series"))
    )
    if mail_is_sent or registration.confirmed_at is None:
        body += paragraph(words("coming.said_mail" if mail_is_sent else "coming.said_not_told"))
    for number, (session, place) in enumerate(await _to_come(request, places)):
        body += _date(page, session, place, series, base, is_next=number == 0)
    body += button_form(page, f"{base}/leave", "leave_series")
    if series.details.visibility != "private":
        body += calendar_link(page, f"/series/{series.series_id}/calendar.ics", "series.calendar")
    return plain_page(page, words("coming.title_coming"), body)


async def own_join(request: web.Request) -> web.Response:
    """Lead into a session, as the one who registered."""
    place = await _place(request)
    view = None if place is None else await request.app[SESSIONS].view(place.session_id)
    if place is None or view is None:
        return unknown_page(await page_context(request))
    return joined(request, view.state, place)


async def leave_one(request: web.Request) -> web.Response:
    """Cancel for one session; the others stay. Repeating it does no harm."""
    return await left_page(request, await _place(request))


async def leave_all(request: web.Request) -> web.Response:
    """Cancel for every session that has not begun. Repeating it does no harm."""
    found = await _own(request)
    at = request.app[CLOCK].now()
    if found is not None:
        await request.app[CATALOGUE].ask(
            lambda connection: registrar_of(connection).leave_series(found[1], at)
        )
        request.app[PUBLISHING].wake()
    page = await page_context(request)
    return titled_page(page, "left_title", paragraph(page.words("coming.left_series_said")))


async def _own(request: web.Request) -> tuple[Series, Registration, list[Place]] | None:
    """The series, registration and places of the path's secret."""
    series_id, secret = request.match_info["series_id"], request.match_info["token"][:_LONGEST_TOKEN]
    known = request.app[CREDENTIALS].tokens.resumed_client_id(f"series/{series_id}", secret)
    series = None if known is None else await request.app[SERIES].get(series_id)
    if known is None or series is None:
        return None

    def ask(connection: Connection) -> tuple[Registration, list[Place]] | None:
        registrar = registrar_of(connection)
        registration = registrar.registrations.get(known)
        if registration is None or registration.series_id != series_id:
            return None
        return registration, registrar.places.places_of(known)

    found = await request.app[CATALOGUE].ask(ask)
    return None if found is None else (series, *found)


async def _place(request: web.Request) -> Place | None:
    found = await _own(request)
    session_id = request.match_info["session_id"]
    return next((each for each in found[2] if each.session_id == session_id), None) if found else None


async def _to_come(request: web.Request, places: list[Place]) -> list[tuple[Session, Place]]:
    """The sessions that are not over, each with the place in it, the next one first."""
    coming = []
    for place in places:
        view = await request.app[SESSIONS].view(place.session_id)
        if view is not None and not view.state.phase.is_over:
            coming.append((view.state, place))
    return sorted(coming, key=lambda each: each[0].details.scheduled_start)


def _date(
    page: PageContext, session: Session, place: Place, series: Series, base: str, *, is_next: bool
) -> str:
    """One date as HTML: when, whether a place is kept, the way in where it is the next, and how to leave it out."""
    when = local_time(page, session.details.scheduled_start, series.timetable.zone)
    sentence = page.words(f"coming.said_{place.state}", position=place.position)
    join = way_in(page, f"{base}/join/{session.session_id}") if is_next else ""
    leave = button_form(page, f"{base}/leave/{session.session_id}", "this_time")
    return f"<h2>{when}</h2>{paragraph(sentence)}{join}{leave}"
