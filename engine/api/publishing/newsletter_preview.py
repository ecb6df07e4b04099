"""What the newsletter of a session looks like before it leaves: a preview, a test by mail to oneself, the card."""

from __future__ import annotations

from aiohttp import hdrs, web

from engine.api.http.app_keys import CATALOGUE, CLOCK, DATA, PUBLISHING, caller_of
from engine.api.http.bodies import checked, read_json
from engine.api.http.callers import Caller
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer, error_response
from engine.api.http.studio_identity import studio_of
from engine.api.publishing.drafts import DraftText, at_desk, need_story_owner
from engine.domain.instant import HOUR, Millis
from engine.domain.rejection import Conflict, Forbidden, NotFound
from engine.storage.database import Connection
from engine.storage.keys import KeyRole
from engine.storage.request_limits import RequestLimits
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.published import Catalogue

__all__ = ["ENDPOINTS"]

_MOST_AN_HOUR = 20
"""Tests that are sent to one key."""


async def preview(request: web.Request) -> web.Response:
    """The newsletter (``email``) as its readers get it: subject, text and HTML. What is given is shown and not stored.

    An own summary (``personal``) is shown without anybody's name and figures. The HTML refers to the card as
    ``cid:card@halcytone``.
    """
    session_id, channel = need_story_owner(request), request.match_info["channel"]
    body = checked(DraftText, await read_json(request))
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    now = request.app[CLOCK].now()
    return answer(await at_desk(request, lambda desk: desk.preview(session_id, channel, changes, now)))


async def send_test(request: web.Request) -> web.Response:
    """Send the newsletter (``email``) as it is stored to oneself: to the address of one's own key, at once.

    The administrator's goes to the studio's own address where the key has none. At most 20 an hour.
    """
    session_id = need_story_owner(request)
    _need_newsletter(request)
    caller, data, at = caller_of(request), request.app[DATA], request.app[CLOCK].now()
    account = caller.key or caller.holder
    if account is None:
        raise Forbidden("no_own_address", "A test goes to the address of your own key: sign in with it.")

    def limited(connection: Connection) -> tuple[str | None, Millis]:
        sender = studio_of(data).sender
        if not sender or not Deliveries(Catalogue(connection)).mail_enabled():
            raise Conflict("no_mail", "This studio sends no mail.")
        address = _own_address(caller, sender)
        if address is None:
            return None, 0
        with connection.transaction():
            limits = RequestLimits(connection)
            return address, limits.count(f"test of {account.name}", at, most=_MOST_AN_HOUR, within=HOUR)

    address, wait = await request.app[CATALOGUE].ask(limited)
    if address is None:
        raise Conflict(
            "no_own_address", "Your key has no mail address: whoever runs the studio can make one with it."
        )
    if wait:
        return error_response(
            429,
            "too_many_requests",
            "Too many tests were sent to this key.",
            headers={hdrs.RETRY_AFTER: str(-(-wait // 1000))},
        )
    await at_desk(request, lambda desk: desk.send_test(session_id, account.name, address, at))
    request.app[PUBLISHING].wake()
    return answer({"session_id": session_id, "address": address}, 202)


async def card(request: web.Request) -> web.Response:
    """The card of a published session: its picture for mails and for links that are shared."""
    session_id = need_story_owner(request)
    drawn = await at_desk(request, lambda desk: desk.card(session_id))
    return web.Response(body=drawn, content_type="image/png", headers={hdrs.CACHE_CONTROL: "no-store"})


def _need_newsletter(request: web.Request) -> None:
    channel = request.match_info["channel"]
    if channel != "email":
        raise NotFound("unknown_draft", f"There is no mail {channel[:100]} to look at: it is email.")


def _own_address(caller: Caller, sender: str) -> str | None:
    account = caller.key or caller.holder
    assert account is not None
    return account.email or (sender if account.role is KeyRole.ADMIN else None)


_SESSION = f"{API}/sessions/{{session_id}}"
_ONE = f"{_SESSION}/drafts/{{channel}}"
ENDPOINTS = (
    Endpoint("POST", f"{_ONE}/preview", preview, "Preview a mail", "staff", DraftText, refusals=(409,)),
    Endpoint(
        "POST",
        f"{_ONE}/test",
        send_test,
        "Send a test of the newsletter",
        "staff",
        status=202,
        refusals=(409, 429),
    ),
    Endpoint(
        "GET",
        f"{_SESSION}/card",
        card,
        "The card of a session",
        "staff",
        media_type="image/png",
        refusals=(409,),
    ),
)
