"""The server, assembled: the one place that constructs what the layers below only use.

``running_server`` reads top-down: storage, publisher, sessions, sockets, HTTP, maintenance; each has a builder below it.
What is built is closed in reverse order, by the exit stack that every builder registers with.

More than 300 lines, and one idea: whoever asks what depends on what finds it on this one page, and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry

from engine import cluster
from engine.api import routes
from engine.api.http.addresses import Addresses, AddressRates
from engine.api.http.app_keys import CONNECTIONS, Backend
from engine.api.http.callers import Credentials
from engine.api.http.connection import HttpConnection
from engine.api.http.metrics import ConnectionMetrics
from engine.api.http.open_connections import OpenConnections
from engine.api.pages import documents
from engine.api.pages.link_previews import preview_of_join
from engine.api.techniques import all_techniques
from engine.clock import Clock
from engine.domain.channels import SESSION_END_CHANNELS
from engine.operations.garbage_collection import disable_full_collections, end_collections
from engine.operations.maintenance import Maintenance
from engine.operations.marks_file import MARKS_FILE, read_marks
from engine.operations.publisher_process import Finished, PublisherProcess
from engine.protocol.close_codes import CloseCode
from engine.protocol.connect_request import requested_session_id
from engine.protocol.connection import Limits
from engine.protocol.rates import Rate
from engine.protocol.tokens import Tokens
from engine.realtime.admission import Admission
from engine.realtime.allowances import Allowances
from engine.realtime.authorization import SocketAuthorization
from engine.realtime.event_socket import EventSockets
from engine.realtime.handshake import HandshakeChecks
from engine.realtime.leading_sockets import LeadingSockets
from engine.realtime.live_metrics import LiveMetrics
from engine.realtime.live_socket import LiveSockets
from engine.realtime.open_sockets import OpenSockets
from engine.realtime.room import Room
from engine.realtime.tick import Tick
from engine.runtime.supervised import supervised
from engine.sessions.directory import Directory
from engine.sessions.messages import SeatClaim
from engine.sessions.series.schedule import SeriesSchedule
from engine.settings import Settings, origin
from engine.storage.data_lock import occupy
from engine.storage.database import Database
from engine.storage.group_commit import GroupCommitJournal
from engine.storage.held_places import HeldPlaces
from engine.storage.keys import Keys
from engine.storage.leaders import Leaders
from engine.storage.meta import Meta
from engine.storage.opening import database_of, open_journal
from engine.storage.people import People
from engine.storage.rooms import Rooms
from engine.storage.series import SeriesTable
from engine.storage.signing_key import signing_key_of
from engine.web import pages
from engine.webhooks.sender import WebhookSender
from publisher.catalogue.published import Catalogue
from publisher.rendering import studio
from publisher.rendering.studio import Studio

if TYPE_CHECKING:
    from engine.nodes.forwarding import Forwarding
    from engine.nodes.node import Node

__all__ = ["RunningServer", "publisher_command", "run", "running_server"]

_BACKLOG = 4096
"""Connections that may wait to be accepted: a studio full of phones comes back in one second."""
_RECONNECT_WITHIN = 5.0
"""Seconds over which a restart spreads the return of its clients."""
_CLOSE_TIMEOUT = 3.0
"""Seconds in which a drain waits for the peers' close frames; those who send none are cut off before (``engine.realtime.closing``)."""
_DRAIN_TIMEOUT = 8.0
"""Seconds after which the process exits from a drain, whatever hangs."""

log = structlog.get_logger()


@dataclass(slots=True)
class RunningServer:
    """What callers need to know of a running server."""

    url: str
    """Base of absolute links, without a slash at its end."""
    port: int
    new_key: str | None = None
    """The administrator's key, when this start made it."""
    state: str | None = "starting"
    """None while requests are served; else ``starting`` or ``draining``."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What every builder needs."""

    settings: Settings
    clock: Clock
    server: RunningServer
    identity: Studio
    registry: CollectorRegistry
    metrics: LiveMetrics
    addresses: Addresses
    stack: AsyncExitStack
    """Closes what is built, in reverse order."""


@dataclass(frozen=True, slots=True)
class _Storage:
    """The parts that read and write the data folder."""

    database: Database
    keys: Keys
    journal: GroupCommitJournal[Any]
    rooms: Rooms
    series: SeriesTable
    people: People
    leaders: Leaders
    tokens: Tokens
    node: Node | None
    """This server among others, on a database that can be shared."""
    forwarding: Forwarding | None
    """Passes requests on to them."""


@dataclass(frozen=True, slots=True)
class _Sockets:
    """The parts that serve WebSockets."""

    open: OpenSockets
    live: LiveSockets
    events: EventSockets


