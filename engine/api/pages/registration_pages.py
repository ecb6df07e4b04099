"""The pages of registrations for a session: the form and its answer, one's own page, and what is behind the links in mails.

A GET changes nothing, because mail scanners follow every link. The link in a mail confirms the address, so it is known from the
mail alone; whoever registers gets a page of their own, which cannot confirm.
"""

from __future__ import annotations

import re
from html import escape

from aiohttp import hdrs, web

from engine.api.http.app_keys import (
    CATALOGUE,
    CLOCK,
    CREDENTIALS,
    PUBLISHING,
    SESSIONS,
    caller_of,
    visible,
)
from engine.api.http.bodies import checked
from engine.api.http.plain_page import page_context, plain_page
from engine.api.pages.registration_parts import (
    button_form,
    calendar_of_place,
    form_fields,
    form_refused,
    joined,
    led_to,
    left_page,
    own_place_section,
    place_described,
    titled_page,
    unknown_page,
    way_in,
)
from engine.api.pages.registration_section import registration_section
from engine.api.pages.session_pages import paragraph
from engine.api.registrations.endpoints import RegistrationRequest
from engine.api.registrations.registering import need_way_in, register, registrar_of, secret_of
from engine.domain.rejection import Rejected
from engine.domain.session import Session
from engine.storage.database import Connection
from engine.storage.places import Place
from engine.storage.registrations import Registration
from publisher.catalogue.registrar import TooManyRegistrations

__all__ = ["add_routes"]

_LONGEST_TOKEN = 400
_LANGUAGE = re.compile(r"[a-z]{2}", re.ASCII)


def add_routes(app: web.Application) -> None:
    """Add the routes."""
    for spelling in ("session", "sessions"):
        app.router.add_get(f"/{spelling}/{{session_id}}/coming", section)
        app.router.add_post(f"/{spelling}/{{session_id}}/coming", submit)
    own, mailed = "/coming/{session_id}/own/{token}", "/coming/{token}"
    app.router.add_get(own, own_page)
    app.router.add_get(f"{own}/join", own_join)
    app.router.add_post(f"{own}/leave", own_leave)
    app.router.add_get(mailed, mailed_page)
    app.router.add_post(mailed, confirm)
    app.router.add_get(f"{mailed}/join/{{session_id}}", mailed_join)
    app.router.add_post(f"{mailed}/leave/{{session_id}}", mailed_leave)
    app.router.add_post(f"{mailed}/leave", mailed_leave_all)
    app.router.add_post(f"{mailed}/forget", forget)


async def section(request: web.Request) -> web.Response:
    """The part of a page where one registers, which the join page shows: the form, or one's own place.

    Empty where neither is. ``lang`` is the reader's language; a registration's secret, or the token of a session by
    invitation, comes as for the API.
    """
    caller = caller_of(request)
    state = (await visible(request, caller)).state
    language = request.query.get("lang", "")
    page = await page_context(request, language=language if _LANGUAGE.fullmatch(language) else None)
    registration = caller.client_id
    place = (
        None
        if registration is None
        else await request.app[CATALOGUE].ask(
            lambda connection: registrar_of(connection).places.place(state.session_id, registration)
        )
    )
    if place is not None and not state.phase.is_over:
        body = own_place_section(request, page, state, place)
    else:
        body = await registration_section(request, page, state, by_token=caller.belongs(state.session_id))
    headers = {hdrs.CACHE_CONTROL: "no-store", hdrs.VARY: hdrs.AUTHORIZATION}
    return web.Response(text=body, content_type="text/html", charset="utf-8", headers=headers)


async def submit(request: web.Request) -> web.Response:
    """Take the form of a session's page, and lead to one's own page."""
    caller = caller_of(request)
    state = (await visible(request, caller)).state
    page = await page_context(request)
    fields: dict[str, str] = {}

    async def again() -> str:
        name, address = fields.get("name", ""), fields.get("address", "")
        return await registration_section(request, page, state, name=name, address=address)

    try:
        need_way_in(caller, state)
        fields = await form_fields(request)
        body = checked(RegistrationRequest, fields)
        outcome = await register(request, state, name=body.name, address=body.address)
    except (TooManyRegistrations, Rejected) as refusal:
        return await form_refused(page, refusal, again, late="coming.late")
    registration = outcome.registered.registration.registration
    secret = secret_of(request, registration, session_id=state.session_id)
    query = "?mail=asked" if outcome.mail == "asked" else ""
    return led_to(request, f"/coming/{state.session_id}/own/{secret}{query}")


async def own_page(request: web.Request) -> web.Response:
    """One's own page, for whoever registered."""
    page = await page_context(request)
    found = await _own(request)
    if found is None:
        return unknown_page(page)
    state, place = found
    base = f"/coming/{state.session_id}/own/{request.match_info['token']}"
    notes = [paragraph(page.words("coming.said_mail"))] if request.query.get("mail") == "asked" else []
    if not notes and place.registration.confirmed_at is None:
        notes = [paragraph(page.words("coming.said_not_told"))]
    body = await place_described(request, page, state, place) + "".join(notes) + way_in(page, f"{base}/join")
    body += button_form(page, f"{base}/leave", "leave") + calendar_of_place(page, state)
    return plain_page(page, page.words(f"coming.title_{place.state}"), body)


