"""Parts that the pages of registrations share: the form's fields, a place in words, links in, buttons to cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import parse_qsl, urlencode

from aiohttp import hdrs, web

from engine.api.http.app_keys import CATALOGUE, CLOCK, CREDENTIALS, LINKS, PUBLISHING
from engine.api.http.bodies import read_body
from engine.api.http.plain_page import PageContext, page_context, plain_page
from engine.api.pages.session_pages import calendar_link, local_time, paragraph, zone_of
from engine.api.registrations.registering import registrar_of, secret_of
from engine.api.sessions.view import needs_token, tokens_of
from engine.domain.rejection import Invalid, Rejected
from engine.domain.session import Session
from engine.storage.places import Place
from publisher.catalogue.registrar import TooManyRegistrations

__all__ = [
    "button_form",
    "calendar_of_place",
    "form_fields",
    "form_refused",
    "joined",
    "led_to",
    "left_page",
    "own_place_section",
    "place_described",
    "titled_page",
    "unknown_page",
    "way_in",
]

_MOST_FIELDS = 20


async def form_fields(request: web.Request) -> dict[str, str]:
    """The form's fields; those left empty are left out."""
    body = await read_body(request)
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Invalid("invalid_data", "The form has too many fields.", {"body": "too many fields"}) from None
    return {name: value for name, value in fields if value.strip()}


async def form_refused(
    page: PageContext,
    refusal: Rejected | TooManyRegistrations,
    again: Callable[[], Awaitable[str]],
    *,
    late: str,
) -> web.Response:
    """The page that says why a registration was refused.

    ``again`` makes the form with what was filled in, for where another try can succeed; ``late`` is the key of the words
    for a session or series that takes nobody any more.
    """
    if isinstance(refusal, TooManyRegistrations):
        sentence = paragraph(page.words(f"coming.too_many_{'said' if refusal.addresses else 'places_said'}"))
        response = titled_page(page, "too_many", sentence + await again(), status=429)
        response.headers[hdrs.RETRY_AFTER] = str(-(-refusal.wait // 1000))
        return response
    if isinstance(refusal, Invalid):
        reasons = "".join(paragraph(reason) for reason in refusal.details.values())
        return titled_page(page, "wrong", reasons + await again(), status=400)
    return titled_page(page, "wrong", paragraph(page.words(late)), status=refusal.status)


async def left_page(request: web.Request, place: Place | None) -> web.Response:
    """Give up a place, and say so; the same where there is none."""
    page, at = await page_context(request), request.app[CLOCK].now()
    if place is not None:
        await request.app[CATALOGUE].ask(lambda connection: registrar_of(connection).leave(place, at))
        request.app[PUBLISHING].wake()
    return titled_page(page, "left_title", paragraph(page.words("coming.left_said")))


def joined(request: web.Request, state: Session, place: Place) -> web.Response:
    """A redirect to the join page: secret and name stand in the fragment, which browsers send to no server.

    The name fills the field there; whoever comes sees it, and that the others will, before they join.
    """
    secrets = {"come": secret_of(request, place.registration.registration, session_id=state.session_id)}
    if place.registration.name:
        secrets["name"] = place.registration.name
    if needs_token(state.details):
        secrets["token"] = tokens_of(state, request.app[CREDENTIALS].tokens)["participant"]
    return led_to(request, f"/sessions/join/{state.session_id}#{urlencode(secrets)}")


def led_to(request: web.Request, path: str) -> web.Response:
    """A redirect (303) to a path, which no cache keeps."""
    headers = {hdrs.LOCATION: request.app[LINKS].here(path), hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(status=303, headers=headers)


async def place_described(request: web.Request, page: PageContext, state: Session, place: Place) -> str:
    """The session, when it starts, and whether a place is kept or one waits, as HTML."""
    details, words = state.details, page.words
    when = local_time(page, details.scheduled_start, await zone_of(request, page, details.series_id))
    sentence = words(f"coming.said_{place.state}", position=place.position)
    return (
        f'<p class="lede">{page.studio.span(details.title)}.'
        f" {words('before.with', name=page.studio.span(details.instructor))}</p>"
        + paragraph(words("before.starts", when=when))
        + paragraph(sentence)
    )


def own_place_section(request: web.Request, page: PageContext, state: Session, place: Place) -> str:
    """What the join page says to somebody who comes: place or position, by what they hear of changes, a button to cancel."""
    words, registration = page.words, place.registration
    told = (
        "confirm_done"
        if registration.confirmed_at is not None
        else "said_mail"
        if registration.address is not None
        else "said_here"
    )
    secret = secret_of(request, registration.registration, session_id=state.session_id)
    leave = "this_time" if registration.series_id else "leave"
    return (
        f'<section id="coming" data-registration="{escape(registration.registration)}">'
        f"<h2>{escape(words(f'coming.title_{place.state}'))}</h2>"
        + paragraph(words(f"coming.said_{place.state}", position=place.position))
        + paragraph(words(f"coming.{told}"))
        + button_form(page, f"/coming/{state.session_id}/own/{secret}/leave", leave)
        + "</section>"
    )


def way_in(page: PageContext, path: str) -> str:
    """The button to one's own way into a session, as HTML."""
    label = escape(page.words("coming.own_link"))
    return f'<p><a class="button way-in" href="{escape(page.links.here(path))}">{label}</a></p>'


def button_form(page: PageContext, path: str, name: str) -> str:
    """A form of one button, whose words are those of a name, as HTML."""
    label, where = escape(page.words(f"coming.{name}")), escape(page.links.here(path))
    return f'<form method="post" action="{where}"><p><button type="submit">{label}</button></p></form>'


def calendar_of_place(page: PageContext, state: Session) -> str:
    """The link to the calendar file of a session; empty where it is private."""
    if state.details.visibility == "private":
        return ""
    return calendar_link(page, f"/sessions/{state.session_id}/event.ics")


def titled_page(page: PageContext, name: str, body: str, *, status: int = 200) -> web.Response:
    """A page with a title among the strings of registrations (``coming``). ``body`` is HTML."""
    return plain_page(page, page.words(f"coming.{name}"), body, status=status)


def unknown_page(page: PageContext) -> web.Response:
    """What a link leads to that leads to nothing any more."""
    return titled_page(page, "unknown_title", paragraph(page.words("coming.unknown_said")), status=404)
