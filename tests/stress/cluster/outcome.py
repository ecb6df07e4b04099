"""After the last fault: journal, stories, letters and sites, held against what everybody was told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import aiohttp
import psycopg

from engine.storage.opening import database_of
from tests.stress.checker import check
from tests.stress.cluster.letters import Letters
from tests.stress.cluster.people import Room
from tests.stress.cluster.servers import Studio

if TYPE_CHECKING:
    from tests.stress.cluster.storm import Outcome

__all__ = ["hold"]

_PUBLISHED_WITHIN_S = 90.0
_EXPECTED = ("DatabaseLost", "DatabaseLocked", "NotOwner")
"""What may be logged with a traceback while a database is away or a session is another server's."""


async def hold(
    outcome: Outcome,
    url: str,
    studio: Studio,
    rooms: Sequence[Room],
    letters: Letters,
    http: aiohttp.ClientSession,
) -> None:
    """Wait until everything is published, and note every fault that is found."""
    faults = outcome.faults
    for room in rooms:
        states = await _published(studio, http, room.session_id)
        if not states or set(states.values()) != {"done"}:
            faults.add("not published", f"{room.session_id}: {states}")
    await _sites(outcome, studio, rooms, http)
    await _letters(outcome, url, rooms, letters)
    with psycopg.connect(url) as connection:
        for room in rooms:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM snapshots WHERE session_id = %(id)s),"
                " (SELECT count(*) FROM published WHERE session_id = %(id)s)",
                {"id": room.session_id},
            ).fetchone()
            if row != (1, 1):
                faults.add("stories", f"{room.session_id}: {row} stories and pages")
    clients = {room.session_id: room.everybody for room in rooms}
    logs = {room.session_id: room.log for room in rooms}
    database = database_of(studio.servers[0].data, url)
    outcome.checked = await asyncio.to_thread(check, database, clients, logs, faults)
    for server in (*studio.servers, *studio.gone):
        for line in server.logged():
            trace = str(line.get("exception", ""))
            if line.get("level") == "critical" or (trace and not any(each in trace for each in _EXPECTED)):
                faults.add("logged", f"{server.data.name}: {line.get('event')} {trace[-600:]}")


async def _published(studio: Studio, http: aiohttp.ClientSession, session_id: str) -> dict[str, str]:
    loop = asyncio.get_running_loop()
    until, states = loop.time() + _PUBLISHED_WITHIN_S, dict[str, str]()
    while loop.time() < until:
        status, answer = await studio.ask(http, "GET", f"/api/v2/publications/{session_id}")
        if status == 200:
            states = {name: channel["state"] for name, channel in answer["channels"].items()}
            if states and set(states.values()) <= {"done", "failed"}:
                break
        await asyncio.sleep(0.2)
    return states


async def _sites(
    outcome: Outcome, studio: Studio, rooms: Sequence[Room], http: aiohttp.ClientSession
) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + _PUBLISHED_WITHIN_S
    while True:
        sites = await asyncio.to_thread(lambda: [server.site() for server in studio.servers])
        if all(site == sites[0] for site in sites) or loop.time() > until:
            break
        await asyncio.sleep(0.5)
    for server, site in zip(studio.servers, sites, strict=True):
        differing = {name for name in {*site, *sites[0]} if site.get(name) != sites[0].get(name)}
        if differing:
            outcome.faults.add("sites differ", f"{server.data.name}: {sorted(differing)[:8]}")
        for room in rooms:
            if f"sessions/{room.session_id}/index.html" not in site:
                outcome.faults.add("sites", f"{server.data.name} has no page of {room.session_id}")
            else:
                outcome.stories += 1


async def _letters(outcome: Outcome, url: str, rooms: Sequence[Room], letters: Letters) -> None:
    def states() -> Counter[str]:
        with psycopg.connect(url) as connection:
            return Counter(row[0] for row in connection.execute("SELECT state FROM deliveries").fetchall())

    found = await asyncio.to_thread(states)
    for _ in range(600):
        if not found["preparing"] and not found["submitting"]:
            break
        await asyncio.sleep(0.1)
        found = await asyncio.to_thread(states)
    outcome.uncertain, outcome.letters = found["uncertain"], letters.taken.total()
    by_address = Counter[str]()
    for (address, subject), times in letters.taken.items():
        by_address[address] += times
        if times > 1:
            outcome.faults.add("letters", f"{address} got {subject!r} {times} times")
    missing = [each for room in rooms for each in room.addresses if not by_address[each]]
    # What a server was submitting when it died may have left: it is named as uncertain, and never sent again by itself.
    if len(missing) > found["uncertain"]:
        outcome.faults.add("letters", f"{missing} got none; {dict(found)}")