async def own_join(request: web.Request) -> web.Response:
    """Lead into the session, as the one who registered."""
    found = await _own(request)
    return unknown_page(await page_context(request)) if found is None else joined(request, *found)


async def own_leave(request: web.Request) -> web.Response:
    """Cancel. Repeating it does no harm."""
    found = await _own(request)
    return await left_page(request, None if found is None else found[1])


async def mailed_page(request: web.Request) -> web.Response:
    """The page behind the links in mails: a button to confirm, one's places, and how to cancel."""
    page = await page_context(request)
    found = await _mailed(request)
    if found is None:
        return unknown_page(page)
    registration, places = found
    base = f"/coming/{request.match_info['token']}"
    unconfirmed = registration.confirmed_at is None and registration.address is not None
    body = button_form(page, base, "confirm_yes") if unconfirmed else ""
    if registration.confirmed_at is not None:
        body += paragraph(page.words("coming.confirm_have"))
    for place in places:
        view = await request.app[SESSIONS].view(place.session_id)
        if view is None or view.state.phase.is_over:
            continue
        name = "this_time" if registration.series_id else "leave"
        body += (
            f"<h2{page.studio.written}>{escape(view.state.details.title)}</h2>"
            + await place_described(request, page, view.state, place)
            + way_in(page, f"{base}/join/{place.session_id}")
            + button_form(page, f"{base}/leave/{place.session_id}", name)
            + calendar_of_place(page, view.state)
        )
    if registration.series_id:
        body += button_form(page, f"{base}/leave", "leave")
    if registration.address is not None:
        body += button_form(page, f"{base}/forget", "forget")
    return titled_page(page, "confirm_title" if unconfirmed else "heading_own", body)


async def confirm(request: web.Request) -> web.Response:
    """Confirm the address. Repeating it does no harm."""
    page = await page_context(request)
    found = await _mailed(request)
    if found is None:
        return unknown_page(page)
    at = request.app[CLOCK].now()
    if not await request.app[CATALOGUE].ask(
        lambda connection: registrar_of(connection).confirm(found[0], at)
    ):
        return titled_page(page, "forgotten_title", paragraph(page.words("coming.forgotten_said")))
    back = f'<p><a href="{escape(page.links.here(request.path))}">{escape(page.words("coming.heading_own"))}</a></p>'
    return titled_page(page, "heading_own", paragraph(page.words("coming.confirm_done")) + back)


async def mailed_join(request: web.Request) -> web.Response:
    """Lead into a session, as the one who registered."""
    found = await _mailed(request)
    session_id = request.match_info["session_id"]
    place = next((each for each in found[1] if each.session_id == session_id), None) if found else None
    view = None if place is None else await request.app[SESSIONS].view(session_id)
    if place is None or view is None:
        return unknown_page(await page_context(request))
    return joined(request, view.state, place)


async def mailed_leave(request: web.Request) -> web.Response:
    """Cancel for one session. Repeating it does no harm."""
    found = await _mailed(request)
    session_id = request.match_info["session_id"]
    place = next((each for each in found[1] if each.session_id == session_id), None) if found else None
    return await left_page(request, place)


async def mailed_leave_all(request: web.Request) -> web.Response:
    """Cancel for every session of a series that has not begun. Repeating it does no harm."""
    found = await _mailed(request)
    page, at = await page_context(request), request.app[CLOCK].now()
    if found is not None:
        await request.app[CATALOGUE].ask(
            lambda connection: registrar_of(connection).leave_series(found[0], at)
        )
        request.app[PUBLISHING].wake()
    return titled_page(page, "left_title", paragraph(page.words("coming.left_series_said")))


async def forget(request: web.Request) -> web.Response:
    """Delete the address at once; the place stays. Repeating it does no harm."""
    found = await _mailed(request)
    page = await page_context(request)
    if found is None:
        return unknown_page(page)
    await request.app[CATALOGUE].ask(lambda connection: registrar_of(connection).forget_address(found[0]))
    return titled_page(page, "forgotten_title", paragraph(page.words("coming.forgotten_said")))


async def _own(request: web.Request) -> tuple[Session, Place] | None:
    session_id, secret = request.match_info["session_id"], request.match_info["token"][:_LONGEST_TOKEN]
    registration = request.app[CREDENTIALS].tokens.resumed_client_id(session_id, secret)
    view = None if registration is None else await request.app[SESSIONS].view(session_id)
    if registration is None or view is None:
        return None
    place = await request.app[CATALOGUE].ask(
        lambda connection: registrar_of(connection).places.place(session_id, registration)
    )
    return None if place is None else (view.state, place)


async def _mailed(request: web.Request) -> tuple[Registration, list[Place]] | None:
    token = request.match_info["token"][:_LONGEST_TOKEN]

    def ask(connection: Connection) -> tuple[Registration, list[Place]] | None:
        registrar = registrar_of(connection)
        found = registrar.registrations.by_token(token)
        return None if found is None else (found, registrar.places.places_of(found.registration))

    return await request.app[CATALOGUE].ask(ask)
