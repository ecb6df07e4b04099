"""The faults of a plan, done to servers and databases of this machine while people are live."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import psycopg

from tests.stress.checker import Checked
from tests.stress.client import Tally
from tests.stress.cluster.database import Pair
from tests.stress.cluster.letters import mail_server
from tests.stress.cluster.network import Namespaces, Network, Wires
from tests.stress.cluster.outcome import hold
from tests.stress.cluster.people import Room, say_until
from tests.stress.cluster.plan import Fault, FaultKind
from tests.stress.cluster.servers import Studio, StudioServer
from tests.stress.logs import Faults

__all__ = ["ClusterStorm", "Outcome"]

_ROOMS = 5
_PEOPLE = 4
_SERVERS = 3
_NOTICED_AFTER_S = 2.0
"""When a balancer, or whoever sits at a phone, notices that a server stands still."""
_TAKEN_OVER_WITHIN_S = 10.0
"""After a server stands still: what it had is another one's, and everybody is there."""
_BELIEVED_AFTER_S = 2.5
"""Between two faults: long enough for every server to have seen the others again."""
_CALM_WITHIN_S = 45.0
_BEATS_SEEN_AFTER_S = 2.5


@dataclass(slots=True)
class Outcome:
    """What came of a storm."""

    seed: int
    faults: Faults = field(default_factory=Faults)
    tally: Tally = field(default_factory=Tally)
    calm_seconds: list[tuple[FaultKind, float]] = field(default_factory=list)
    """From the end of each fault until everybody had heard the same last word."""
    seconds: float = 0.0
    stories: int = 0
    letters: int = 0
    uncertain: int = 0
    checked: Checked | None = None


