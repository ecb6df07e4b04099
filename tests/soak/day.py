"""A wall, a phone and a console through a day of the studio: hours of waiting, two of practice, an hour after it."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import aiohttp
from playwright.async_api import Browser

from engine.domain.instant import HOUR, MINUTE, iso
from halcytone.client import LiveClient, Refused
from tests.journey.server import Server, asked
from tests.soak.pace import Pace
from tests.soak.people import Crowd
from tests.soak.readings import READ_COUNTDOWN, READINGS, seconds_of, what_is_seen
from tests.soak.screens import Screen, Wrong, turns_off

__all__ = ["Day"]

SESSION = "soak"
# So slow that a turn of breath can be told from its neighbours while the clock runs fifty times faster.
PATTERNS = ([90, 60, 120, 30], [120, 0, 120, 0], [60, 30, 90, 60])
NAMES = ("Long Tide", "Even Tide", "Low Tide")
OFF_AT_MOST = 50.0
"""Milliseconds that a turn of breath may be off."""
BACK_WITHIN = 25.0
"""Seconds within which every page shows again what is so, whatever happened."""


class Day:
    """One run. ``said`` are its figures, a line each, in order."""

    def __init__(self, server: Server, pace: Pace, http: aiohttp.ClientSession, browser: Browser) -> None:
        self.server, self.pace, self.http, self._browser = server, pace, http, browser
        self.said: list[str] = []
        self.off: dict[str, list[float]] = {}
        self._technique: tuple[list[dict[str, Any]], float] | None = None

    async def live(self) -> None:
        """From hours before the session to an hour after it.

        Raises:
            Wrong: at the first thing that is not as it should be.
        """
        await self._wait_for_hours()
        await self._fill_the_room()
        await self._practise()
        await self._end()
        for screen in self.screens:
            if screen.complaints:
                raise Wrong(f"{screen.name} complains: {screen.complaints[:5]}")

    # -- before ---------------------------------------------------------------------------------

    async def _wait_for_hours(self) -> None:
        self.start = self.pace.now() + 2 * HOUR
        body = {
            "session_id": SESSION,
            "title": "A day of the studio",
            "instructor": "Willow",
            "scheduled_start": iso(self.start),
            "place": "both",
        }
        created = await asked(self.http, "POST", f"{self.server.url}/api/v2/sessions/create", 201, body)
        self.token: str = created["tokens"]["instructor"]
        self.wall = await self._open("wall", f"/wall/{SESSION}", 1280, 720)
        self.phone = await self._open("phone", f"/sessions/join/{SESSION}", 390, 844)
        await self.phone.page.get_by_role("button", name="Join").click()
        self.console = await self._open("console", f"/console#session={SESSION}&token={self.token}", 390, 844)
        self.screens = (self.wall, self.phone, self.console)
        await self._countdown_is_right("hours before")
        await self._through(self._restart, "a drain while it waits")
        await self._countdown_is_right("after a drain")
        self.start += 30 * MINUTE
        body = {"scheduled_start": iso(self.start)}
        await asked(self.http, "PATCH", f"{self.server.url}/api/v2/sessions/{SESSION}", 200, body)
        # Whoever is not in the room yet asks again every five minutes.
        await self.pace.until(self.pace.now() + 6 * MINUTE * 2)
        await self._countdown_is_right("moved by half an hour")
        await self._through(self._crash, "a crash while it waits")
        await self.pace.until(self.start - 45 * MINUTE)
        await self._countdown_is_right("an hour of nothing")
        await self.pace.until(self.start - 14 * MINUTE)

    async def _countdown_is_right(self, when: str) -> None:
        began = time.monotonic()
        while True:
            text, machine = await self.wall.page.evaluate(READ_COUNTDOWN)
            left = (self.start - self.pace.at(machine)) / 1000
            shown = seconds_of(text or "")
            off = math.inf if shown is None else abs(shown - left) / self.pace.rate * 1000
            # The text changes with whole seconds of the play.
            if off <= OFF_AT_MOST + 1000 / self.pace.rate:
                self._say(f"countdown right to {off:.0f} ms {when}, after {time.monotonic() - began:.1f} s")
                return
            if time.monotonic() - began > BACK_WITHIN:
                raise Wrong(f"the wall counts {text}, and {left:.0f} s are left ({when})")
            await asyncio.sleep(0.1)

    # -- during ---------------------------------------------------------------------------------

    async def _fill_the_room(self) -> None:
        self.crowd = Crowd(self.http, self.server.url, SESSION, self.pace, self.token)
        await self.crowd.gather()
        await self._all_is_shown("the room is full")
        await self.pace.until(self.start)
        await self.crowd.lead("start")

    async def _practise(self) -> None:
        await self._technique_begins(0)
        for screen in self.screens:
            await screen.follow_the_breath()
        await self._technique_begins(1)
        await self._minutes_pass(8)
        await self._look("after ten minutes")
        disturbances: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("a lift of a second", lambda: self._offline(1.0)),
            ("a crash", self._crash),
            ("a drain", self._restart),
            ("no network for nine minutes", lambda: self._offline(9.0)),
            ("people come and go", self.crowd.change),
            ("a rest and words", self._rest),
            ("two crashes", self._crash_twice),
        )
        for number, (what, disturb) in enumerate(disturbances):
            await self._technique_begins(number)
            await self._through(disturb, what)
            await self._minutes_pass(4.5)
        await self._technique_begins(1)
        await self._minutes_pass(6)
        await self._look("towards the end")
        if not await self.console.page.locator(".curve-row").first.is_visible():
            raise Wrong("the console shows no curve of the group: nobody's heart was measured")
        self._judge_footprints()

    async def _technique_begins(self, number: int) -> None:
        """Change the technique, and wait until it has begun and every page shows it."""
        await self._note_turns()
        name, pattern = NAMES[number % 3], PATTERNS[number % 3]
        await self.crowd.lead("change_technique", technique=name, pattern=pattern, duration=1200)
        for _ in range(200):
            reply = await self._truth()
            if reply["technique"] and reply["technique"]["technique"] == name and not reply["next_technique"]:
                break
            await asyncio.sleep(0.1)
        else:
            raise Wrong(f"{name} did not begin: {reply['technique']}, next {reply['next_technique']}")
        started = await self.wall.page.evaluate("(at) => Date.parse(at)", reply["technique"]["started_at"])
        await self._note_turns(forget=True)
        self._technique = (reply["technique"]["pattern"]["steps"], started)
        await self._all_is_shown(name)

    async def _minutes_pass(self, seconds: float) -> None:
        """So many real seconds of practice, which are minutes of the play; then its turns are judged."""
        await asyncio.sleep(seconds)
        await self._note_turns()

    async def _note_turns(self, *, forget: bool = False) -> None:
        if self._technique is None:
            return
        for screen in self.screens:
            turns = await screen.turns()
            if not forget:
                self.off.setdefault(screen.name, []).extend(turns_off(turns, *self._technique, self.pace))

    async def _all_is_shown(self, when: str) -> None:
        """Every page shows what the server says is so."""
        began = time.monotonic()
        while True:
            expected = what_is_seen(await self._truth())
            wrong: Wrong | None = None
            for screen, reading, what in zip(self.screens, READINGS, expected, strict=True):
                try:
                    await screen.shows(what, 0.3, reading)
                except Wrong as found:
                    wrong = found
            if wrong is None:
                return
            if time.monotonic() - began > BACK_WITHIN:
                raise Wrong(f"{when}: {wrong}")

    async def _through(self, disturb: Callable[[], Awaitable[None]], what: str) -> None:
        lines = [screen.lines for screen in self.screens]
        await disturb()
        began = time.monotonic()
        if self._technique is not None:
            await self._all_is_shown(what)
        took = time.monotonic() - began
        for screen in self.screens:
            if (held := await screen.sockets()) > 1:
                raise Wrong(f"{screen.name} holds {held} sockets after {what}")
        new = [screen.lines - before for screen, before in zip(self.screens, lines, strict=True)]
        self._say(f"{what}: all pages right {took:.1f} s after it; new lines {new}")

    async def _restart(self) -> None:
        await self.server.stop()
        await self.server.start()

    async def _crash(self) -> None:
        await self.server.kill()
        await asyncio.sleep(0.5)
        await self.server.start()

    async def _crash_twice(self) -> None:
        await self._crash()
        await self._crash()

    async def _offline(self, seconds: float) -> None:
        for screen in self.screens:
            await screen.page.context.set_offline(True)
        await asyncio.sleep(seconds)
        for screen in self.screens:
            await screen.page.context.set_offline(False)

    async def _rest(self) -> None:
        await self.crowd.lead("rest")
        await self._all_is_shown("a rest")
        await self.crowd.lead("announce", title="From your instructor", message="Let the shoulders sink.")
        await self.crowd.lead("unlock_achievement", title="An hour together", description="")
        await self.crowd.lead("lock", locked=True)
        await self.crowd.lead("resume_practice")
        await self._note_turns(forget=True)
        await self.crowd.lead("lock", locked=False)

    # -- after ----------------------------------------------------------------------------------

    async def _end(self) -> None:
        await self.pace.until(self.start + 2 * HOUR + 2 * MINUTE)
        over = {"wall": "over", "title": "Thank you for breathing together"}
        await self.wall.shows(over, BACK_WITHIN, READINGS[0])
        await self.phone.shows({"screen": "after"}, BACK_WITHIN, READINGS[1])
        await self.console.shows({"screen": "console-desk"}, BACK_WITHIN, READINGS[2])
        lines = [screen.lines for screen in self.screens]
        await self._crash()
        await self.pace.until(self.pace.now() + 30 * MINUTE)
        await self.wall.shows(over, BACK_WITHIN, READINGS[0])
        for screen, before in zip(self.screens, lines, strict=True):
            if screen.lines != before or await screen.sockets():
                raise Wrong(f"{screen.name} calls again after the end")
        self._say("half an hour after the end, and after a crash: thanks on the wall, no page has a line")
        self.crowd.disperse()
        for name, off in self.off.items():
            if not off:
                raise Wrong(f"{name} made no turn")
            self._say(
                f"{name}: {len(off)} turns, off by {median(off):.0f} ms in the middle, {max(off):.0f} at most"
            )
            if max(off) > OFF_AT_MOST:
                raise Wrong(f"the pacer of {name} was off by {sorted(off)[-5:]} ms")

    # -- all along ------------------------------------------------------------------------------

    async def _truth(self) -> dict[str, Any]:
        """The state as the server tells it to somebody who comes just now."""
        for _ in range(100):
            client = LiveClient(self.http, self.server.url, SESSION, role="observer")
            try:
                reply = await client.connect()
            except (aiohttp.ClientError, OSError, Refused):
                await asyncio.sleep(0.1)
                continue
            await client.close()
            return reply
        raise Wrong(
            "the server does not answer; or the session is over before its time, on a machine that is too busy"
        )

    async def _open(self, name: str, path: str, width: int, height: int) -> Screen:
        context = await self._browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
        screen = Screen(name, await context.new_page())
        await screen.watch()
        await screen.page.goto(self.server.url + path)
        return screen

    async def _look(self, when: str) -> None:
        for screen in self.screens:
            await screen.look(when)

    def _judge_footprints(self) -> None:
        for screen in self.screens:
            (began, first), (ended, last) = screen.footprints[0], screen.footprints[-1]
            self._say(f"{screen.name} {began}: {first}")
            self._say(f"{screen.name} {ended}: {last}; {screen.lines} lines, {screen.frames:,} frames in all")
            if grown := last.grown_from(first):
                raise Wrong(f"{screen.name} has grown by {grown}")

    def _say(self, line: str) -> None:
        at = (self.pace.now() - self.start) / HOUR
        self.said.append(f"{at:+6.2f} h  {line}")
        # A run of minutes is watched while it goes on.
        sys.stdout.write(f"{self.said[-1]}\n")
        sys.stdout.flush()