def publisher_command(settings: Settings) -> tuple[str, ...]:
    """The command line of the publisher process."""
    return (sys.executable, "-m", "engine.cli", "publisher", "--data", str(settings.data))


@asynccontextmanager
async def running_server(
    settings: Settings, clock: Clock, *, publisher: Sequence[str] | None = None
) -> AsyncIterator[RunningServer]:
    """Run the server until the block ends, then drain it. ``publisher`` replaces the publisher's command line.

    Raises:
        OSError: the address is in use, or the data folder cannot be used.
        DataInUse: another server runs on the same data.
        DatabaseError: the database cannot be used, or (``DatabaseLocked``) another server runs on it.
        InvalidStudio: ``studio.toml`` cannot be used.
        InvalidMarks: ``marks.toml`` cannot be used.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        listener = _listen(settings, stack)
        context = _context(settings, clock, listener.getsockname()[1], stack)
        server, storage = context.server, _open_storage(context)
        process = PublisherProcess(
            publisher_command(settings) if publisher is None else publisher,
            environment=settings.for_the_publisher(),
            on_finished=lambda finished: _on_finished(directory, storage.forwarding, finished),
        )
        directory = _build_directory(context, storage, process)
        stack.push_async_callback(directory.close)
        sockets = _build_sockets(context, storage, directory)
        schedule = SeriesSchedule(
            series=storage.series,
            rooms=storage.rooms,
            sessions=directory,
            clock=clock,
            shared=storage.node is not None,
        )
        webhooks = WebhookSender(storage.database, clock, allow_private=settings.webhook_allow_private)
        stack.push_async_callback(webhooks.close)
        if storage.node is not None:
            cluster.follow_looks(storage.node, storage.keys, schedule, webhooks)
        app = _build_application(context, storage, directory, schedule, sockets, process, webhooks)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        if storage.node is not None:
            await storage.node.join(storage.journal, directory)
        revived = await directory.open()
        await _accept_connections(runner, listener, stack)
        _start_maintenance(context, storage, directory, sockets)
        stack.callback(supervised("series", schedule.run).cancel)
        stack.callback(supervised("webhooks", webhooks.run).cancel)
        server.state = None
        # After the first request can be served: the publisher takes longer to start than the server.
        await process.start()
        stack.push_async_callback(process.stop)
        # NumPy takes long to import: after the first request can be served, before the first strap beats.
        loop.run_in_executor(None, importlib.import_module, "engine.domain.heart.group")
        loop.run_in_executor(None, storage.database.preallocate)
        log.info("serving", url=server.url, port=server.port, sessions=revived)
        try:
            yield server
        finally:
            server.state = "draining"
            await cluster.hand_over(storage.node, directory)
            await _drain(sockets)


def run(settings: Settings, *, on_ready: Callable[[RunningServer], None] = lambda _: None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""

    async def until_signal() -> int:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with running_server(settings, Clock()) as server:
            disable_full_collections()
            on_ready(server)
            await stop.wait()
            end_collections()
            # Whatever hangs in the drain: the journal has everything that was acknowledged. A thread is not kept from it
            # by a loop that stands, nor by the interpreter's waiting for threads that read from a database.
            overdue = threading.Timer(_DRAIN_TIMEOUT, _exit_after_drain_timeout)
            overdue.daemon = True
            overdue.start()
        return 0

    with asyncio.Runner(loop_factory=_uvloop()) as runner:
        return runner.run(until_signal())


# -- builders, in the order in which ``running_server`` calls them -------------------------------------


def _listen(settings: Settings, stack: AsyncExitStack) -> socket.socket:
    """Make the data folder, lock it, and bind the port."""
    settings.data.mkdir(parents=True, exist_ok=True)
    stack.enter_context(occupy(settings.data))
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    stack.callback(listener.close)
    return listener


def _context(settings: Settings, clock: Clock, port: int, stack: AsyncExitStack) -> _Context:
    """Read ``studio.toml``, written with its defaults if there is none, and start the metrics."""
    url = settings.public_url or origin(settings.host, port)
    studio.write_default(settings.data)
    identity = studio.load(settings.data)
    registry = CollectorRegistry()
    return _Context(
        settings,
        clock,
        RunningServer(url, port),
        identity,
        registry,
        LiveMetrics(registry),
        Addresses(settings.trusted_proxies, settings.ipv6_prefix, settings.seats_per_address.uncounted),
        stack,
    )


def _open_storage(context: _Context) -> _Storage:
    """Open the database, and keep in it the settings that other processes need."""
    database = database_of(context.settings.data, context.settings.database)
    # Against ``halcytone move``, which wants the database for itself.
    context.stack.enter_context(database.hold("server", shared=True))
    keys = Keys(database)
    context.stack.callback(keys.close)
    given = context.settings.api_key.get_secret_value() if context.settings.api_key else None
    context.server.new_key = keys.ensure_administrator(given, context.clock.now())
    if context.settings.database is not None:
        keys.keep_in_memory()
    settings = {"retention_days": str(context.settings.retention_days)}
    if context.settings.public_url is not None or not cluster.others_stored_public_url(
        database, context.settings.data
    ):
        settings["public_url"] = context.server.url
    if context.settings.smtp_url is not None:
        # The publisher says so too, a while later: whoever registers before keeps their address.
        settings["sends_mail"] = "yes"
    _store_settings(database, **settings)
    url = cluster.node_url(context.settings, context.server.port)
    node = cluster.build_node(context.settings, url, database, context.clock, context.stack)
    journal = open_journal(database, asyncio.get_running_loop(), context.metrics.committed)
    context.stack.push_async_callback(journal.close)
    rooms, people, series = Rooms(database), People(database), SeriesTable(database)
    context.stack.callback(rooms.close)
    context.stack.callback(series.close)
    context.stack.callback(people.close)
    leaders = Leaders(database)
    context.stack.callback(leaders.close)
    key = signing_key_of(context.settings.data, database)
    forwarding = (
        None
        if node is None
        else cluster.build_forwarding(node, key, context.addresses, context.registry, context.stack)
    )
    return _Storage(database, keys, journal, rooms, series, people, leaders, Tokens(key), node, forwarding)


def _store_settings(database: Database, **settings: str) -> None:
    """Write settings of ``serve`` into the database, for the publisher and for ``rebuild``, which have none."""
    with database.connect() as connection:
        # What older versions published keeps the address it has had: that is still the one stored.
        Catalogue(connection)
        meta = Meta(connection)
        for key, value in settings.items():
            meta.set(key, value)


def _build_directory(context: _Context, storage: _Storage, process: PublisherProcess) -> Directory:
    tick = Tick(context.metrics)
    return Directory(
        journal=storage.journal,
        rooms=storage.rooms,
        clock=context.clock,
        make_room=lambda: Room(tick),
        counts=context.metrics,
        new_id=lambda: str(uuid4()),
        publication_queued=lambda _: process.wake(),
        channels=SESSION_END_CHANNELS,
        marks=read_marks(context.settings.data / MARKS_FILE),
        ownership=None if storage.node is None else storage.node.ownership,
    )


def _build_sockets(context: _Context, storage: _Storage, directory: Directory) -> _Sockets:
    per_minute = context.settings.rate_connections_per_minute
    connections = AddressRates(Rate(per_minute, max(1, per_minute // 2)))
    handshake = HandshakeChecks(
        clock=context.clock,
        public_url=context.server.url,
        address_of=context.addresses.of,
        take_connection=connections.take,
        draining=lambda: context.server.state == "draining",
    )
    limits = Limits(
        messages=Rate(
            context.settings.rate_messages_per_minute, min(20, context.settings.rate_messages_per_minute)
        )
    )
    held = HeldPlaces(storage.database, context.clock.elapsed)
    context.stack.callback(held.close)
    authorization = SocketAuthorization(
        storage.keys, storage.tokens, directory, context.clock, storage.leaders.leads
    )
    leading = LeadingSockets(authorization, context.clock)
    context.stack.callback(supervised("leading sockets", leading.run).cancel)
    open_sockets = OpenSockets(context.clock, context.metrics)
    admission = Admission(
        directory=directory,
        clock=context.clock,
        authorization=authorization,
        allowances=Allowances(limits),
        metrics=context.metrics,
        new_id=lambda: uuid4().hex,
        welcome_fields=lambda session_id: {
            "page_url": f"{context.server.url}/sessions/{session_id}/",
            "emergency": context.identity.emergency or None,
        },
        seat_claim=_seat_claims(context),
        held_places=held.of,
    )
    live = LiveSockets(
        handshake=handshake,
        admission=admission,
        limits=limits,
        leading=leading,
        sockets=open_sockets,
        directory=directory,
        clock=context.clock,
        metrics=context.metrics,
    )
    events = EventSockets(
        directory=directory,
        clock=context.clock,
        authorization=authorization,
        leading=leading,
        handshake=handshake,
        limits=limits,
        metrics=context.metrics,
    )
    return _Sockets(open_sockets, live, events)


def _seat_claims(context: _Context) -> Callable[[web.BaseRequest], SeatClaim | None]:
    most = context.settings.seats_per_address.most

    def claim(request: web.BaseRequest) -> SeatClaim | None:
        address = context.addresses.seat_of(request) if most else None
        return None if address is None else SeatClaim(address, most)

    return claim


def _build_application(
    context: _Context,
    storage: _Storage,
    directory: Directory,
    schedule: SeriesSchedule,
    sockets: _Sockets,
    process: PublisherProcess,
    webhooks: WebhookSender,
) -> web.Application:
    """The application with its routes: WebSockets, live pages, API, and the published site."""
    app = web.Application()
    live: Handler = sockets.live.serve
    events: Handler = sockets.events.serve
    forwarding = storage.forwarding
    if forwarding is not None:
        cluster.add_internal_routes(app, directory, forwarding)
        live = forwarding.socket(live, lambda request: requested_session_id(request.rel_url.raw_query_string))
        events = forwarding.socket(events, lambda request: request.match_info["session_id"])
    # A HEAD opens no socket.
    app.router.add_get("/ws/live-updates", live, allow_head=False)
    for spelling in ("session", "sessions"):
        app.router.add_get(f"/ws/{spelling}/{{session_id}}/events", events, allow_head=False)
    identity = context.identity
    shown = pages.StudioPages(
        public_url=context.server.url,
        name=identity.name,
        time_zone=identity.time_zone,
        look=identity.look,
        sounds=context.settings.data / "sounds",
    )
    pages.setup(app, shown, preview_of=preview_of_join, techniques_of=all_techniques)
    backend = _build_backend(context, storage, directory, schedule, process, webhooks)
    if context.settings.docs is not None:
        documents.add_routes(app, context.settings.docs)
    # After every other route: the site answers what nothing else does.
    routes.setup(
        app,
        backend,
        requests_per_minute=context.settings.rate_requests_per_minute,
        forwarding=None if forwarding is None else forwarding.middleware,
    )
    if storage.node is not None:
        cluster.follow_news(storage.node, storage.keys, app, context.settings.data)
    return app


def _build_backend(
    context: _Context,
    storage: _Storage,
    directory: Directory,
    schedule: SeriesSchedule,
    process: PublisherProcess,
    webhooks: WebhookSender,
) -> Backend:
    """What the handlers of the API work with."""
    forwarding = storage.forwarding
    return Backend(
        sessions=directory,
        rooms=storage.rooms,
        series=schedule,
        credentials=Credentials(storage.keys, storage.tokens),
        clock=context.clock,
        data=context.settings.data,
        database=storage.database,
        public_url=context.server.url,
        publishing=process,
        readiness=lambda: context.server.state,
        registry=context.registry,
        connections=OpenConnections(ConnectionMetrics(context.registry), context.addresses),
        nodes=cluster.nodes_of(
            context.settings,
            cluster.node_url(context.settings, context.server.port),
            storage.node,
            directory,
            lambda: context.server.state == "draining",
        ),
        others=cluster.ask_nobody if forwarding is None else forwarding.ask_others,
        leaders=storage.leaders,
        webhooks=webhooks,
        webhooks_may_be_private=context.settings.webhook_allow_private,
    )


async def _accept_connections(runner: web.AppRunner, listener: socket.socket, stack: AsyncExitStack) -> None:
    """Serve the runner's application on the socket, one ``HttpConnection`` for each that connects."""
    http, connections = runner.server, runner.app[CONNECTIONS]
    assert http is not None
    front = await asyncio.get_running_loop().create_server(
        lambda: HttpConnection(http, connections), sock=listener, backlog=_BACKLOG
    )
    stack.callback(front.close)


