"""Newsletter subscriptions: asked for on the site, confirmed and ended from a mail (double opt-in).

A GET changes nothing, because mail scanners follow every link. Changes are POSTs: from the button on the page, or the
mail program's one-click unsubscribe (RFC 8058).
"""

from __future__ import annotations

from html import escape
from typing import Annotated
from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from markupsafe import Markup
from pydantic import Field

from engine.api.http.app_keys import CATALOGUE, CLOCK, CONNECTIONS, PUBLISHING
from engine.api.http.bodies import checked, read_body, read_json
from engine.api.http.plain_page import PageContext, page_context, plain_page
from engine.api.http.responses import answer, error_response
from engine.api.models import Body
from engine.api.newsletter.limits import SubscriptionLimits
from engine.domain.instant import Millis
from engine.domain.rejection import Invalid
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.published import Catalogue
from publisher.catalogue.subscriptions import (
    InvalidAddress,
    checked_address,
    confirm,
    state_of,
    subscribe,
    unsubscribe,
)

__all__ = ["add_routes"]

LIMITS = web.AppKey("subscription_limits", SubscriptionLimits)
_MAX_TOKEN_LENGTH = 200
_MAX_FIELDS = 20


class Subscription(Body):
    """A subscription as JSON. The address is checked where it is stored."""

    address: Annotated[str, Field(strict=True)]


def add_routes(app: web.Application) -> None:
    """Add the routes, each with and without a slash at its end. ``GET /subscribe/`` is a page of the site."""
    app[LIMITS] = SubscriptionLimits()
    for slash in ("", "/"):
        app.router.add_post(f"/subscribe{slash}", request_subscription)
        app.router.add_get(f"/confirm/{{token}}{slash}", confirmation_page)
        app.router.add_post(f"/confirm/{{token}}{slash}", confirm_subscription)
        app.router.add_get(f"/unsubscribe/{{token}}{slash}", unsubscribe_page)
        app.router.add_post(f"/unsubscribe/{{token}}{slash}", end_subscription)


async def request_subscription(request: web.Request) -> web.Response:
    """Send the mail that asks to confirm. The response is the same for an address that has the newsletter already.

    It is the same too for a mailbox that was asked often enough today. Where the studio sends no mail the response says so,
    and nobody looks for one.
    """
    address, at, page = await _address(request), request.app[CLOCK].now(), await page_context(request)
    limits, elapsed = request.app[LIMITS], request.app[CLOCK].elapsed()
    wait = limits.wait_of_network(request.app[CONNECTIONS].addresses.of(request), elapsed)
    if wait:
        return _too_many(request, page, wait)
    try:
        wanted = limits.may_write_to(checked_address(address), elapsed)
        sends = await request.app[CATALOGUE].ask(
            lambda connection: _subscribe(Catalogue(connection), address if wanted else None, at)
        )
    except InvalidAddress as error:
        if _wants_json(request):
            raise Invalid("invalid_data", "This is no mail address.", {"address": str(error)}) from None
        return _page(page, "wrong", f"{_paragraph(page, 'wrong_said')}{_form(page, address)}", status=400)
    request.app[PUBLISHING].wake()
    sends = sends and bool(page.studio.sender)
    if _wants_json(request):
        return answer({"status": "confirmation_asked" if sends else "no_mail_sent"}, 202)
    name = "asked" if sends else "no_mail"
    return _page(page, name, _paragraph(page, f"{name}_said"))


def _subscribe(catalogue: Catalogue, address: str | None, at: Millis) -> bool:
    """Store an unconfirmed subscription, if any. Returns whether the studio can send the mail that asks to confirm."""
    if address is not None:
        subscribe(catalogue, address, at)
    return Deliveries(catalogue).mail_enabled()


