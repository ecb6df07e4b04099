"""This server among others on one database: what is constructed only there, and the routes that servers have for each other.

With a file of its own a server has no ``Node`` and nothing to pass on; nothing of ``engine.nodes`` is imported then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from engine.api.http.addresses import Addresses
from engine.api.http.app_keys import CATALOGUE, SITE_WAIT
from engine.api.http.bodies import read_body
from engine.clock import Clock
from engine.domain.commands import MarkPublished, Sender
from engine.domain.instant import Millis
from engine.domain.rejection import Moved, Rejected
from engine.domain.session import Role
from engine.operations.logging import add_to_every_line
from engine.sessions.directory import Directory
from engine.sessions.series.schedule import SeriesSchedule
from engine.settings import Settings, origin
from engine.storage.database import Connection, Database
from engine.storage.keys import Keys
from engine.storage.meta import Meta
from engine.storage.nodes import Look, NodeRow, others_run
from engine.webhooks.sender import WebhookSender
from publisher.catalogue.published import Catalogue
from publisher.catalogue.sites import site_of
from publisher.rendering import studio

if TYPE_CHECKING:
    from engine.nodes.forwarding import Forwarding
    from engine.nodes.node import Node

__all__ = [
    "add_internal_routes",
    "ask_nobody",
    "build_forwarding",
    "build_node",
    "follow_looks",
    "follow_news",
    "hand_over",
    "mark_published",
    "node_url",
    "nodes_of",
    "others_may_have_a_site",
    "others_stored_public_url",
    "version",
]

_HAND_OVER_TIMEOUT = 3.0
"""Seconds that a drain has for giving its sessions to other servers."""
_PUBLISHED_AT = "/internal/published"

log = structlog.get_logger()


def build_node(
    settings: Settings, url: str, database: Database, clock: Clock, stack: AsyncExitStack
) -> Node | None:
    """This server among those that share its database; None with a file of its own."""
    if settings.database is None:
        return None
    from engine.nodes.membership import NodeFacts
    from engine.nodes.node import Node

    facts = NodeFacts(url, version(), studio.file_digest(settings.data))
    node = Node(database, settings.data, facts, clock.now, lambda: _site_at(settings.data))
    stack.push_async_callback(node.leave)
    stack.callback(add_to_every_line(lambda line: _log_fields(node, line)))
    return node


def _site_at(data: Path) -> Millis | None:
    """When the home page of a folder's copy of the site was made, which shows what was published last; None without one."""
    try:
        return (data / "public" / "index.html").stat().st_mtime_ns // 1_000_000
    except FileNotFoundError:
        return None


def others_may_have_a_site(node: Node) -> bool:
    """Whether a server that goes on running has its copy of the site; assumed before the first look at the others."""
    membership = node.membership
    return not membership.nodes or any(row.site_at is not None for row in membership.living())


def _log_fields(node: Node, line: Mapping[str, Any]) -> dict[str, Any]:
    """This server's id, and for a session that it owns in which term: what two owners write can be told apart."""
    fields: dict[str, Any] = {"node": node.membership.node} if node.membership.node else {}
    session_id = line.get("session_id")
    term = node.ownership.term(session_id) if isinstance(session_id, str) else None
    return fields if term is None else {**fields, "term": term}


def follow_looks(node: Node, keys: Keys, schedule: SeriesSchedule, webhooks: WebhookSender) -> None:
    """Let a beat's look say when keys or series changed and webhooks are due: they need not ask the database themselves."""
    loop = asyncio.get_running_loop()

    def looked(look: Look) -> None:
        keys.seen(look.keys)
        schedule.noticed(look.series)
        if look.webhooks_due:
            with contextlib.suppress(RuntimeError):  # The loop is closed.
                loop.call_soon_threadsafe(webhooks.look_soon)

    node.membership.watch(looked)


def follow_news(node: Node, keys: Keys, app: web.Application, data: Path) -> None:
    """Let what other servers announce be known here at once: a key that they made, a page that this one has to build."""
    loop, membership, wait = asyncio.get_running_loop(), node.membership, app[SITE_WAIT]
    catalogues: list[Catalogue] = []

    def is_dirty(connection: Connection) -> bool:
        if not catalogues:
            site = site_of(data)
            if not site:
                return False  # The publisher has not begun to build.
            catalogues.append(Catalogue(connection, site))
        return catalogues[0].dirty.any()

    def look_again() -> None:
        keys.look_again()
        if membership.others():
            with contextlib.suppress(RuntimeError):  # The loop is closed.
                loop.call_soon_threadsafe(wait.pages_marked, lambda: app[CATALOGUE].ask(is_dirty))

    async def closed(_: web.Application) -> None:
        wait.close()

    app.on_shutdown.append(closed)
    wait.wait_for_first_site(lambda: _site_at(data) is not None, lambda: others_may_have_a_site(node))
    membership.on_news(look_again)


