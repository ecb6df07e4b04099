"""The newsletter's doors: asked for on the site, confirmed and ended from a mail.

A GET changes nothing, for mail scanners follow every link; what changes something is a POST: the button
on the page, or the mail program's own one click (RFC 8058).
"""

from __future__ import annotations

from html import escape
from typing import Annotated
from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from markupsafe import Markup
from pydantic import Field

from engine.api.http.app_keys import CLOCK, PUBLISHING, SHELF
from engine.api.http.bodies import checked, read_body, read_json
from engine.api.http.plain_page import Ground, ground, plain_page
from engine.api.http.responses import answer
from engine.api.models import Body
from engine.domain.instant import Millis
from engine.domain.rejection import Invalid
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.published import Catalogue
from publisher.catalogue.subscriptions import InvalidAddress, confirm, state_of, subscribe, unsubscribe

__all__ = ["add_routes"]

_LONGEST_TOKEN = 200
_MOST_FIELDS = 20


class Subscription(Body):
    """Who wants the newsletter; what an address is, those know who keep it."""

    address: Annotated[str, Field(strict=True)]


def add_routes(app: web.Application) -> None:
    """``GET /subscribe/`` is a page of the site."""
    for slash in ("", "/"):
        app.router.add_post(f"/subscribe{slash}", ask)
        app.router.add_get(f"/confirm/{{token}}{slash}", before_confirming)
        app.router.add_post(f"/confirm/{{token}}{slash}", confirmed)
        app.router.add_get(f"/unsubscribe/{{token}}{slash}", before_leaving)
        app.router.add_post(f"/unsubscribe/{{token}}{slash}", left)


async def ask(request: web.Request) -> web.Response:
    """An address wants the newsletter. The answer is the same whether it has it already or not.

    Where no mail leaves, that is the answer: nobody is to look for one.
    """
    address, at, on = await _address(request), request.app[CLOCK].now(), await ground(request)
    try:
        sends = await request.app[SHELF].ask(lambda connection: _asked(Catalogue(connection), address, at))
    except InvalidAddress as wrong:
        if _for_a_program(request):
            raise Invalid("invalid_data", "This is no mail address.", {"address": str(wrong)}) from None
        return _page(on, "wrong", f"{_said(on, 'wrong_said')}{_form(on, address)}", status=400)
    request.app[PUBLISHING].wake()
    sends = sends and bool(on.studio.sender)
    if _for_a_program(request):
        return answer({"status": "confirmation_asked" if sends else "no_mail_sent"}, 202)
    name = "asked" if sends else "no_mail"
    return _page(on, name, _said(on, f"{name}_said"))


def _asked(catalogue: Catalogue, address: str, at: Millis) -> bool:
    """Whether the studio sends the mail that now asks to confirm."""
    subscribe(catalogue, address, at)
    return Deliveries(catalogue).mail_enabled()


async def before_confirming(request: web.Request) -> web.Response:
    """The page behind the link in the mail that asks to confirm."""
    on = await ground(request)
    match await _state(request):
        case None:
            return _unknown(on)
        case "confirmed":
            return _page(on, "on", _said(on, "on_already"))
        case _:
            return _page(on, "title", _button(on, "yes"))


async def confirmed(request: web.Request) -> web.Response:
    """The address is taken up; again is harmless."""
    token, at = _token(request), request.app[CLOCK].now()
    if not await request.app[SHELF].ask(lambda connection: confirm(Catalogue(connection), token, at)):
        return _unknown(await ground(request))
    on = await ground(request)
    return _page(on, "on", _said(on, "on_thanks"))


async def before_leaving(request: web.Request) -> web.Response:
    """The page behind the link at the end of every mail."""
    on = await ground(request)
    if await _state(request) is None:
        return _page(on, "off", _said(on, "off_already"))
    return _page(on, "title", _button(on, "stop"))


async def left(request: web.Request) -> web.Response:
    """The address is forgotten; again is harmless, since mail programs repeat themselves."""
    token = _token(request)
    await request.app[SHELF].ask(lambda connection: unsubscribe(Catalogue(connection), token))
    on = await ground(request)
    return _page(on, "off", _said(on, "off_done"))


def _token(request: web.Request) -> str:
    return request.match_info["token"][:_LONGEST_TOKEN]


async def _state(request: web.Request) -> str | None:
    token = _token(request)
    return await request.app[SHELF].ask(lambda connection: state_of(Catalogue(connection), token))


async def _address(request: web.Request) -> str:
    if request.content_type == "application/json":
        return checked(Subscription, await read_json(request)).address
    body = await read_body(request)
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Invalid(
            "invalid_data", "The form has too many fields.", {"body": f"at most {_MOST_FIELDS} fields"}
        ) from None
    return dict(fields).get("address", "")


def _for_a_program(request: web.Request) -> bool:
    return request.content_type == "application/json" or "text/html" not in request.headers.get(
        hdrs.ACCEPT, "text/html"
    )


def _page(on: Ground, title: str, body: str, *, status: int = 200) -> web.Response:
    return plain_page(on, on.words(f"newsletter.{title}"), body, status=status)


def _said(on: Ground, name: str) -> str:
    return f"<p>{escape(on.words(f'newsletter.{name}'))}</p>"


def _unknown(on: Ground) -> web.Response:
    told = escape(on.words("newsletter.unknown_link"))
    link = Markup(f'<a href="{escape(on.links.here("/subscribe/"))}">{told}</a>')
    return _page(on, "unknown", f"<p>{on.words('newsletter.unknown_said', link=link)}</p>", status=404)


def _button(on: Ground, name: str) -> str:
    told = escape(on.words(f"newsletter.{name}"))
    return f'<form method="post"><p><button type="submit">{told}</button></p></form>'


def _form(on: Ground, address: str) -> str:
    where, label, button = (
        on.links.here("/subscribe/"),
        on.words("subscribe.address"),
        on.words("subscribe.button"),
    )
    return (
        f'<form method="post" action="{escape(where)}"><p><label for="address">{escape(label)}</label> '
        f'<input id="address" name="address" type="email" autocomplete="email" required value="{escape(address[:254])}"> '
        f'<button type="submit">{escape(button)}</button></p></form>'
    )