def _too_many(request: web.Request, page: PageContext, wait: int) -> web.Response:
    if _wants_json(request):
        return error_response(
            429,
            "too_many_requests",
            "Too many subscriptions from this network address.",
            headers={hdrs.RETRY_AFTER: str(wait)},
        )
    response = _page(page, "too_many", _paragraph(page, "too_many_said"), status=429)
    response.headers[hdrs.RETRY_AFTER] = str(wait)
    return response


async def confirmation_page(request: web.Request) -> web.Response:
    """The page behind the link in the mail that asks to confirm: a button, or what holds already."""
    page = await page_context(request)
    match await _state(request):
        case None:
            return _unknown_link(page)
        case "confirmed":
            return _page(page, "on", _paragraph(page, "on_already"))
        case _:
            return _page(page, "title", _button(page, "yes"))


async def confirm_subscription(request: web.Request) -> web.Response:
    """Confirm a subscription. Repeating it does no harm."""
    token, at = _token(request), request.app[CLOCK].now()
    if not await request.app[CATALOGUE].ask(lambda connection: confirm(Catalogue(connection), token, at)):
        return _unknown_link(await page_context(request))
    page = await page_context(request)
    return _page(page, "on", _paragraph(page, "on_thanks"))


async def unsubscribe_page(request: web.Request) -> web.Response:
    """The page behind the unsubscribe link of every mail: a button, or what holds already."""
    page = await page_context(request)
    if await _state(request) is None:
        return _page(page, "off", _paragraph(page, "off_already"))
    return _page(page, "title", _button(page, "stop"))


async def end_subscription(request: web.Request) -> web.Response:
    """Delete the address. Repeating it does no harm: mail programs send their one click more than once."""
    token = _token(request)
    await request.app[CATALOGUE].ask(lambda connection: unsubscribe(Catalogue(connection), token))
    page = await page_context(request)
    return _page(page, "off", _paragraph(page, "off_done"))


def _token(request: web.Request) -> str:
    return request.match_info["token"][:_MAX_TOKEN_LENGTH]


async def _state(request: web.Request) -> str | None:
    token = _token(request)
    return await request.app[CATALOGUE].ask(lambda connection: state_of(Catalogue(connection), token))


async def _address(request: web.Request) -> str:
    if request.content_type == "application/json":
        return checked(Subscription, await read_json(request)).address
    body = await read_body(request)
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Invalid(
            "invalid_data", "The form has too many fields.", {"body": f"at most {_MAX_FIELDS} fields"}
        ) from None
    return dict(fields).get("address", "")


def _wants_json(request: web.Request) -> bool:
    return request.content_type == "application/json" or "text/html" not in request.headers.get(
        hdrs.ACCEPT, "text/html"
    )


def _page(page: PageContext, title: str, body: str, *, status: int = 200) -> web.Response:
    return plain_page(page, page.words(f"newsletter.{title}"), body, status=status)


def _paragraph(page: PageContext, name: str) -> str:
    return f"<p>{escape(page.words(f'newsletter.{name}'))}</p>"


def _unknown_link(page: PageContext) -> web.Response:
    label = escape(page.words("newsletter.unknown_link"))
    link = Markup(f'<a href="{escape(page.links.here("/subscribe/"))}">{label}</a')
    return _page(page, "unknown", f"<p>{page.words('newsletter.unknown_said', link=link)}</p>", status=404)


def _button(page: PageContext, name: str) -> str:
    label = escape(page.words(f"newsletter.{name}"))
    return f'<form method="post"><p><button type="submit">{label}</button></p></form>'


def _form(page: PageContext, address: str) -> str:
    where, label, button = (
        page.links.here("/subscribe/"),
        page.words("subscribe.address"),
        page.words("subscribe.button"),
    )
    return (
        f'<form method="post" action="{escape(where)}"><p><label for="address">{escape(label)}</label> '
        f'<input id="address" name="address" type="email" autocomplete="email" required value="{escape(address[:254])}"> '
        f'<button type="submit">{escape(button)}</button></p></form>'
    )
