"""A plan carried out on a server in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, assert_never

import aiohttp

from engine.storage.opening import database_of
from engine.storage.sqlite import FILE_NAME
from tests.journey.server import HEADERS, KEY, Server
from tests.stress import plan as p
from tests.stress.checker import Checked, check
from tests.stress.client import Client, Tally
from tests.stress.garble import garble
from tests.stress.logs import Faults, RoomLog
from tests.stress.platform import Platform

__all__ = ["BLOCKS_LEFT", "MEGABYTES_LEFT", "Look", "Outcome", "Storm"]

MEGABYTES_LEFT = 12.0
"""What the second of two equal acts may add to the resident memory: the allocator's fragments, SQLite's
caches, longer rings. A connection that stayed in memory would add this for every seven hundred."""
BLOCKS_LEFT = 20_000
"""What it may add in live blocks of Python's allocator, which have no fragments: the replay in the rings."""
_DRAIN_S = 10.0
_SETTLED_WITHIN_S = 15.0
_JOIN_TOGETHER = 50
_PROBE = Path(__file__).with_name("probe.py")

Look = dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """What came of a storm."""

    plan: p.Plan
    faults: Faults
    tally: Tally
    looks: list[Look] = field(default_factory=list)
    """The server without anybody: after the second act, and after the third."""
    ready_seconds: list[float] = field(default_factory=list)
    """From the start of a process until it served."""
    failed_actors: int = 0
    drain_seconds: float = 0.0
    drain_codes: Counter[int] = field(default_factory=Counter)
    exit_status: int | None = None
    checked: Checked | None = None


