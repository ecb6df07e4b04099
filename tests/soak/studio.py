"""A day of a studio at 24 times life: ``python -m tests.soak.studio [--minutes 60]``.

Forty sessions in an hour, two at a time: they begin, are practised, end and are published, with straps, chat, lost networks,
a restart, a kill, a rebuild of the site and letters. Between two waves, when nobody is there, memory, descriptors, tasks and
files are measured; the table and whether something grew beyond its bound (``measures``) is the result. Exit status 0 when all is flat.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from engine.demo.artefacts import wait_until_published
from engine.domain.instant import HOUR, MINUTE, SECOND
from halcytone.client import LiveClient
from tests.journey.server import HEADERS, Server, asked
from tests.soak.letters import Letters, mail_server
from tests.soak.measures import Measure, grown, measure, table
from tests.soak.pace import Pace
from tests.soak.people import Leader, Person

__all__ = ["StudioDay"]

RATE = 24.0
_SCRIPT = Path(__file__).with_name("studio_server.py")
_PEOPLE = 6
_AT_ONCE = 2
_WAVE = 72 * MINUTE
"""Twenty waves of two sessions are a day of the play, and an hour of ours."""
_PRACTICE = 48 * MINUTE
_SUBSCRIBERS = 5
_TECHNIQUES = ("Box Breathing", "Coherent Breathing", "4-7-8 Breathing")
_LOST_FOR = (5 * SECOND, 15 * SECOND, 90 * SECOND)
_RESTARTING = (aiohttp.ClientError, ConnectionError, OSError)


class StudioDay:
    """One run on fresh data."""

    def __init__(self, folder: Path, letters: Letters, http: aiohttp.ClientSession, waves: int) -> None:
        present = time.time_ns() // 1_000_000
        # Behind the present by more than it gains on it: the clock never meets it.
        self._pace = Pace(RATE, present, present - 48 * HOUR)
        self._letters, self._http, self._waves = letters, http, waves
        self._random = Random(1)
        self._folder = folder
        data = folder / "data"
        data.mkdir()
        (data / "studio.toml").write_text('name = "Soak"\nsender = "soak@studio.example"\n')
        self._server = Server(
            data,
            # Safe path: what lies beside the program is not importable by its bare name.
            (sys.executable, "-P", str(_SCRIPT), str(self._pace)),
            smtp_url=letters.url,
            log_level="info",
            rate_connections_per_minute="0",
            rate_requests_per_minute="0",
        )
        self._life = 1
        self._published = 0
        self._newsletters = 0
        self.measures: list[Measure] = []
        self.faults: list[str] = []

    async def live(self) -> None:
        """All waves, and what happens among them."""
        incidents = {
            max(1, self._waves // 4): "restart",
            max(2, self._waves // 2): "rebuild",
            max(3, 5 * self._waves // 8): "kill",
        }
        await self._server.start()
        try:
            await self._subscribe()
            for wave in range(self._waves):
                ends = self._pace.now() + _WAVE
                sessions = [self._session(f"day-{wave}-{number}") for number in range(_AT_ONCE)]
                await asyncio.gather(*sessions, self._incident(incidents.get(wave)))
                done = (wave + 1) * _AT_ONCE
                letters = self._letters.taken.total()
                self.measures.append(await measure(self._server, self._life, done, self._published, letters))
                sys.stdout.write(table(self.measures[-1:]).splitlines()[1] + "\n")
                sys.stdout.flush()
                await self._pace.until(ends)
            await self._check_letters()
        finally:
            await self._server.stop(within=30)
        log = self._server.log.read_text(errors="replace")
        self.faults += [f"logged: {line[:500]}" for line in log.splitlines() if "Traceback" in line][:5]
        self.faults += grown(self.measures)

    # -- one session ------------------------------------------------------------------------------------

    async def _session(self, session_id: str) -> None:
        starts = datetime.fromtimestamp(self._pace.now() / 1000, UTC).isoformat()
        body = {
            "session_id": session_id,
            "title": f"Session {session_id}",
            "scheduled_start": starts,
            "instructor": "Ivy",
        }
        url = self._server.url
        room = await asked(self._http, "POST", f"{url}/api/v2/sessions/create", 201, body)
        where = (self._http, url, session_id, self._pace)
        leader = Leader(*where, role="instructor", token=room["tokens"]["instructor"])
        people = [Person(number, *where) for number in range(_PEOPLE)]
        observer = LiveClient(self._http, url, session_id, role="observer")
        await asyncio.gather(leader.come(), observer.connect(), *(person.come() for person in people))
        staying = [asyncio.create_task(each.stay()) for each in (leader, *people)]
        staying += [asyncio.create_task(self._lose(person)) for person in people]
        try:
            await leader.lead("start")
            await self._leave_an_address(session_id, people[0])
            for technique in _TECHNIQUES:
                await leader.lead("change_technique", technique=technique, duration=600)
                await self._pace.until(self._pace.now() + _PRACTICE // len(_TECHNIQUES))
            for person in people:
                await person.client.send("session_feedback", rating=5, comment="calm", publish_quote=True)
            async with asyncio.timeout(60):
                while not leader.client.over.is_set():
                    await leader.lead("end")
                    await asyncio.sleep(0.5)
                await asyncio.gather(*(person.client.over.wait() for person in people))
        except TimeoutError:
            self.faults.append(f"{session_id}: its end did not reach everybody")
        finally:
            for task in staying:
                task.cancel()
            for failed in await asyncio.gather(*staying, return_exceptions=True):
                if isinstance(failed, Exception):
                    self.faults.append(f"{session_id}: {failed!r}")
            await asyncio.gather(
                *(each.close() for each in (observer, leader.client, *(person.client for person in people))),
                return_exceptions=True,
            )
        await self._story(session_id)

    async def _lose(self, person: Person) -> None:
        """Out of reach again and again, for seconds or for minutes."""
        while True:
            await self._pace.until(self._pace.now() + self._random.randrange(5 * MINUTE, 20 * MINUTE))
            if person.client.close_code is None and not person.client.over.is_set():
                await person.client.drop()
                await self._pace.until(self._pace.now() + self._random.choice(_LOST_FOR))

    async def _leave_an_address(self, session_id: str, person: Person) -> None:
        resume = person.client.resume
        path = f"{self._server.url}/api/v2/sessions/{session_id}/me/email"
        headers = {"Authorization": f"Bearer {resume}"}
        async with self._http.put(path, json={"address": "ann@home.example"}, headers=headers) as answer:
            if answer.status >= 300:
                self.faults.append(f"{session_id}: {answer.status} to an address")

    async def _story(self, session_id: str) -> None:
        """It is published, its page is there, and every second newsletter goes out."""
        url = self._server.url
        states = await wait_until_published(self._http, url, session_id, HEADERS, 90)
        if states.get("web") != "done" or set(states.values()) != {"done"}:
            self.faults.append(f"{session_id}: published as {states}")
            return
        self._published += 1
        async with self._http.get(f"{url}/sessions/{session_id}/") as page:
            if page.status != 200 or session_id not in await page.text():
                self.faults.append(f"{session_id}: its page answers {page.status}")
        if session_id.endswith("-0"):
            path = f"{url}/api/v2/sessions/{session_id}/drafts/email/approve"
            async with self._http.post(path, headers=HEADERS) as approved:
                if approved.status < 300:
                    self._newsletters += 1
                else:
                    self.faults.append(f"{session_id}: {approved.status} to an approval")

    # -- what happens to the studio ------------------------------------------------------------------------

    async def _incident(self, what: str | None) -> None:
        if what is None:
            return
        await self._pace.until(self._pace.now() + _PRACTICE // 2)
        sys.stdout.write(f"      {what}\n")
        match what:
            case "restart":
                status = await self._server.stop(within=30)
                if status != 0:
                    self.faults.append(f"SIGTERM ended in exit status {status}")
            case "kill":
                await self._server.kill()
            case _:
                await self._rebuild()
                return
        self._life += 1
        await self._server.start()

    async def _rebuild(self) -> None:
        output = self._folder / "rebuilt"
        data = str(self._server.data)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "engine.cli", "rebuild", "--data", data, "--output", str(output)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        if await process.wait() or not (output / "index.html").exists():
            self.faults.append("the site could not be rebuilt")

    async def _subscribe(self) -> None:
        for number in range(_SUBSCRIBERS):
            said, attempt = {"status": "no_mail_sent"}, 0
            while said["status"] == "no_mail_sent":  # The publisher takes longer to start than the server.
                attempt += 1
                form = {"address": f"reader{number}-{attempt}@home.example"}
                async with self._http.post(
                    f"{self._server.url}/subscribe/", data=form, headers={"Accept": "application/json"}
                ) as answer:
                    said = await answer.json()
                await asyncio.sleep(0.2)
        async with asyncio.timeout(60):
            for _ in range(_SUBSCRIBERS):
                path = await self._letters.confirmations.get()
                async with self._http.post(f"{self._server.url}{path}") as answer:
                    assert answer.status == 200, await answer.text()

    async def _check_letters(self) -> None:
        """Every subscriber has every newsletter, once."""
        expected = self._newsletters * _SUBSCRIBERS
        sent = 0
        for _ in range(60):
            sent = sum(times for subject, times in self._letters.taken.items() if re.search("day-", subject))
            if sent >= expected:
                break
            await asyncio.sleep(0.5)
        sys.stdout.write(
            f"letters: {dict(self._letters.taken.most_common(4))}, newsletters {sent} of {expected}\n"
        )
        if sent < expected:
            self.faults.append(f"{sent} newsletters of {expected}")


async def run(minutes: float) -> int:
    """One day, or as much of it as goes into so many minutes."""
    waves = max(2, round(minutes * 60 * RATE / (_WAVE / SECOND)))
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with mail_server() as letters, aiohttp.ClientSession(connector=connector) as http:
            day = StudioDay(Path(folder), letters, http, waves)
            await day.live()
    sys.stdout.write("\n" + table(day.measures) + "\n\n")
    sys.stdout.write("\n".join(day.faults or ["all is flat"]) + "\n")
    return 1 if day.faults else 0


def main() -> int:
    """Run it, and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.studio", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    given: Any = parser.parse_args()
    began = time.monotonic()
    status = asyncio.run(run(given.minutes))
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
