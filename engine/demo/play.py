"""The demonstration from its first line to its last: server, people, publication, links."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from engine.app import RunningServer, running_server
from engine.clock import Clock
from engine.demo.artefacts import Artefact, approve_a_quote, look_for, published
from engine.demo.live_client import Message
from engine.demo.people import Instructor, Participant, Room
from engine.demo.screen import Screen
from engine.demo.script import (
    BACK,
    DESCRIPTION,
    DROPPED,
    FEEDBACK,
    INSTRUCTOR,
    LAST_JOIN,
    LENGTH,
    NAMES,
    OPINIONS,
    PLAN,
    RATE,
    TITLE,
)
from engine.domain.instant import SECOND, Millis, iso
from engine.settings import Settings

__all__ = ["play"]

_UNLUCKY = 11
"""The participant who loses the connection."""
_PATIENCE = 60.0
"""Seconds of ours that publishing may take."""


async def play(data: Path, host: str, port: int, *, leave: bool, screen: Screen) -> bool:
    """Play, publish, print the links; then serve until Ctrl-C, unless ``leave``.

    Returns whether every artefact was there.
    """
    key = secrets.token_urlsafe(24)
    settings = Settings(
        host=host,
        port=port,
        data=data,
        api_key=SecretStr(key),
        log_level="warning",
        # Everybody here has one address, and their minute is six seconds long.
        rate_connections_per_minute=0,
        rate_requests_per_minute=0,
    )
    # As far behind as it gains: it meets the present when the session is over.
    behind = LENGTH - round(LENGTH / RATE)
    clock = Clock(rate=RATE, start=Clock().now() - behind)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running_server(settings, clock) as server, aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {key}"}
        playing = asyncio.create_task(_play(server, http, clock, headers, data, screen))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await playing
            stopping.cancel()
            return False
        complete = playing.result()
        if not leave:
            screen.say("\nServing until Ctrl-C.")
            await stopping
        stopping.cancel()
    return complete


async def _play(
    server: RunningServer,
    http: aiohttp.ClientSession,
    clock: Clock,
    headers: dict[str, str],
    data: Path,
    screen: Screen,
) -> bool:
    room = await _create(http, server.url, clock, headers, screen)
    ended = await _session(room, screen)
    screen.session_over()
    screen.say("\nThe session is over; its story is being published…")
    states = await published(http, server.url, room.session_id, headers, _PATIENCE)
    screen.say(f"Published in {time.monotonic() - ended:.1f} s: " + _in_words(states))
    found = await look_for(http, server.url, data, room.session_id, TITLE, headers)
    found.append(await approve_a_quote(http, server.url, room.session_id, headers, _PATIENCE))
    screen.artefacts(found)
    complete = all(artefact.found for artefact in found) and set(states.values()) == {"done"}
    _links(server.url, room, complete, found, screen)
    return complete


async def _create(
    http: aiohttp.ClientSession, url: str, clock: Clock, headers: dict[str, str], screen: Screen
) -> Room:
    began = clock.now()
    session_id = "demo-" + iso(began)[:19].replace(":", "").replace("T", "-")
    body = {
        "session_id": session_id,
        "title": TITLE,
        "description": DESCRIPTION,
        "scheduled_start": iso(began),
        "instructor": INSTRUCTOR,
        "max_participants": 50,
        "techniques": [
            {
                "technique": practice.technique,
                "duration": practice.duration,
                "instruction": practice.instruction,
            }
            for practice in PLAN
        ],
    }
    async with http.post(f"{url}/api/v2/sessions/create", json=body, headers=headers) as response:
        created: dict[str, Any] = await response.json()
        if response.status != 201:
            raise RuntimeError(f"the session was not created: {created}")
    screen.say(
        f"{TITLE}: {len(NAMES)} people, {len(PLAN)} techniques, {LENGTH // 60_000} minutes in about one."
    )
    screen.say(f"Join in while it runs: {created['urls']['join']}")
    screen.say(f"Watch from the wall:   {created['urls']['wall']}\n")
    return Room(http, url, created, clock, began)


async def _session(room: Room, screen: Screen) -> float:
    """Play it; answers when it ended, by the machine's monotonic clock."""
    instructor = Instructor(room, _teller(room, screen))
    people = [Participant(room, number, name) for number, name in enumerate(NAMES)]
    await instructor.client.connect()
    async with asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(_take_part(person, group))
        group.create_task(instructor.stay())
        group.create_task(_lead(instructor, people, room))
        group.create_task(_lose_and_return(people[_UNLUCKY], screen))
        group.create_task(_give_feedback(people, room))
        await instructor.client.over.wait()
        ended = time.monotonic()
    for client in (instructor.client, *(person.client for person in people)):
        await client.close()
    return ended


async def _take_part(person: Participant, group: asyncio.TaskGroup) -> None:
    await person.come(LAST_JOIN * (person.number + 1) // len(NAMES))
    group.create_task(person.breathe())


async def _lead(instructor: Instructor, people: list[Participant], room: Room) -> None:
    await room.until(LAST_JOIN + 5 * SECOND)
    await instructor.vouch_for(people)
    await instructor.lead()


async def _lose_and_return(person: Participant, screen: Screen) -> None:
    await person.lose_the_connection(DROPPED, BACK)
    screen.happening(
        BACK, f"{person.name} had lost the connection, and is back with nothing missed", "yellow"
    )


async def _give_feedback(people: list[Participant], room: Room) -> None:
    await room.until(FEEDBACK)
    for opinion in OPINIONS:
        await people[opinion.participant].say(opinion.rating, opinion.comment, opinion.quotable)


def _teller(room: Room, screen: Screen) -> Callable[[Message], None]:
    """Turns what the instructor's socket receives into lines on the screen."""

    def tell(message: Message) -> None:
        at: Millis = room.elapsed()
        content = message["content"]
        match message["type"], message.get("update_type"):
            case "participant_joined", _ if content["count"] in (1, len(NAMES)):
                screen.happening(at, f"{content['name']} came in; {content['count']} here")
            case "session_update", "session_started":
                screen.happening(at, f"{INSTRUCTOR} starts the session", "bold")
            case "session_update", "announcement":
                screen.happening(at, f"{content['title']}: {content['message']}")
            case "session_update", "achievement_unlocked":
                screen.happening(at, content["title"], "green")
            case "technique_changed", _:
                screen.happening(at, f"{content['technique']}: {content['instruction']}", "bold")
            case "hrv_milestone", _:
                screen.happening(
                    at, f"The group's HRV while paced is {content['improvement']:.0f} % up", "green"
                )
            case "session_feedback", _:
                screen.happening(at, f"Feedback: {content['rating']} of 5")
            case "session_ending", _:
                screen.happening(at, "The session ends", "bold")
            case "metrics_update", _:
                screen.figures(at, content)
            case "error", _:
                screen.happening(at, f"Refused: {content}", "red")

    return tell


def _in_words(states: dict[str, str]) -> str:
    return ", ".join(f"{channel} {state}" for channel, state in sorted(states.items())) or "nothing"


def _links(url: str, room: Room, complete: bool, found: list[Artefact], screen: Screen) -> None:
    if not complete:
        missing = [artefact.what for artefact in found if not artefact.found]
        screen.say(f"\nNot everything is there: {', '.join(missing) or 'a channel is not done'}", "red")
        return
    screen.say(f"\nRead it:       {url}/sessions/{room.session_id}/")
    screen.say(f"Follow it:     {url}/feed.xml")
    screen.say(f"Draft desk:    {url}/console#session={room.session_id}&token={room.tokens['instructor']}")
