"""``/sign-in``: a link by mail that works once within 15 minutes, in the place of a key."""

from __future__ import annotations

from aiohttp import hdrs, web

from engine.api.http.app_keys import CATALOGUE, CLOCK, CONNECTIONS, DATA, PUBLISHING
from engine.api.http.bodies import checked, read_json
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer, error_response
from engine.api.http.studio_identity import studio_of
from engine.api.models import Body, MailAddress
from engine.domain.instant import HOUR, Millis, iso
from engine.domain.rejection import BadCredential
from engine.domain.text import Line
from engine.storage.database import Connection
from engine.storage.request_limits import RequestLimits
from engine.storage.sign_ins import SIGN_IN_MAIL, SignIns
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.published import Catalogue

__all__ = ["ENDPOINTS"]

_MOST_AN_HOUR = 10
"""Links that one network address may ask for, and that are sent to one key's address."""


class SignInRequest(Body):
    """Whose address a link is to be sent to."""

    address: MailAddress


class SignInToken(Body):
    """What the link has."""

    token: Line


async def ask(request: web.Request) -> web.Response:
    """Send a link to the address of a key. Nobody learns whether there is one: the answer is the same."""
    body = checked(SignInRequest, await read_json(request))
    app = request.app
    at, data = app[CLOCK].now(), app[DATA]
    network = app[CONNECTIONS].addresses.of(request)

    def send(connection: Connection) -> tuple[bool, Millis]:
        deliveries, limits = Deliveries(Catalogue(connection)), RequestLimits(connection)
        sends = deliveries.mail_enabled() and bool(studio_of(data).sender)
        with connection.transaction():
            wait = limits.count(f"sign-in {network}", at, most=_MOST_AN_HOUR, within=HOUR)
            if wait or not sends:
                return sends, wait
            for name in SignIns(connection).addressed(body.address):
                if not limits.count(f"sign-in of {name}", at, most=_MOST_AN_HOUR, within=HOUR):
                    deliveries.schedule_one("", SIGN_IN_MAIL, name, body.address, at, at)
        return sends, 0

    sends, wait = await app[CATALOGUE].ask(send)
    if wait:
        return error_response(
            429,
            "too_many_requests",
            "Too many links were asked for from this network address.",
            headers={hdrs.RETRY_AFTER: str(-(-wait // 1000))},
        )
    app[PUBLISHING].wake()
    return answer({"status": "asked" if sends else "no_mail_sent"}, 202)


async def use(request: web.Request) -> web.Response:
    """Sign in with the token of a link: once. ``key`` stands for one's own key for 30 days, or until that is renewed or revoked."""
    body = checked(SignInToken, await read_json(request))
    at = request.app[CLOCK].now()
    used = await request.app[CATALOGUE].ask(lambda connection: SignIns(connection).use_link(body.token, at))
    if used is None:
        raise BadCredential("link_used", "This link was used, or its 15 minutes are over. Ask for a new one.")
    name, secret, until = used
    return answer({"name": name, "key": secret, "expires_at": iso(until)})


ENDPOINTS = (
    Endpoint("POST", f"{API}/sign-in", ask, "Ask for a link to sign in", body=SignInRequest, status=202),
    Endpoint("POST", f"{API}/sign-in/link", use, "Sign in with a link", body=SignInToken),
)
