"""The server, assembled: the one place that constructs what the floors below only use."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import random
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from engine.actors.directory import Directory
from engine.actors.loop_actor import mailbox_depth
from engine.actors.session_actor import CHANNELS
from engine.api import routes
from engine.api.gate import AddressRates, address_of
from engine.api.http_connection import HttpConnection
from engine.clock import Clock
from engine.domain.commands import MarkPublished, Sender
from engine.domain.instant import HOUR
from engine.domain.rejection import Rejected
from engine.domain.session import Role
from engine.garbage import Garbage, look_only_at_the_young
from engine.marks import MARKS_FILE, read_marks
from engine.protocol.close_codes import CloseCode
from engine.protocol.connection import Limits
from engine.protocol.rates import Rate
from engine.protocol.tokens import Tokens
from engine.publishing import Finished, PublisherProcess
from engine.realtime.allowances import Allowances
from engine.realtime.authority import Authority
from engine.realtime.counts import Counts
from engine.realtime.event_socket import EventSockets
from engine.realtime.handshake import Door
from engine.realtime.live_socket import LiveSockets
from engine.realtime.room import Room, Tick
from engine.settings import Settings, origin
from engine.storage.database import FILE_NAME, connect, lengthen_log
from engine.storage.keys import Keys, signing_key
from engine.storage.occupancy import occupy
from engine.storage.people import People
from engine.storage.rooms import Rooms
from engine.storage.sqlite_journal import SqliteJournal
from engine.web import pages
from publisher import studio
from publisher.forgetting import enforce_retention

__all__ = ["Serving", "publisher_command", "run", "serving"]

_SWEEP = 5.0
_RETURN_WITHIN = 5.0
"""Seconds over which a restart spreads the return of its clients."""
_DRAIN = 8.0
"""Seconds within which a drain is over, whatever hangs."""
_DAY = 24 * HOUR

log = structlog.get_logger()


@dataclass(slots=True)
class Serving:
    """A running server."""

    url: str
    """Where absolute links lead, without a slash at the end."""
    port: int
    first_key: str | None
    """The administrator's key, when this start made it."""
    state: str | None = "starting"
    """None while requests are served, else why not."""


def publisher_command(settings: Settings) -> tuple[str, ...]:
    """How the publisher process is started."""
    return (sys.executable, "-m", "engine.cli", "publisher", "--data", str(settings.data))


