"""The newsletter's doors: asked for on the site, confirmed and ended from a mail.

A GET changes nothing, for mail scanners follow every link; what changes something is a POST: the button
on the page, or the mail program's own one click (RFC 8058).
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from engine.api.answers import answer
from engine.api.bodies import read_body, read_json
from engine.api.plain_page import plain_page
from engine.api.wiring import CLOCK, PUBLISHING, SHELF
from engine.domain.rejection import Invalid
from publisher.catalogue import Catalogue
from publisher.subscriptions import AddressWrong, confirm, state_of, subscribe, unsubscribe

__all__ = ["add_routes"]

_LONGEST_TOKEN = 200


def add_routes(app: web.Application) -> None:
    """``GET /subscribe/`` is a page of the site."""
    for slash in ("", "/"):
        app.router.add_post(f"/subscribe{slash}", ask)
        app.router.add_get(f"/confirm/{{token}}{slash}", before_confirming)
        app.router.add_post(f"/confirm/{{token}}{slash}", confirmed)
        app.router.add_get(f"/unsubscribe/{{token}}{slash}", before_leaving)
        app.router.add_post(f"/unsubscribe/{{token}}{slash}", left)


async def ask(request: web.Request) -> web.Response:
    """An address wants the newsletter. The answer is the same whether it has it already or not."""
    address, at = await _address(request), request.app[CLOCK].now()
    try:
        await request.app[SHELF].ask(lambda connection: subscribe(Catalogue(connection), address, at))
    except AddressWrong as wrong:
        if _for_a_program(request):
            raise Invalid("invalid_data", "This is no mail address.", {"address": str(wrong)}) from None
        return plain_page(
            "That did not work", f"<p>Please enter {escape(str(wrong))}.</p>{_form(address)}", status=400
        )
    request.app[PUBLISHING].wake()
    if _for_a_program(request):
        return answer({"status": "confirmation_asked"}, 202)
    return plain_page(
        "Please look into your mail",
        "<p>We have asked this address to confirm. Nothing is sent to it before that.</p>",
    )


async def before_confirming(request: web.Request) -> web.Response:
    """The page behind the link in the mail that asks to confirm."""
    match await _state(request):
        case None:
            return _unknown()
        case "confirmed":
            return plain_page("You are on the list", "<p>This address is confirmed already.</p>")
        case _:
            return plain_page("Our newsletter", _button("Yes, send me the newsletter"))


async def confirmed(request: web.Request) -> web.Response:
    """The address is taken up; again is harmless."""
    token, at = _token(request), request.app[CLOCK].now()
    if not await request.app[SHELF].ask(lambda connection: confirm(Catalogue(connection), token, at)):
        return _unknown()
    return plain_page("You are on the list", "<p>Thank you. Every mail has a link that ends it.</p>")


async def before_leaving(request: web.Request) -> web.Response:
    """The page behind the link at the end of every mail."""
    if await _state(request) is None:
        return plain_page("You are not on the list", "<p>This address does not get our newsletter.</p>")
    return plain_page("Our newsletter", _button("Stop the newsletter"))


async def left(request: web.Request) -> web.Response:
    """The address is forgotten; again is harmless, since mail programs repeat themselves."""
    token = _token(request)
    await request.app[SHELF].ask(lambda connection: unsubscribe(Catalogue(connection), token))
    return plain_page("You are not on the list", "<p>We have forgotten this address.</p>")


def _token(request: web.Request) -> str:
    return request.match_info["token"][:_LONGEST_TOKEN]


async def _state(request: web.Request) -> str | None:
    token = _token(request)
    return await request.app[SHELF].ask(lambda connection: state_of(Catalogue(connection), token))


async def _address(request: web.Request) -> str:
    if request.content_type == "application/json":
        given = await read_json(request)
        address = given.get("address") if isinstance(given, dict) else None
        return address if isinstance(address, str) else ""
    body = await read_body(request)
    return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=20)).get("address", "")


def _for_a_program(request: web.Request) -> bool:
    return request.content_type == "application/json" or "text/html" not in request.headers.get(
        hdrs.ACCEPT, "text/html"
    )


def _unknown() -> web.Response:
    return plain_page(
        "This link leads nowhere",
        '<p>It may be older than your last one. <a href="/subscribe/">Ask for the newsletter again</a>.</p>',
        status=404,
    )


def _button(label: str) -> str:
    return f'<form method="post"><p><button type="submit">{escape(label)}</button></p></form>'


def _form(address: str) -> str:
    return (
        '<form method="post" action="/subscribe/"><p><label for="address">Your mail address</label> '
        f'<input id="address" name="address" type="email" autocomplete="email" required value="{escape(address[:254])}"> '
        '<button type="submit">Subscribe</button></p></form>'
    )
