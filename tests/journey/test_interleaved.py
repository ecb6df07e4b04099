"""The last word of a person stands, in whatever order what they say begins and ends."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import closing
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from engine import app
from engine.domain.instant import HOUR, Millis
from engine.operations import maintenance
from engine.storage.database import Database
from engine.storage.people import People
from engine.storage.sqlite import FILE_NAME
from publisher.catalogue.forgetting import enforce_retention
from tests.api.conftest import IDLE, settings
from tests.journey.server import HEADERS, KEY, Server, asked, running_server
from tests.journey.slow_words import WORDS, Begun, Person, Place, begin
from tests.realtime.hand_clock import HandClock

pytestmark = pytest.mark.long
AT_ONCE = 24
ORDERS = ("aabb", "abab", "abba", "bbaa", "baba", "baab")
"""Who takes a step: each begins, and ends, once."""
BESIDE_RETENTION = ("aarr", "arar", "arra", "rara", "raar", "rraa")
"""The same of a person (a), and of retention (r), which lets the sessions forget and then removes the rows."""
OVER_HTTP = ("give", "revoke", "email", "feedback", "withdraw")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server in a process of its own, with its publisher and without limits."""
    limits = dict.fromkeys(("rate_requests_per_minute", "rate_connections_per_minute"), "0")
    async with running_server(tmp_path / "data", **limits) as here:
        yield here


def pairs_of(names: Iterable[str]) -> list[tuple[Sequence[str], str]]:
    """Each pair in each order; two messages of one socket come one after the other."""
    pairs = combinations_with_replacement(names, 2)
    return [
        (pair, order)
        for pair in pairs
        for order in ORDERS
        # Of two of the same kind it is the same whichever is called the first.
        if (pair[0] != pair[1] or order.startswith("a"))
        and (order in ("aabb", "bbaa") or not all(name.startswith("socket") for name in pair))
    ]


async def in_order(person: Person, names: Sequence[str], order: str) -> None:
    """Say it all, each beginning and ending where ``order`` says so; the answers are what they are to be."""
    begun: dict[str, Begun] = {}
    for who in order:
        n = "abc".index(who)
        word = WORDS[names[n]]
        if who not in begun:
            begun[who] = await begin(person, word, n)
            continue
        refused = word.heard(person, n, begun[who])
        answer = await begun[who].finish()
        assert answer in ({200, 202, "ack", "welcome"} if refused is None else {refused}), (
            names,
            order,
            word.name,
        )


