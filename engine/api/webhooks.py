"""``/webhooks``: who is told what happens here, tests of it, and what became of the newest deliveries."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, Field, ValidationInfo

from engine.api.http.app_keys import CATALOGUE, CLOCK, WEBHOOKS, WEBHOOKS_MAY_BE_PRIVATE, caller_of
from engine.api.http.bodies import checked, query_of, read_json
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.models import Body, Limit, Query
from engine.domain.instant import iso
from engine.domain.rejection import NotFound
from engine.domain.text import Line, Name
from engine.domain.webhooks import EVENTS, EventName, checked_url
from engine.storage.webhooks import Delivery, Webhook, Webhooks

__all__ = ["ENDPOINTS"]


def _receiver(url: str, info: ValidationInfo) -> str:
    return checked_url(url, allow_private=bool(info.context and info.context["allow_private"]))


class CreateWebhook(Body):
    """Where to send notices, and which."""

    url: Annotated[Line, AfterValidator(_receiver)]
    """An https address; with ``HALCYTONE_WEBHOOK_ALLOW_PRIVATE`` also one of a private network, there by http too."""
    events: Annotated[list[EventName], Field(min_length=1, max_length=100)]
    description: Name | None = None


class DeliveriesQuery(Query):
    """How many deliveries, the newest first."""

    limit: Limit = 100


async def create(request: web.Request) -> web.Response:
    """Make a webhook. ``secret`` is shown this once: receivers check signatures with it.

    Requests are signed as the Standard Webhooks specification says. The answer must come within 5 seconds and be 2xx; a redirect
    is not followed. What was not taken is sent again with growing pauses for three days, with the same ``webhook-id``; then
    the webhook is switched off.
    """
    caller_of(request).need_admin()
    private = request.app[WEBHOOKS_MAY_BE_PRIVATE]
    body = checked(CreateWebhook, await read_json(request), context={"allow_private": private})
    at, events = request.app[CLOCK].now(), tuple(dict.fromkeys(body.events))
    webhook, secret = await request.app[CATALOGUE].ask(
        lambda connection: Webhooks(connection).add(body.url, events, body.description, at)
    )
    return answer(_webhook(webhook) | {"secret": secret}, 201)


async def catalogue(request: web.Request) -> web.Response:
    """List all webhooks, the oldest first; one that was switched off says why. ``events``: all that one can ask for."""
    caller_of(request).need_admin()
    webhooks = await request.app[CATALOGUE].ask(lambda connection: Webhooks(connection).all())
    listed = [_webhook(webhook) for webhook in webhooks]
    return answer({"count": len(listed), "webhooks": listed, "events": list(EVENTS)})


async def show(request: web.Request) -> web.Response:
    """Show one webhook, without its secret."""
    return answer(_webhook(await _known(request)))


async def remove(request: web.Request) -> web.Response:
    """Remove a webhook and what waits for it."""
    webhook = await _known(request)
    await request.app[CATALOGUE].ask(lambda connection: Webhooks(connection).remove(webhook.id))
    return answer({"id": webhook.id, "status": "removed"})


async def test(request: web.Request) -> web.Response:
    """Send a ``webhook.test`` at once, and say what became of it. One that is taken switches the webhook on again."""
    webhook = await _known(request)
    delivery = await request.app[WEBHOOKS].test(webhook.id)
    if delivery is None:
        raise _unknown(webhook.id)
    return answer(_delivery(delivery))


async def deliveries(request: web.Request) -> web.Response:
    """List the newest deliveries with what became of each."""
    webhook = await _known(request)
    query = query_of(request, DeliveriesQuery)
    newest = await request.app[CATALOGUE].ask(
        lambda connection: Webhooks(connection).deliveries(webhook.id, query.limit)
    )
    return answer({"id": webhook.id, "deliveries": [_delivery(each) for each in newest]})


async def _known(request: web.Request) -> Webhook:
    """The webhook of the path, for the administrator.

    Raises:
        NotFound: there is none.
    """
    caller_of(request).need_admin()
    webhook_id = request.match_info["webhook_id"]
    webhook = await request.app[CATALOGUE].ask(lambda connection: Webhooks(connection).get(webhook_id))
    if webhook is None:
        raise _unknown(webhook_id)
    return webhook


def _unknown(webhook_id: str) -> NotFound:
    return NotFound("unknown_webhook", f"There is no webhook {webhook_id[:100]}.")


def _webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "description": webhook.description,
        "created_at": iso(webhook.created_at),
        "state": "on" if webhook.off_at is None else "off",
        "off_at": None if webhook.off_at is None else iso(webhook.off_at),
        "off_reason": webhook.off_reason,
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    instants = ("created_at", "updated_at", "next_attempt_at")
    document = asdict(delivery)
    return document | {name: None if document[name] is None else iso(document[name]) for name in instants}


_ONE = f"{API}/webhooks/{{webhook_id}}"
ENDPOINTS = (
    Endpoint("POST", f"{API}/webhooks", create, "Make a webhook", "admin", CreateWebhook, status=201),
    Endpoint("GET", f"{API}/webhooks", catalogue, "The list of webhooks", "admin"),
    Endpoint("GET", _ONE, show, "One webhook", "admin"),
    Endpoint("DELETE", _ONE, remove, "Remove a webhook", "admin"),
    Endpoint("POST", f"{_ONE}/test", test, "Test a webhook", "admin"),
    Endpoint(
        "GET", f"{_ONE}/deliveries", deliveries, "The newest deliveries", "admin", query=DeliveriesQuery
    ),
)
