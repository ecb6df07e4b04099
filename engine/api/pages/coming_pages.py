"""The pages of those who come: the answer to the form, one's own page, and what is behind the links in mails.

A GET changes nothing, because mail scanners follow every link. The link in a mail confirms the address, so it is known from the
mail alone; whoever registers gets a page of their own, which cannot confirm.
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl, urlencode

from aiohttp import hdrs, web

from engine.api.http.app_keys import (
    CATALOGUE,
    CLOCK,
    CREDENTIALS,
    LINKS,
    PUBLISHING,
    SESSIONS,
    caller_of,
    visible,
)
from engine.api.http.bodies import checked, read_body
from engine.api.http.plain_page import PageContext, page_context, plain_page
from engine.api.pages.coming_section import coming_section
from engine.api.pages.session_pages import calendar_link, local_time, paragraph
from engine.api.registrations.endpoints import RegistrationRequest
from engine.api.registrations.registering import need_way_in, register, secret_of
from engine.api.rooms.view import needs_token, tokens_of
from engine.domain.rejection import Invalid, Rejected
from engine.domain.session import Session
from engine.storage.database import Connection
from engine.storage.registrations import Place, Registration
from publisher.catalogue.coming import Coming, TooManyRegistrations
from publisher.catalogue.published import Catalogue

__all__ = ["add_routes"]

_MOST_FIELDS = 20
_LONGEST_TOKEN = 400


def add_routes(app: web.Application) -> None:
    """Add the routes."""
    for spelling in ("session", "sessions"):
        app.router.add_post(f"/{spelling}/{{session_id}}/coming", say_so)
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


async def say_so(request: web.Request) -> web.Response:
    """Take the form of a session's page, and lead to one's own page."""
    caller = caller_of(request)
    state = (await visible(request, caller)).state
    page = await page_context(request)
    fields: dict[str, str] = {}

    async def again() -> str:
        name, address = fields.get("name", ""), fields.get("address", "")
        return await coming_section(request, page, state, name=name, address=address)

    try:
        need_way_in(caller, state)
        fields = await _form(request)
        body = checked(RegistrationRequest, fields)
        outcome = await register(request, state, name=body.name, address=body.address)
    except TooManyRegistrations as many:
        said = paragraph(page.words(f"coming.too_many_{'said' if many.addresses else 'places_said'}"))
        response = _page(page, "too_many", said + await again(), status=429)
        response.headers[hdrs.RETRY_AFTER] = str(-(-many.wait // 1000))
        return response
    except Invalid as wrong:
        reasons = "".join(paragraph(reason) for reason in wrong.details.values())
        return _page(page, "wrong", reasons + await again(), status=400)
    except Rejected as refused:
        return _page(page, "wrong", paragraph(page.words("coming.late")), status=refused.status)
    registration = outcome.registered.registration.registration
    secret = secret_of(request, registration, session_id=state.session_id)
    asked = "?mail=asked" if outcome.mail == "asked" else ""
    return _led_to(request, f"/coming/{state.session_id}/own/{secret}{asked}")


async def own_page(request: web.Request) -> web.Response:
    """One's own page, for whoever registered."""
    page = await page_context(request)
    found = await _own(request)
    if found is None:
        return _unknown(page)
    state, place = found
    base = f"/coming/{state.session_id}/own/{request.match_info['token']}"
    said = [paragraph(page.words("coming.said_mail"))] if request.query.get("mail") == "asked" else []
    if not said and place.registration.confirmed_at is None:
        said = [paragraph(page.words("coming.said_not_told"))]
    body = _described(page, state, place) + "".join(said) + _way_in(page, f"{base}/join")
    body += _button(page, f"{base}/leave", "leave") + _calendar(page, state)
    return plain_page(page, page.words(f"coming.title_{place.state}"), body)


async def own_join(request: web.Request) -> web.Response:
    """Lead into the session, as the one who registered."""
    found = await _own(request)
    return _unknown(await page_context(request)) if found is None else _joined(request, *found)


async def own_leave(request: web.Request) -> web.Response:
    """Cancel. Repeating it does no harm."""
    found = await _own(request)
    return await _left(request, None if found is None else found[1])


async def mailed_page(request: web.Request) -> web.Response:
    """The page behind the links in mails: a button to confirm, one's places, and how to cancel."""
    page = await page_context(request)
    found = await _mailed(request)
    if found is None:
        return _unknown(page)
    registration, places = found
    base = f"/coming/{request.match_info['token']}"
    unconfirmed = registration.confirmed_at is None and registration.address is not None
    body = _button(page, base, "confirm_yes") if unconfirmed else ""
    if registration.confirmed_at is not None:
        body += paragraph(page.words("coming.confirm_have"))
    for place in places:
        view = await request.app[SESSIONS].view(place.session_id)
        if view is None or view.state.phase.is_over:
            continue
        name = "this_time" if registration.series_id else "leave"
        body += (
            f"<h2{page.studio.written}>{escape(view.state.details.title)}</h2>"
            + _described(page, view.state, place)
            + _way_in(page, f"{base}/join/{place.session_id}")
            + _button(page, f"{base}/leave/{place.session_id}", name)
            + _calendar(page, view.state)
        )
    if registration.series_id:
        body += _button(page, f"{base}/leave", "leave")
    if registration.address is not None:
        body += _button(page, f"{base}/forget", "forget")
    return _page(page, "confirm_title" if unconfirmed else "heading_own", body)