async def all_of(cases: Iterable[tuple[Person, Sequence[str], str]]) -> list[Person]:
    """Some at once, each with somebody of their own."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(person: Person, names: Sequence[str], order: str) -> Person:
        async with room:
            await in_order(person, names, order)
            return person

    return await asyncio.gather(*(one(*case) for case in cases))


def kept(data: Path, session_id: str) -> dict[str, dict[str, Any]]:
    """The rows of a session's people, as ``Person.row`` has them."""
    with closing(sqlite3.connect(data / FILE_NAME)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM people WHERE session_id = ?", (session_id,)).fetchall()
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        consents = json.loads(row["consents"])
        reply = {name: consents[name] for name in ("heart_rate", "group", "version") if name in consents}
        reply |= {name: row[name] for name in ("name", "email", "rating", "comment") if row[name] is not None}
        if row["rating"] is not None:
            reply |= {name: bool(row[name]) for name in ("publish_quote", "publish_name")}
        found[row["client_id"]] = reply
    return found


def stands(data: Path, people: Sequence[Person]) -> None:
    """What is kept of everybody is what they said last."""
    rows = kept(data, people[0].place.session_id)
    assert {p.client_id: rows.get(p.client_id) for p in people} == {p.client_id: p.row for p in people}


def gone_of(people: Iterable[Person]) -> list[str]:
    """The secrets of those of whom nothing may be left."""
    secrets = [person.secret for person in people if not person.here]
    assert secrets
    return secrets


def nothing_in(text: bytes, secrets: Iterable[str], where: object) -> None:
    """None of the secrets stands there."""
    left = [secret for secret in secrets if secret.encode() in text]
    assert left == [], where


def nothing_below(places: Iterable[Path], secrets: Sequence[str]) -> None:
    """None of the secrets stands in a file."""
    for place in places:
        for file in (place, *place.rglob("*")):
            if file.is_file():
                nothing_in(file.read_bytes(), secrets, file)


async def settled(server: Server, http: aiohttp.ClientSession, session_id: str) -> None:
    """Return once the publisher has done all that was asked of it."""
    async with asyncio.timeout(60):
        while True:
            reply = await asked(http, "GET", f"{server.url}/api/v2/publications/{session_id}")
            with closing(sqlite3.connect(server.data / FILE_NAME)) as connection:
                (waiting,) = connection.execute(
                    "SELECT (SELECT count(*) FROM outbox WHERE state <> 'done') + (SELECT count(*) FROM marks)"
                ).fetchone()
            if not waiting and {each["state"] for each in reply["channels"].values()} == {"done"}:
                return
            await asyncio.sleep(0.05)


async def a_session(server: Server, http: aiohttp.ClientSession, session_id: str) -> Place:
    """A live one."""
    room = {
        "session_id": session_id,
        "title": session_id.title(),
        "instructor": "Ivy",
        "scheduled_start": "2024-03-21T09:00:00Z",
        "max_participants": 1000,
    }
    await asked(http, "POST", f"{server.url}/api/v2/sessions/create", 201, room)
    await asked(http, "POST", f"{server.url}/api/v2/sessions/{session_id}/start")
    return Place(server.url, session_id, http)


async def people_of(place: Place, cases: Sequence[Any]) -> list[Person]:
    """Somebody for each case, in the room."""
    people = [Person(place, number) for number in range(len(cases))]
    for start in range(0, len(people), AT_ONCE):
        await asyncio.gather(*(person.join() for person in people[start : start + AT_ONCE]))
    return people


@pytest.mark.timeout(120)
async def test_the_last_word_of_a_person_stands(server: Server) -> None:
    """Each pair of what somebody can say, in every order of beginnings and ends, in a session and after it.

    Nothing of those who withdrew is in any table, page, feed, draft or log, nor in the bytes of the file.
    """
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        live = await a_session(server, http, "now")
        pairs = pairs_of(WORDS)
        # Whoever comes again is heard, but not with what they had begun to say before they withdrew.
        again = [((name, "withdraw", "come"), "abbcca") for name in OVER_HTTP if name != "withdraw"]
        there = await people_of(live, [*pairs, *again])
        cases = ((person, *case) for person, case in zip(there, [*pairs, *again], strict=True))
        people = await all_of(cases)
        stands(server.data, people)

        after = await a_session(server, http, "after")
        late = pairs_of(OVER_HTTP)
        there = await people_of(after, late)
        # Words of everybody's stand in the story, in the log of the room, and some on the page.
        for person in there:
            await in_order(person, ("feedback",), "aa")
            await in_order(person, ("socket chat",), "aa")
            await in_order(person, ("email",), "aa")
        for session_id in ("now", "after"):
            await asked(http, "POST", f"{server.url}/api/v2/sessions/{session_id}/end")
            await settled(server, http, session_id)
        desk = f"{server.url}/api/v2/sessions/after/drafts"
        drafts = (await asked(http, "GET", desk))["drafts"]
        quotes = [draft["channel"] for draft in drafts if draft["channel"].startswith("quote-")]
        assert len(quotes) == len(there)
        for quote in quotes[::10]:
            await asked(http, "POST", f"{desk}/{quote}/approve")
        await settled(server, http, "after")
        assert b"telltale-" in (server.data / "public/sessions/after/index.html").read_bytes()
        cases = ((person, *case) for person, case in zip(there, late, strict=True))
        people_after = await all_of(cases)
        stands(server.data, people_after)
        secrets = gone_of([*people, *people_after])
        assert len(secrets) > 60
        await settled(server, http, "after")
        for page in ("/feed.xml", "/feed.json", "/", "/sessions/after/", "/sessions/now/"):
            async with http.get(server.url + page) as answer:
                nothing_in(await answer.read(), secrets, page)
        for session_id in ("now", "after"):
            asks = f"/api/v2/session/{session_id}/content?include_replay=true&include_summary=true"
            for path in (asks, f"/api/v2/sessions/{session_id}/drafts"):
                async with http.get(server.url + path, headers=HEADERS) as answer:
                    nothing_in(await answer.read(), secrets, path)
        await asyncio.gather(*(person.leave() for person in (*people, *people_after)))
        with closing(sqlite3.connect(server.data / FILE_NAME)) as connection:
            nothing_in("\n".join(connection.iterdump()).encode(), secrets, "tables")
    await server.stop()
    nothing_below([server.log, server.data], secrets)


class Retention:
    """The job of a running server, held between its two steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held = asyncio.Event()
        self.let_go = asyncio.Event()
        self.done = threading.Event()
        forget, enforce = People.forget, enforce_retention

        async def forget_when_let(people: People, ended_before: Millis) -> int:
            if self.armed:
                self.held.set()
                await self.let_go.wait()
            return await forget(people, ended_before)

        def enforced(database: Database, ended_before: Millis) -> int:
            changed = enforce(database, ended_before)
            if self.armed:
                self.done.set()
            return changed

        self.armed = False
        monkeypatch.setattr(maintenance, "_INTERVAL", 0.02)
        monkeypatch.setattr(People, "forget", forget_when_let)
        monkeypatch.setattr(maintenance, "enforce_retention", enforced)


@pytest.mark.timeout(90)
async def test_nothing_that_is_said_beside_retention_outlives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What began in time and ended too late, or was said between its steps, brings no row back."""
    retention, clock = Retention(monkeypatch), HandClock()
    words = (*OVER_HTTP, "report")
    cases = [(word, order) for word in words for order in BESIDE_RETENTION]
    given = settings(tmp_path, retention_days=1, api_key=SecretStr(KEY), rate_requests_per_minute=0)
    async with (
        app.running_server(given, clock, publisher=IDLE) as here,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        server = Server(tmp_path)
        server.url = here.url
        place = await a_session(server, http, "old")
        people = await people_of(place, cases)
        for person in people:
            await in_order(person, ("feedback", "socket chat", "email"), "aabbcc")
        await asked(http, "POST", f"{here.url}/api/v2/sessions/old/end")
        stands(tmp_path, people)
        begun: dict[int, Begun] = {}

        async def steps(taken: int, late: bool) -> None:
            """Everybody does what stands before the next step of retention, ``taken`` of them being done."""
            for person, (name, order) in zip(people, cases, strict=True):
                parts = order.split("r")
                for _ in parts[taken]:
                    if person.number not in begun:
                        begun[person.number] = await begin(person, WORDS[name], 0)
                        continue
                    answer = await begun[person.number].finish()
                    refused = {"revoke": 200, "withdraw": 200, "report": 202}.get(name, 403)
                    expected = refused if late or name == "report" else 200
                    assert answer == expected, (name, order)

        await steps(0, late=False)
        retention.armed = True
        clock.jump(25 * HOUR)
        await retention.held.wait()
        await steps(1, late=True)
        retention.let_go.set()
        await asyncio.to_thread(retention.done.wait, 20)
        await steps(2, late=True)
        await asyncio.gather(*(person.leave() for person in people))
        assert kept(tmp_path, "old") == {}
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
            nothing_in("\n".join(connection.iterdump()).encode(), [p.secret for p in people], "tables")
    nothing_below([tmp_path], [person.secret for person in people])
