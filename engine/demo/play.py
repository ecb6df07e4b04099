"""Runs the demonstration: server, people, publication, links."""

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
from engine.demo.artefacts import Artefact, approve_a_quote, find_artefacts, wait_until_published
from engine.demo.people import Instructor, Participant, Scene
from engine.demo.screen import Screen
from engine.demo.script import (
    BACK,
    DESCRIPTION,
    DROPPED,
    FEEDBACK,
    FEEDBACK_AT,
    INSTRUCTOR,
    LAST_JOIN,
    LENGTH,
    NAMES,
    PLAN,
    RATE,
    TITLE,
)
from engine.domain.instant import SECOND, Millis, iso
from engine.settings import Settings
from halcytone.client import Message

__all__ = ["play"]

_DISCONNECTED = 11
"""The participant who loses the connection."""
_PUBLISH_TIMEOUT = 60.0
"""Real seconds that publishing may take."""


async def play(data: Path, host: str, port: int, *, leave: bool, screen: Screen) -> bool:
    """Play the session, publish it, print the links; then serve until Ctrl-C, unless ``leave``.

    Returns whether every artefact was found.
    """
    key = secrets.token_urlsafe(24)
    settings = Settings(
        host=host,
        port=port,
        data=data,
        api_key=SecretStr(key),
        log_level="warning",
        # All clients share one address, and a minute of the clock takes six seconds.
        rate_connections_per_minute=0,
        rate_requests_per_minute=0,
    )
    # As far behind as it gains on the present while the session lasts.
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
    scene = await _create(http, server.url, clock, headers, screen)
    ended = await _play_session(scene, screen)
    screen.session_over()
    screen.say("\nThe session is over; its story is being published…")
    states = await wait_until_published(http, server.url, scene.session_id, headers, _PUBLISH_TIMEOUT)
    screen.say(f"Published in {time.monotonic() - ended:.1f} s: " + _summary(states))
    found = await find_artefacts(http, server.url, data, scene.session_id, TITLE, headers)
    found.append(await approve_a_quote(http, server.url, scene.session_id, headers, _PUBLISH_TIMEOUT))
    screen.artefacts(found)
    complete = all(artefact.found for artefact in found) and set(states.values()) == {"done"}
    _print_links(server.url, scene, complete, found, screen)
    return complete


async def _create(
    http: aiohttp.ClientSession, url: str, clock: Clock, headers: dict[str, str], screen: Screen
) -> Scene:
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
    return Scene(http, url, created, clock, began)


async def _play_session(scene: Scene, screen: Screen) -> float:
    """Play the session; returns the time of its end by the machine's monotonic clock."""
    instructor = Instructor(scene, _narrator(scene, screen))
    people = [Participant(scene, number, name) for number, name in enumerate(NAMES)]
    await instructor.client.connect()
    async with asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(_take_part(person, group))
        group.create_task(instructor.send_heartbeats())
        group.create_task(_lead(instructor, people, scene))
        group.create_task(_disconnect_and_return(people[_DISCONNECTED], screen))
        group.create_task(_give_feedback(people, scene))
        await instructor.client.over.wait()
        ended = time.monotonic()
    for client in (instructor.client, *(person.client for person in people)):
        await client.close()
    return ended


async def _take_part(person: Participant, group: asyncio.TaskGroup) -> None:
    await person.join(LAST_JOIN * (person.number + 1) // len(NAMES))
    group.create_task(person.send_beats())


async def _lead(instructor: Instructor, people: list[Participant], scene: Scene) -> None:
    await scene.until(LAST_JOIN + 5 * SECOND)
    await instructor.vouch_for(people)
    await instructor.lead()


async def _disconnect_and_return(person: Participant, screen: Screen) -> None:
    await person.lose_the_connection(DROPPED, BACK)
    screen.event(BACK, f"{person.name} had lost the connection, and is back with nothing missed", "yellow")


async def _give_feedback(people: list[Participant], scene: Scene) -> None:
    await scene.until(FEEDBACK_AT)
    for feedback in FEEDBACK:
        await people[feedback.participant].give_feedback(feedback.rating, feedback.comment, feedback.quotable)


def _narrator(scene: Scene, screen: Screen) -> Callable[[Message], None]:
    """A callback that prints the instructor's messages as lines on the screen."""

    def narrate(message: Message) -> None:
        at: Millis = scene.elapsed()
        content = message["content"]
        match message["type"], message.get("update_type"):
            case "participant_joined", _ if content["count"] in (1, len(NAMES)):
                screen.event(at, f"{content['name']} came in; {content['count']} here")
            case "session_update", "session_started":
                screen.event(at, f"{INSTRUCTOR} starts the session", "bold")
            case "session_update", "announcement":
                screen.event(at, f"{content['title']}: {content['message']}")
            case "session_update", "achievement_unlocked":
                screen.event(at, content["title"], "green")
            case "technique_changed", _:
                screen.event(at, f"{content['technique']}: {content['instruction']}", "bold")
            case "hrv_milestone", _:
                screen.event(at, f"The group's HRV while paced is {content['improvement']:.0f} % up", "green")
            case "session_feedback", _:
                screen.event(at, f"Feedback: {content['rating']} of 5")
            case "session_ending", _:
                screen.event(at, "The session ends", "bold")
            case "metrics_update", _:
                screen.figures(at, content)
            case "error", _:
                screen.event(at, f"Refused: {content}", "red")

    return narrate


def _summary(states: dict[str, str]) -> str:
    return ", ".join(f"{channel} {state}" for channel, state in sorted(states.items())) or "nothing"


def _print_links(url: str, scene: Scene, complete: bool, found: list[Artefact], screen: Screen) -> None:
    if not complete:
        missing = [artefact.what for artefact in found if not artefact.found]
        screen.say(f"\nNot everything is there: {', '.join(missing) or 'a channel is not done'}", "red")
        return
    screen.say(f"\nRead it:       {url}/sessions/{scene.session_id}/")
    screen.say(f"Follow it:     {url}/feed.xml")
    screen.say(f"Draft desk:    {url}/console#session={scene.session_id}&token={scene.tokens['instructor']}")