def build_forwarding(
    node: Node, signing_key: bytes, addresses: Addresses, registry: CollectorRegistry, stack: AsyncExitStack
) -> Forwarding:
    """What forwards requests to the servers that own their sessions."""
    from engine.nodes.forwarding import Forwarding
    from engine.nodes.hop import HopSigner
    from engine.nodes.node_metrics import register_node_metrics

    membership = node.membership
    forwarding = Forwarding(
        HopSigner(signing_key, lambda: membership.node),
        addresses.client_of,
        node.ownership.owner,
        node.ownership.forget_owner,
        membership.others,
        read_body,
    )

    def forwarded_address(request: web.BaseRequest) -> str | None:
        hop = forwarding.hop(request)
        return None if hop is None else hop.address

    addresses.trust_hops(forwarded_address)
    register_node_metrics(
        registry,
        node=lambda: membership.node,
        owned=lambda: len(node.ownership),
        nodes=lambda: len(membership.nodes),
        unanswered_s=membership.unanswered_s,
        forwarded=forwarding.sockets,
    )
    stack.push_async_callback(forwarding.close)
    loop = asyncio.get_running_loop()

    def looked(look: Look) -> None:
        living = frozenset(row.node for row in look.nodes)
        with contextlib.suppress(RuntimeError):  # The loop is closed.
            loop.call_soon_threadsafe(forwarding.gone, living)

    membership.watch(looked)
    return forwarding


def node_url(settings: Settings, port: int) -> str:
    """Where other servers reach this one."""
    return settings.node_url or origin(settings.host, port)


def others_stored_public_url(database: Database, data: Path) -> bool:
    """Whether servers run already that have stored the address of the site, which is one for all its copies."""
    if not database.shared:
        return False
    with database.connect() as connection:
        return Meta(connection).get("public_url") is not None and others_run(connection, data)


def nodes_of(
    settings: Settings, url: str, node: Node | None, directory: Directory, draining: Callable[[], bool]
) -> Callable[[], Sequence[NodeRow]]:
    """The servers of this studio; with a file of its own it is this one alone."""
    if node is not None:
        membership = node.membership
        return lambda: membership.nodes

    def alone() -> Sequence[NodeRow]:
        sessions = sum(1 for _ in directory.actors())
        digest = studio.file_digest(settings.data)
        return [NodeRow("single", url, 0, True, draining(), version(), digest, None, sessions)]

    return alone


async def ask_nobody(_: web.Request) -> list[bytes]:
    """What the other servers answer where there is none."""
    return []


async def mark_published(directory: Directory, forwarding: Forwarding | None, session_id: str) -> None:
    """Tell a session that its page is published, wherever it is."""
    try:
        await directory.ask(session_id, MarkPublished(), Sender(Role.ADMIN))
    except Moved as moved:
        if forwarding is not None:
            await forwarding.tell_owner(moved, f"{_PUBLISHED_AT}/{session_id}")
    except Rejected:
        pass  # A summary that came over the API has no session here.


def add_internal_routes(app: web.Application, directory: Directory, forwarding: Forwarding) -> None:
    """Where another server says that it published a session of this one, or asks for one in which nobody is.

    For anybody else there is nothing there, also where another server passes the request on.
    """
    from engine.nodes.forwarding import YIELD_AT

    async def published(request: web.Request) -> web.Response:
        if not forwarding.is_of_another_node(request):
            raise web.HTTPNotFound
        await directory.ask(request.match_info["session_id"], MarkPublished(), Sender(Role.ADMIN))
        return web.Response(status=204)

    async def give_up(request: web.Request) -> web.Response:
        if not forwarding.is_of_another_node(request):
            raise web.HTTPNotFound
        given_up = await directory.yield_idle(request.match_info["session_id"], request.match_info["node"])
        return web.Response(status=204 if given_up else 409)

    app.router.add_post(f"{_PUBLISHED_AT}/{{session_id}}", published)
    app.router.add_post(f"{YIELD_AT}/{{session_id}}/{{node}}", give_up)


async def hand_over(node: Node | None, directory: Directory) -> None:
    """Let other servers go on with the sessions, where there are others."""
    if node is None or not node.membership.living():
        return
    node.membership.draining = node.ownership.draining = True
    log.info("handing over", sessions=len(node.ownership))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_HAND_OVER_TIMEOUT):
            await directory.hand_over()


def version() -> str:
    """The version of this program."""
    try:
        return metadata.version("halcytone-live")
    except metadata.PackageNotFoundError:
        return "0"