@asynccontextmanager
async def serving(
    settings: Settings, clock: Clock, *, publisher: Sequence[str] | None = None
) -> AsyncIterator[Serving]:
    """Run the server until the block ends, then drain it.

    Raises:
        OSError: the address is in use, or the data folder cannot be used.
        DataInUse: another server runs on the same data.
        StudioWrong: ``studio.toml`` cannot be used.
        MarksWrong: ``marks.toml`` cannot be used.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        settings.data.mkdir(parents=True, exist_ok=True)
        stack.enter_context(occupy(settings.data))
        listener = socket.create_server(
            (settings.host, settings.port), family=_family(settings.host), backlog=4096
        )
        stack.callback(listener.close)
        port = listener.getsockname()[1]
        url = settings.public_url or origin(settings.host, port)
        studio.write_default(settings.data)
        identity = studio.load(settings.data)

        database = settings.data / FILE_NAME
        registry = CollectorRegistry()
        counts = Counts(registry)
        keys = Keys(database)
        stack.callback(keys.close)
        given = settings.api_key.get_secret_value() if settings.api_key else None
        here = Serving(url, port, keys.ensure_administrator(given, clock.now()))
        _remember(database, public_url=url, retention_days=str(settings.retention_days))

        journal = SqliteJournal(database, loop, counts.committed)
        stack.push_async_callback(journal.close)
        rooms, people = Rooms(database), People(database)
        stack.callback(rooms.close)
        stack.callback(people.close)
        tokens = Tokens(signing_key(settings.data))

        process = PublisherProcess(
            publisher_command(settings) if publisher is None else publisher,
            environment=settings.for_the_publisher(),
            on_finished=lambda finished: published(finished),
        )
        tick = Tick(counts)
        directory = Directory(
            journal=journal,
            rooms=rooms,
            clock=clock,
            make_room=lambda: Room(tick),
            counts=counts,
            new_id=lambda: str(uuid4()),
            story_told=lambda _: process.wake(),
            channels=CHANNELS,
            marks=read_marks(settings.data / MARKS_FILE),
        )
        stack.push_async_callback(directory.close)

        def published(finished: Finished) -> None:
            if finished.channel == "web" and finished.state == "done":
                _background(_mark_published(directory, finished.session_id))

        connections = AddressRates(Rate(settings.rate_connections_per_minute, _burst(settings)))
        door = Door(
            clock=clock,
            public_url=url,
            address_of=lambda request: address_of(request, settings.trusted_proxies),
            take=connections.take,
            draining=lambda: here.state == "draining",
        )
        limits = Limits(
            messages=Rate(settings.rate_messages_per_minute, min(20, settings.rate_messages_per_minute))
        )
        authority = Authority(keys, tokens, clock)
        live = LiveSockets(
            directory=directory,
            clock=clock,
            tokens=tokens,
            authority=authority,
            door=door,
            allowances=Allowances(limits),
            counts=counts,
            new_id=lambda: uuid4().hex,
            welcome_top=lambda session_id: {
                "page_url": f"{url}/sessions/{session_id}/",
                "emergency": identity.emergency or None,
            },
        )
        events = EventSockets(
            directory=directory,
            clock=clock,
            authority=authority,
            door=door,
            limits=limits,
            counts=counts,
        )
        app = web.Application()
        # A HEAD opens no socket.
        app.router.add_get("/ws/live-updates", live.serve, allow_head=False)
        for place in ("session", "sessions"):
            app.router.add_get(f"/ws/{place}/{{session_id}}/events", events.serve, allow_head=False)
        pages.setup(app, public_url=url, studio_name=identity.name)
        routes.setup(
            app,
            sessions=directory,
            rooms=rooms,
            keys=keys,
            tokens=tokens,
            clock=clock,
            data=settings.data,
            public_url=url,
            publishing=process,
            registry=registry,
            ready=lambda: here.state,
            requests_per_minute=settings.rate_requests_per_minute,
            trusted_proxies=settings.trusted_proxies,
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        returning = await directory.open()
        server = runner.server
        assert server is not None
        front = await loop.create_server(lambda: HttpConnection(server), sock=listener, backlog=4096)
        stack.callback(front.close)
        sweeper = asyncio.create_task(_sweep(live, directory, counts, people, clock, settings))
        stack.callback(sweeper.cancel)
        here.state = None
        # Nobody who comes waits for the publisher: its start takes longer than ours.
        await process.start()
        stack.push_async_callback(process.stop)
        # NumPy takes long to import: after the first request can be served, before the first strap beats.
        loop.run_in_executor(None, importlib.import_module, "engine.domain.heart.group")
        loop.run_in_executor(None, lengthen_log, database)
        log.info("serving", url=url, port=port, sessions=returning)
        try:
            yield here
        finally:
            here.state = "draining"
            log.info("draining", sockets=live.open)
            # Spread, so that a restart is not a storm.
            live.close_all(CloseCode.DRAINING, lambda: f"retry-after={random.uniform(0, _RETURN_WITHIN):.1f}")
            await events.close_all()
            await _emptied(live)


def run(settings: Settings, *, on_ready: Callable[[Serving], None] = lambda _: None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""

    async def until_signal() -> int:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with serving(settings, Clock()) as here:
            look_only_at_the_young()
            on_ready(here)
            await stop.wait()
            # Whatever hangs in the drain: the journal has everything that was acknowledged.
            loop.call_later(_DRAIN, _leave_now)
        return 0

    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        return runner.run(until_signal())


def _leave_now() -> None:
    log.error("the drain took too long")
    raise SystemExit(0)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _burst(settings: Settings) -> int:
    return max(1, settings.rate_connections_per_minute // 2)


def _remember(database: Path, **settings: str) -> None:
    """For the pages, and for ``rebuild``, which has no settings of ``serve``."""
    with contextlib.closing(connect(database)) as connection:
        connection.executemany(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            settings.items(),
        )


_tasks: set[asyncio.Task[None]] = set()


def _background(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _mark_published(directory: Directory, session_id: str) -> None:
    # A summary that came over the API has no session here.
    with contextlib.suppress(Rejected):
        await directory.ask(session_id, MarkPublished(), Sender(Role.ADMIN))


async def _emptied(live: LiveSockets) -> None:
    """Wait a moment for the goodbyes."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3):
            await live.emptied()


async def _sweep(
    live: LiveSockets, directory: Directory, counts: Counts, people: People, clock: Clock, settings: Settings
) -> None:
    """What has to be looked at from time to time: silent sockets, mailboxes, garbage, the end of retention."""
    next_retention = clock.now()
    garbage = Garbage(clock.now())
    while True:
        await asyncio.sleep(_SWEEP / clock.rate)
        live.cut_silent()
        live.ping_some()
        if garbage.is_due(alive=live.open, ended=live.ended, at=clock.now()):
            gc.collect()
        counts.mailbox(max((mailbox_depth(ref) for ref in directory.actors()), default=0))
        if clock.now() >= next_retention:
            next_retention = clock.now() + _DAY
            before = clock.now() - settings.retention_days * _DAY
            try:
                await directory.forget_people(before)
                gone = await people.forget(before)
                await asyncio.to_thread(enforce_retention, settings.data / FILE_NAME, before)
            except sqlite3.Error as error:
                # Locked for long, or the disk is full: what else this task looks after must go on.
                log.error("retention failed", reason=str(error), again_in="an hour")
                next_retention = clock.now() + HOUR
                continue
            if gone:
                log.info("retention", people_forgotten=gone)