class ClusterStorm:
    """One run. Everything lives below ``folder``, except the databases."""

    def __init__(
        self, seed: int, faults: tuple[Fault, ...], folder: Path, *, namespaces: bool = False
    ) -> None:
        self._network: Network = (Namespaces if namespaces else Wires)(lambda: self._pair.address)
        self._faults = faults
        self._folder = folder
        self._dice = Random(f"cluster {seed}")
        self.outcome = Outcome(seed)
        self.outcome.tally.server_is_up.set()
        self._rooms: list[Room] = []
        self._talking: set[asyncio.Task[None]] = set()
        self._made = 0
        self._began = time.monotonic()

    async def run(self) -> Outcome:
        """Everything, from the first start to the last check."""
        async with AsyncExitStack() as stack:
            network = self._network
            await network.open()
            stack.push_async_callback(network.close)
            self._pair = Pair(network.database_places, network.replication)
            stack.push_async_callback(asyncio.to_thread, self._pair.stop)
            # A primary that ends waits for whoever follows it.
            stack.push_async_callback(network.cut_standby)
            await asyncio.to_thread(self._pair.start)
            await asyncio.to_thread(self._pair.add_standby)
            self._letters = await stack.enter_async_context(mail_server(self.outcome.seed, network.host))
            self._studio = Studio(self._folder, network, (network.host, self._letters.port))
            stack.push_async_callback(self._stop_servers)
            self._http = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
            )
            for _ in range(_SERVERS):
                await self._studio.add()
            for _ in range(_ROOMS):
                await self._open_room()
            self._say(f"{_SERVERS} servers, {_ROOMS} sessions of {_PEOPLE} people")
            self._keep(self._hurry_letters())
            for number, fault in enumerate(self._faults, 1):
                await self._one(number, fault)
            await asyncio.gather(*(room.end() for room in self._live()))
            await hold(self.outcome, self._pair.url, self._studio, self._rooms, self._letters, self._http)
        self.outcome.seconds = time.monotonic() - self._began
        return self.outcome

    def _say(self, text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self._began:6.1f} s  {text}\n")
        sys.stdout.flush()

    async def _stop_servers(self) -> None:
        for task in self._talking:
            task.cancel()
        for room in self._rooms:
            for client in room.everybody:
                client.stays_away = True
        for server in self._studio.servers:
            server.resume()
        await asyncio.gather(*(_ended(server) for server in self._studio.servers))
        for server in self._studio.servers:
            await server.plug.unplug()

    # -- sessions ---------------------------------------------------------------------------------------

    def _live(self) -> list[Room]:
        return [room for room in self._rooms if not room.ending]

    async def _open_room(self) -> Room:
        self._made += 1
        session_id = f"room-{self._made}"
        tally, faults = self.outcome.tally, self.outcome.faults
        room = Room(
            session_id, lambda: self._studio.open, tally, faults, Random(f"{self.outcome.seed} {session_id}")
        )
        details = {
            "session_id": session_id,
            "title": f"The story of {session_id}",
            "instructor": "Willow",
            "scheduled_start": datetime.now(UTC).isoformat(),
        }
        status, answer = await self._studio.ask(self._http, "POST", "/api/v2/sessions/create", details)
        # Of a lost answer the second attempt says that the session is there.
        if status not in (201, 409):
            faults.add("not created", f"{session_id}: {status} {answer}")
        room.people = [room.client(f"Person {number}") for number in range(_PEOPLE)]
        await asyncio.gather(*(client.come() for client in room.everybody))
        self._rooms.append(room)
        await say_until(room, "start", room.marker("start"), {})
        for number, client in enumerate(room.people[:2]):
            address = f"person{number}@{session_id}.example"
            path = f"/api/v2/sessions/{session_id}/me/email"
            status, answer = await self._studio.ask(
                self._http, "PUT", path, {"address": address}, client.welcome["resume"]
            )
            if status >= 300:
                faults.add("address refused", f"{session_id}: {status} {answer}")
            room.addresses.append(address)
        self._keep(room.talk())
        return room

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something until it ends, or the servers are stopped."""
        task = asyncio.create_task(work)
        self._talking.add(task)
        task.add_done_callback(self._talking.discard)

    async def _hurry_letters(self) -> None:
        """Letters wait ten minutes for somebody who may take them back: here they leave at once, in the middle of faults."""

        def hurry() -> None:
            with (
                suppress(psycopg.Error),
                psycopg.connect(self._pair.url, autocommit=True, connect_timeout=2) as connection,
            ):
                connection.execute("SET statement_timeout = '2s'")
                connection.execute(
                    "UPDATE deliveries SET due_at = 0 WHERE state = 'preparing' AND due_at > 0"
                )

        while True:
            await asyncio.to_thread(hurry)
            await asyncio.sleep(1)

    async def _calm(self) -> None:
        """Everybody is back and hears the same last word."""
        await asyncio.gather(*(self._calm_room(room) for room in self._live()))

    async def _calm_room(self, room: Room) -> None:
        faults, marker = self.outcome.faults, room.marker("calm")
        try:
            async with asyncio.timeout(_CALM_WITHIN_S):
                await say_until(room, "announce", marker, {"title": marker, "message": "…"})
        except TimeoutError:
            faults.add("not acknowledged", f"{room.session_id}: {marker}")
            return
        seq = room.log.acknowledged[marker][1]
        for client in room.everybody:
            if not await client.until(seq, _CALM_WITHIN_S):
                faults.add("not told", f"{room.session_id}/{client.name}: is at {client.last}, not {seq}")

    # -- faults -----------------------------------------------------------------------------------------

    async def _one(self, number: int, fault: Fault) -> None:
        before = self.outcome.faults.counts.total()
        ending: list[asyncio.Task[None]] = []
        if fault.ends:
            room = self._dice.choice(self._live())
            ending.append(asyncio.create_task(self._end_soon(room, self._dice.uniform(0, 1.5))))
        self._say(
            f"{number:>2} {fault.kind}, {fault.seconds:.1f} s{', a session ends' if fault.ends else ''}"
        )
        await self._do(fault)
        over = time.monotonic()
        wrong = await self._studio.until_whole(self._http)
        if wrong is not None:
            self.outcome.faults.add("not whole again", f"{fault.kind}: {wrong}")
        await self._calm()
        took = time.monotonic() - over
        self.outcome.calm_seconds.append((fault.kind, took))
        await asyncio.gather(*ending)
        while len(self._live()) < _ROOMS:
            await self._open_room()
        found = self.outcome.faults.counts.total() - before
        self._say(
            f"   calm after {took:.1f} s"
            + (f", {found} FOUND: {self.outcome.faults.shown[-1]}" if found else "")
        )
        if self._pair.standby is None:
            await asyncio.to_thread(self._pair.add_standby)
        await asyncio.sleep(_BELIEVED_AFTER_S)

    async def _end_soon(self, room: Room, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            async with asyncio.timeout(90):
                await room.end()
        except TimeoutError:
            here = [client.name for client in room.everybody if not client.stays_away]
            self.outcome.faults.add("not ended", f"{room.session_id}: {here} were not told")

    async def _do(self, fault: Fault) -> None:
        server = self._studio.servers[fault.server % len(self._studio.servers)]
        match fault.kind:
            case FaultKind.KILL:
                await server.kill()
                await asyncio.sleep(fault.seconds)
                await server.start()
            case FaultKind.STOP:
                await self._stand_still(server, fault.seconds)
            case FaultKind.DATABASE_KILLED:
                await asyncio.to_thread(self._pair.primary.kill)
                await asyncio.sleep(fault.seconds)
                await asyncio.to_thread(self._pair.primary.start)
            case FaultKind.DATABASE_PAUSED:
                self._pair.primary.pause()
                await asyncio.sleep(fault.seconds)
                self._pair.primary.resume()
            case FaultKind.CONNECTIONS_ENDED:
                await asyncio.to_thread(self._pair.end_connections)
            case FaultKind.CUT_FROM_DATABASE:
                await server.plug.cut_from_database()
                await asyncio.sleep(fault.seconds)
                await server.plug.join_database()
            case FaultKind.CUT_FROM_OTHERS:
                await server.plug.cut_from_others()
                await asyncio.sleep(fault.seconds)
                await server.plug.join_others()
            case FaultKind.ANSWER_LOST:
                await server.plug.lose_answers(fault.seconds, self._pair.end_connections)
            case FaultKind.STANDBY_AWAY:
                await self._network.cut_standby()
                await asyncio.sleep(fault.seconds)
                await self._network.join_standby()
            case FaultKind.FAILOVER:
                await self._fail_over()
            case FaultKind.FAILOVER_BEHIND | FaultKind.FAILOVER_CLAIMED | FaultKind.FAILOVER_KILLED:
                await self._fail_over_behind(fault, server)
            case FaultKind.DRAIN:
                await self._restart(server)
            case FaultKind.ROLLING:
                for each in list(self._studio.servers):
                    await self._restart(each)
            case FaultKind.ADDED:
                if len(self._studio.servers) == _SERVERS:
                    await self._studio.add()
                else:
                    self._expect_exit(await self._studio.take_away(server))

    async def _restart(self, server: StudioServer) -> None:
        self._expect_exit(await server.stop())
        await server.start()

    def _expect_exit(self, status: int) -> None:
        if status != 0:
            self.outcome.faults.add("drain", f"exit status {status}")

    async def _stand_still(self, server: StudioServer, seconds: float) -> None:
        server.pause()
        noticed = min(seconds, _NOTICED_AFTER_S)
        await asyncio.sleep(noticed)
        if seconds > _NOTICED_AFTER_S:
            server.open = False
            self._drop_those_at(server)
        if seconds >= 2 * _TAKEN_OVER_WITHIN_S:
            # Others have its sessions long before it goes on.
            until = time.monotonic() + seconds - noticed
            await asyncio.sleep(_TAKEN_OVER_WITHIN_S)
            await self._calm()
            if time.monotonic() > until:
                self.outcome.faults.add("late", f"{server.data.name} stands still, and somebody still waits")
            await asyncio.sleep(max(0.0, until - time.monotonic()))
        else:
            await asyncio.sleep(seconds - noticed)
        server.resume()
        server.open = True

    def _drop_those_at(self, server: StudioServer) -> None:
        for room in self._live():
            for client in room.everybody:
                line = client.line
                if line is not None and line.transport.get_extra_info("peername", ("", 0))[1] == server.port:
                    line.drop()

    async def _fail_over(self) -> None:
        await asyncio.to_thread(self._pair.fail_over)
        await self._network.failed_over([server.plug for server in self._studio.servers])

    async def _fail_over_behind(self, fault: Fault, server: StudioServer) -> None:
        """The standby lacks the last commits: their owners are alive, or one of them dies in the same moment."""
        await self._until_published()
        if fault.kind is FaultKind.FAILOVER_KILLED:
            await self._network.cut_standby()
            await asyncio.to_thread(self._pair.wait_for_standby, False)
            # That commits wait for none is not known at the standby: the others have seen beats that it lacks.
            await asyncio.sleep(_BEATS_SEEN_AFTER_S + fault.seconds)
            await self._fail_over_torn(server)
            return
        await asyncio.to_thread(self._pair.wait_for_standby, False)
        await self._network.cut_standby()
        if fault.kind is FaultKind.FAILOVER_CLAIMED:
            await self._open_room()
        await asyncio.sleep(fault.seconds)
        await self._fail_over()
        await self._network.join_standby()

    async def _fail_over_torn(self, server: StudioServer) -> None:
        """What a server acknowledged last dies with it and the database: its sessions go on in another epoch."""
        torn = await asyncio.to_thread(self._owned_by, server)
        await server.kill()
        await self._fail_over()
        await self._network.join_standby()
        epochs: dict[str, str] = {}
        for room in self._live():
            if room.session_id in torn:
                epochs[room.session_id] = room.instructor.welcome["epoch"]
                room.begin_anew(_PEOPLE)
        await server.start()
        for room in self._live():
            if room.session_id in torn:
                await asyncio.gather(*(client.come() for client in room.everybody))
                if room.instructor.welcome["epoch"] == epochs.get(room.session_id):
                    self.outcome.faults.add("epoch kept", f"{room.session_id}: its newest records are lost")

    def _owned_by(self, server: StudioServer) -> set[str]:
        with psycopg.connect(self._pair.url) as connection:
            rows = connection.execute(
                "SELECT session_id FROM owners JOIN nodes USING (node) WHERE url = %s",
                (server.plug.node_url,),
            ).fetchall()
        return {row[0] for row in rows}

    async def _until_published(self) -> None:
        """Nothing of a session that is over is under way any more."""
        query = (
            "SELECT (SELECT count(*) FROM outbox WHERE state IN ('pending', 'running'))"
            " + (SELECT count(*) FROM deliveries WHERE state IN ('preparing', 'submitting'))"
        )

        def left() -> int:
            with psycopg.connect(self._pair.url) as connection:
                row = connection.execute(query).fetchone()
            return 0 if row is None else int(row[0])

        for _ in range(300):
            if await asyncio.to_thread(left) == 0:
                return
            await asyncio.sleep(0.1)
        self.outcome.faults.add("not published", "jobs or letters are left after 30 s")


async def _ended(server: StudioServer) -> None:
    try:
        await server.stop(within=15)
    except TimeoutError:
        await server.kill()