def _start_maintenance(context: _Context, storage: _Storage, directory: Directory, sockets: _Sockets) -> None:
    maintenance = Maintenance(
        clock=context.clock,
        sockets=sockets.open,
        event_sockets=sockets.events,
        directory=directory,
        people=storage.people,
        metrics=context.metrics,
        database=storage.database,
        retention_days=context.settings.retention_days,
    )
    context.stack.callback(supervised("maintenance", maintenance.run).cancel)
    context.stack.callback(supervised("clock", context.clock.watch).cancel)


# -- while it runs, and at its end ---------------------------------------------------------------------


def _on_finished(directory: Directory, forwarding: Forwarding | None, finished: Finished) -> None:
    """Tell a session that its page is published."""
    if finished.channel == "web" and finished.state == "done":
        _run_in_background(cluster.mark_published(directory, forwarding, finished.session_id))


_tasks: set[asyncio.Task[None]] = set()
"""The loop keeps weak references only."""


def _run_in_background(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _drain(sockets: _Sockets) -> None:
    """Close every socket, and wait a moment for the peers' close frames."""
    log.info("draining", sockets=len(sockets.open))
    # Each client gets a delay of its own, so that a restart is not a storm.
    sockets.open.close_all(
        CloseCode.DRAINING, lambda: f"retry-after={random.uniform(0, _RECONNECT_WITHIN):.1f}"
    )
    sockets.events.close_all()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await asyncio.gather(sockets.open.wait_empty(), sockets.events.wait_empty())


def _exit_after_drain_timeout() -> None:
    log.error("the drain took too long")
    os._exit(0)


def _uvloop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's event loop where it is installed; None is asyncio's own."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None