class Storm:
    """One run. Everything lives below ``folder``."""

    def __init__(self, plan: p.Plan, folder: Path) -> None:
        self._plan = plan
        self._data = folder / "data"
        self._server = Server(
            self._data,
            # Safe path: what lies beside the program is not importable by its bare name.
            (sys.executable, "-P", str(_PROBE)),
            rate_connections_per_minute="0",
            rate_requests_per_minute="0",
            log_level="warning",
        )
        self.outcome = Outcome(plan, Faults(), Tally())
        self._logs = {room.session_id: RoomLog(room.session_id, self.outcome.faults) for room in plan.rooms}
        self._instructors: dict[str, Client] = {}
        self._people: dict[str, list[Client]] = {}
        self._platforms = [
            Platform(self._port, self._logs[room.session_id], self.outcome.tally, KEY)
            for room in (plan.rooms[0], plan.rooms[-1])
        ]
        self._markers = 0

    async def run(self) -> Outcome:
        """Everything, from the first start to the last check."""
        outcome = self.outcome
        try:
            await self._start()
            await self._open_rooms()
            await self._everybody(lambda client: client.come())
            for room in self._plan.rooms:
                self._command(room.session_id, "start", {})
            for number, act in enumerate(self._plan.acts):
                await self._play(act)
                await self._calm()
                if number > 0:
                    await self._everybody(lambda client: client.leave())
                    outcome.looks.append(await self._look_when_settled())
                    await self._everybody(_back)
            await self._calm()
            await self._end_some()
            await self._drain()
        finally:
            await self._server.stop(within=30)
        self._compare_looks()
        outcome.checked = self.check(outcome.faults)
        return outcome

    def check(self, faults: Faults) -> Checked:
        """Hold what everybody was told against the database, once the server has ended."""
        clients = {key: [*self._people[key], self._instructors[key]] for key in self._logs}
        return check(database_of(self._data), clients, self._logs, faults)

    # -- before and between the acts ------------------------------------------------------------------

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._server.start()
        self.outcome.ready_seconds.append(loop.time() - began)
        self.outcome.tally.server_is_up.set()

    def _port(self) -> int:
        return int(self._server.url.rpartition(":")[2])

    async def _open_rooms(self) -> None:
        async with aiohttp.ClientSession(headers=HEADERS) as http:
            for room in self._plan.rooms:
                details = {
                    "session_id": room.session_id,
                    "title": room.session_id,
                    "instructor": "Willow",
                    "scheduled_start": datetime.now(UTC).isoformat(),
                    "max_participants": 1000,
                }
                async with http.post(f"{self._server.url}/api/v2/sessions/create", json=details) as answer:
                    assert answer.status == 201, await answer.text()
                self._instructors[room.session_id] = self._client(room, "Willow", token=KEY)
                self._people[room.session_id] = [
                    self._client(room, f"Person {n}", slow=room.session_id == p.SLOW)
                    for n in range(room.people)
                ]

    def _client(self, room: p.RoomPlan, name: str, *, token: str | None = None, slow: bool = False) -> Client:
        log = self._logs[room.session_id]
        dice = Random(f"{self._plan.seed} {room.session_id} {name}")
        return Client(self._port, log, self.outcome.tally, name, dice, token=token, slow=slow)

    async def _everybody(self, does: Any) -> None:
        clients = [*self._instructors.values(), *(c for people in self._people.values() for c in people)]
        for start in range(0, len(clients), _JOIN_TOGETHER):
            await asyncio.gather(*(does(client) for client in clients[start : start + _JOIN_TOGETHER]))

    def _command(self, room: str, kind: str, data: dict[str, Any]) -> str:
        self._markers += 1
        marker = f"{kind} {self._markers}"
        self._instructors[room].say(kind, marker, data)
        return marker

    async def _calm(self) -> None:
        """Everybody is back, hears the same last word, and is known to be present."""
        faults = self.outcome.faults
        for room in self._plan.rooms:
            everybody = [*self._people[room.session_id], self._instructors[room.session_id]]
            for client in everybody:
                if not await client.until(0, within=30):
                    faults.add("not back", f"{room.session_id}/{client.name}")
            marker = f"calm {self._markers}"
            self._markers += 1
            log = self._logs[room.session_id]
            self._instructors[room.session_id].say("announce", marker, {"title": marker, "message": "…"})
            if not await _until(lambda log=log, marker=marker: marker in log.acknowledged):
                faults.add("not acknowledged", f"{room.session_id}: {marker}")
                continue
            seq = log.acknowledged[marker][1]
            for client in everybody:
                if not await client.until(seq):
                    faults.add("not told", f"{room.session_id}/{client.name}: is at {client.last}, not {seq}")
                if client.announced_left is not None:
                    faults.add(
                        "announced as left", f"{room.session_id}/{client.name}: {client.announced_left}"
                    )
            await self._see_presence(room)

    async def _see_presence(self, room: p.RoomPlan) -> None:
        """Those whose sockets are open are present to the instructor; the others, nobody else."""
        watcher = self._client(room, "Presence", token=KEY)
        await watcher.come()
        reply = {other["client_id"]: other["presence"] for other in watcher.welcome["participants"]}
        here = {client.client_id for client in self._people[room.session_id] if client.here}
        for client_id, presence in reply.items():
            if (presence == "present") != (client_id in here):
                self.outcome.faults.add(
                    "presence", f"{room.session_id}: {client_id} is said to be {presence}"
                )
        if watcher.welcome["participant_count"] != len(here):
            words = f"{room.session_id}: {watcher.welcome['participant_count']} counted, {len(here)} here"
            self.outcome.faults.add("presence", words)
        await watcher.leave()

    # -- an act -----------------------------------------------------------------------------------------

    async def _play(self, act: p.Act) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as under_way:
            for platform in self._platforms:
                under_way.create_task(platform.report(act.seconds))
            for step in act.steps:
                await asyncio.sleep(max(0.0, began + step.at - loop.time()))
                work = self._do(step)
                if work is not None:
                    under_way.create_task(work)

    def _do(self, step: p.Step) -> Coroutine[Any, Any, None] | None:
        match step:
            case p.Say():
                self._say(step)
            case p.Shout():
                for _ in range(step.messages):
                    self._announce(step.room, "x" * step.characters)
            case p.Storm():
                for who, back_after in step.back_after:
                    self._people[step.room][who].drop(back_after)
            case p.Churn():
                return _churn(self._people[step.room][step.who], step)
            case p.Stall():
                return _stall(self._people[step.room][step.who], step.seconds)
            case p.Garble():
                return garble(self._port(), step.room, step.kind, self.outcome.faults)
            case p.FailActor():
                return self._fail(step.room)
            case p.Kill():
                return self._kill()
            case _:
                assert_never(step)
        return None

    def _announce(self, room: str, message: str) -> None:
        self._markers += 1
        marker = f"word {self._markers}"
        self._instructors[room].say("announce", marker, {"title": marker, "message": message})

    def _say(self, step: p.Say) -> None:
        if step.who is None:
            self._announce(step.room, "…")
            return
        self._markers += 1
        marker = f"chat {self._markers}"
        person = self._people[step.room][step.who]
        person.say("chat", marker, {"message": marker})
        person.beat()

    async def _kill(self) -> None:
        self.outcome.tally.server_is_up.clear()
        await self._server.kill()
        await self._start()

    # -- what the probe tells -----------------------------------------------------------------------

    async def _fail(self, session_id: str) -> None:
        try:
            await self._ask_probe(f"fail {session_id}")
        except (OSError, ValueError):
            if self.outcome.tally.server_is_up.is_set():
                raise
        else:
            self.outcome.failed_actors += 1

    async def _ask_probe(self, line: str) -> Look:
        reader, writer = await asyncio.open_unix_connection(str(self._data / "probe.sock"))
        try:
            writer.write(line.encode() + b"\n")
            answer: Look = json.loads(await reader.readline())
        finally:
            writer.close()
        return answer

    async def _look_when_settled(self) -> Look:
        """The first of two looks that show the same: nothing is under way any more."""
        deadline = asyncio.get_running_loop().time() + _SETTLED_WITHIN_S
        before: Look = {}
        while True:
            look = await self._ask_probe("look")
            same = all(look[key] == before.get(key) for key in ("tasks", "descriptors", "seats"))
            if (same and look["seats"] == 0) or asyncio.get_running_loop().time() > deadline:
                return look
            before = look
            await asyncio.sleep(0.6)

    def _compare_looks(self) -> None:
        faults = self.outcome.faults
        if len(self.outcome.looks) < 2:
            return
        before, after = self.outcome.looks[-2:]
        for look in self.outcome.looks:
            if look["seats"]:
                held = "\n".join(line for lines in look["held"] for line in lines)
                faults.add("left behind", f"{look['seats']} seats, held by\n{held}")
        for key in ("tasks", "descriptors"):
            if after[key] != before[key]:
                more = {part: (before[part], after[part]) for part in ("connections", "files", "tasks")}
                faults.add("left behind", f"{key}: {before[key]} before, {after[key]} after: {more}")
        # Each in use has its log open.
        had, in_use = before["files"].get(FILE_NAME, 0), after["files"].get(f"{FILE_NAME}-wal", 0)
        if in_use > had:
            faults.add("left behind", f"connections to the database: {had} before, {in_use} in use after")
        grown = (after["rss"] - before["rss"]) / 2**20
        if grown > MEGABYTES_LEFT:
            faults.add("left behind", f"{grown:.1f} MiB")
        if after["blocks"] - before["blocks"] > BLOCKS_LEFT:
            faults.add("left behind", f"{after['blocks'] - before['blocks']:,} blocks of memory")

    # -- the end ----------------------------------------------------------------------------------------

    async def _end_some(self) -> None:
        for room in self._plan.rooms:
            if not room.ends:
                continue
            everybody = [*self._people[room.session_id], self._instructors[room.session_id]]
            marker = self._command(room.session_id, "end", {})
            log = self._logs[room.session_id]
            if not await _until(lambda log=log, marker=marker: marker in log.acknowledged):
                self.outcome.faults.add("not acknowledged", f"{room.session_id}: {marker}")
            if not await _until(lambda everybody=everybody: not any(c.here for c in everybody)):
                self.outcome.faults.add("not ended", f"{room.session_id}: somebody still has a line")
            for client in everybody:
                if client.stays_away is False:
                    self.outcome.faults.add("not ended", f"{room.session_id}/{client.name} was not told 1000")

    async def _drain(self) -> None:
        """SIGTERM: everybody is told 4000, and those who do not listen delay nobody."""
        outcome, loop = self.outcome, asyncio.get_running_loop()
        staying = [room.session_id for room in self._plan.rooms if not room.ends]
        people = [c for key in staying for c in (*self._people[key], self._instructors[key])]
        stalled = [c for key in staying for c in self._people[key][:1]]
        for client in people:
            client.stays_away = True
            if client in stalled and client.line is not None:
                client.line.stall()
        lines = [client.line for client in people if client.here and client not in stalled]
        began = loop.time()
        try:
            outcome.exit_status = await self._server.stop(within=_DRAIN_S)
        except TimeoutError:
            outcome.faults.add("drain", f"not over after {_DRAIN_S:.0f} s")
            await self._server.kill()
        outcome.drain_seconds = loop.time() - began
        for client in stalled:
            if client.line is not None:
                client.line.drop()
        if outcome.exit_status != 0:
            outcome.faults.add("drain", f"exit status {outcome.exit_status}")
        await _until(lambda: all(line is not None and line.ended.is_set() for line in lines))
        outcome.drain_codes = Counter(line.code for line in lines if line is not None)
        for code, times in outcome.drain_codes.items():
            if code != 4000:
                outcome.faults.add("drain", f"{times} sockets ended with {code}")


async def _until(condition: Any, within: float = 15.0) -> bool:
    deadline = asyncio.get_running_loop().time() + within
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def _back(client: Client) -> None:
    client.stays_away = False
    await client.come()


async def _churn(client: Client, churn: p.Churn) -> None:
    """Go as planned, and come back; whoever is away already has other things to do."""
    if not client.here:
        return
    match churn.manner:
        case p.Manner.DROP:
            client.drop(churn.back_after)
        case p.Manner.LEAVE:
            await client.leave()
            await asyncio.sleep(churn.back_after)
            await _back(client)
        case p.Manner.REPLACE:
            client.replace()
        case p.Manner.FLICKER:
            old = client.line
            client.replace()
            await asyncio.sleep(0)
            if old is not None:
                old.drop()
        case _:
            assert_never(churn.manner)


async def _stall(client: Client, seconds: float) -> None:
    line = client.line
    if line is None:
        return
    line.stall()
    await asyncio.sleep(seconds)
    line.read_on()