async def confirm(request: web.Request) -> web.Response:
    """Confirm the address. Repeating it does no harm."""
    page = await page_context(request)
    found = await _mailed(request)
    if found is None:
        return _unknown(page)
    at = request.app[CLOCK].now()
    if not await request.app[CATALOGUE].ask(lambda connection: _coming(connection).confirm(found[0], at)):
        return _page(page, "forgotten_title", paragraph(page.words("coming.forgotten_said")))
    back = f'<p><a href="{escape(page.links.here(request.path))}">{escape(page.words("coming.heading_own"))}</a></p>'
    return _page(page, "heading_own", paragraph(page.words("coming.confirm_done")) + back)


async def mailed_join(request: web.Request) -> web.Response:
    """Lead into a session, as the one who registered."""
    found = await _mailed(request)
    session_id = request.match_info["session_id"]
    place = next((each for each in found[1] if each.session_id == session_id), None) if found else None
    view = None if place is None else await request.app[SESSIONS].view(session_id)
    if place is None or view is None:
        return _unknown(await page_context(request))
    return _joined(request, view.state, place)


async def mailed_leave(request: web.Request) -> web.Response:
    """Cancel for one session. Repeating it does no harm."""
    found = await _mailed(request)
    session_id = request.match_info["session_id"]
    place = next((each for each in found[1] if each.session_id == session_id), None) if found else None
    return await _left(request, place)


async def mailed_leave_all(request: web.Request) -> web.Response:
    """Cancel for every session of a series that has not begun. Repeating it does no harm."""
    found = await _mailed(request)
    page, at = await page_context(request), request.app[CLOCK].now()
    if found is not None:
        await request.app[CATALOGUE].ask(lambda connection: _coming(connection).leave_series(found[0], at))
        request.app[PUBLISHING].wake()
    return _page(page, "left_title", paragraph(page.words("coming.left_series_said")))


async def forget(request: web.Request) -> web.Response:
    """Delete the address at once; the place stays. Repeating it does no harm."""
    found = await _mailed(request)
    page = await page_context(request)
    if found is None:
        return _unknown(page)
    await request.app[CATALOGUE].ask(lambda connection: _coming(connection).forget_address(found[0]))
    return _page(page, "forgotten_title", paragraph(page.words("coming.forgotten_said")))


async def _form(request: web.Request) -> dict[str, str]:
    """The form's fields; those left empty are left out."""
    body = await read_body(request)
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Invalid("invalid_data", "The form has too many fields.", {"body": "too many fields"}) from None
    return {name: value for name, value in fields if value.strip()}


async def _own(request: web.Request) -> tuple[Session, Place] | None:
    session_id, secret = request.match_info["session_id"], request.match_info["token"][:_LONGEST_TOKEN]
    registration = request.app[CREDENTIALS].tokens.resumed_client_id(session_id, secret)
    view = None if registration is None else await request.app[SESSIONS].view(session_id)
    if registration is None or view is None:
        return None
    place = await request.app[CATALOGUE].ask(
        lambda connection: _coming(connection).registrations.place(session_id, registration)
    )
    return None if place is None else (view.state, place)


async def _mailed(request: web.Request) -> tuple[Registration, list[Place]] | None:
    token = request.match_info["token"][:_LONGEST_TOKEN]

    def ask(connection: Connection) -> tuple[Registration, list[Place]] | None:
        registrations = _coming(connection).registrations
        found = registrations.by_token(token)
        return None if found is None else (found, registrations.places_of(found.registration))

    return await request.app[CATALOGUE].ask(ask)


async def _left(request: web.Request, place: Place | None) -> web.Response:
    page, at = await page_context(request), request.app[CLOCK].now()
    if place is not None:
        await request.app[CATALOGUE].ask(lambda connection: _coming(connection).leave(place, at))
        request.app[PUBLISHING].wake()
    return _page(page, "left_title", paragraph(page.words("coming.left_said")))


def _coming(connection: Connection) -> Coming:
    return Coming(Catalogue(connection))


def _joined(request: web.Request, state: Session, place: Place) -> web.Response:
    """A redirect to the join page: the secret stands in the fragment, which browsers send to no server."""
    secrets = {"come": secret_of(request, place.registration.registration, session_id=state.session_id)}
    if needs_token(state.details):
        secrets["token"] = tokens_of(state, request.app[CREDENTIALS].tokens)["participant"]
    return _led_to(request, f"/sessions/join/{state.session_id}#{urlencode(secrets)}")


def _led_to(request: web.Request, path: str) -> web.Response:
    headers = {hdrs.LOCATION: request.app[LINKS].here(path), hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(status=303, headers=headers)


def _described(page: PageContext, state: Session, place: Place) -> str:
    details, words = state.details, page.words
    said = words(f"coming.said_{place.state}", position=place.position)
    return (
        f'<p class="lede">{page.studio.span(details.title)}.'
        f" {words('before.with', name=page.studio.span(details.instructor))}</p>"
        + paragraph(words("before.starts", when=local_time(page, details.scheduled_start)))
        + paragraph(said)
    )


def _way_in(page: PageContext, path: str) -> str:
    label = escape(page.words("coming.own_link"))
    return f'<p><a class="button way-in" href="{escape(page.links.here(path))}">{label}</a></p>'


def _button(page: PageContext, path: str, name: str) -> str:
    label, where = escape(page.words(f"coming.{name}")), escape(page.links.here(path))
    return f'<form method="post" action="{where}"><p><button type="submit">{label}</button></p></form>'


def _calendar(page: PageContext, state: Session) -> str:
    if state.details.visibility == "private":
        return ""
    return calendar_link(page, f"/sessions/{state.session_id}/event.ics")


def _page(page: PageContext, name: str, body: str, *, status: int = 200) -> web.Response:
    return plain_page(page, page.words(f"coming.{name}"), body, status=status)


def _unknown(page: PageContext) -> web.Response:
    return _page(page, "unknown_title", paragraph(page.words("coming.unknown_said")), status=404)
