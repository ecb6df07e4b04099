"""A weekly class over the end of summer time: set up, said yes to, reminded of, moved, held, and named again.

Server, publisher and mail server are real, in processes of their own. Their date, and that of every browser, is set
forward from one moment that matters to the next; between two of them it runs as any other clock.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from bs4 import BeautifulSoup
from playwright.async_api import Page, expect

from tests.journey.server import KEY
from tests.journey.test_set_date import HOUR, Machine
from tests.soak.letters import Letters, mail_server
from tests.web.conftest import Opener, type_number
from tests.web.test_accessibility import findings

pytestmark = pytest.mark.long

BERLIN = ZoneInfo("Europe/Berlin")
STUDIO = 'name = "Breath Room"\nsender = "hello@example.org"\ntime_zone = "Europe/Berlin"\n'
LINK_TEXT = {
    "confirm": "Yes, I come",
    "join": "Your link to join",
    "leave": "I do not come, or delete my address",
}

#: The browser's date: ahead of the machine's by as much as the server's.
DATE = """(() => {
  const Real = Date;
  window.Date = class extends Real {
    constructor(...given) { if (given.length) super(...given); else super(Real.now() + window.ahead); }
    static now() { return Real.now() + window.ahead; }
  };
})();"""


def autumn(day: int, hour: int, minute: int = 0, month: int = 10) -> datetime:
    """A local time of the studio in the autumn of 2030, whose summer time ends on 27 October."""
    return datetime(2030, month, day, hour, minute, tzinfo=BERLIN)


class Mailbox(Letters):
    """Takes every letter, and notes when it came by the date of the studio's machine."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[tuple[str, float, EmailMessage]] = []
        self.offset: Path | None = None

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a letter."""
        assert isinstance(envelope.content, bytes)
        assert self.offset is not None
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        at = time.time() + float(self.offset.read_text())
        self.letters.extend((address, at, letter) for address in envelope.rcpt_tos)
        return "250 taken"

    def of(self, name: str, subject: str) -> list[tuple[datetime, EmailMessage]]:
        """What somebody has got under a subject, and when."""
        return [
            (datetime.fromtimestamp(at, BERLIN), letter)
            for address, at, letter in self.letters
            if address == f"{name.lower()}@example.org" and letter["Subject"] == subject
        ]

    async def letter(self, name: str, subject: str) -> tuple[datetime, EmailMessage]:
        """The one letter that somebody gets under a subject."""
        async with asyncio.timeout(30):
            while not self.of(name, subject):  # noqa: ASYNC110 — it comes over a socket
                await asyncio.sleep(0.05)
        (only,) = self.of(name, subject)
        return only


def behind(letter: EmailMessage, link: str) -> str:
    """Where a link of a letter leads, by the words that stand on it."""
    body = letter.get_body(("html",))
    assert body is not None
    links = BeautifulSoup(body.get_content(), "html.parser").find_all("a")
    (found,) = {str(each["href"]) for each in links if each.get_text(strip=True) == LINK_TEXT[link]}
    return found


def text_of(letter: EmailMessage) -> str:
    """The words of a letter."""
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


class Week:
    """The studio's machine, its letters, and the browsers of those who lead and come."""

    def __init__(self, machine: Machine, box: Mailbox, open_page: Opener) -> None:
        self.machine, self.box = machine, box
        self._open = open_page
        self._pages: list[Page] = []
        self._looked_at: set[str] = set()

    def _ahead(self) -> str:
        ms = float(self.machine.file.read_text()) * 1000
        return f"window.ahead = Math.max(window.ahead ?? -Infinity, {ms});"

    async def open(self, url: str, *, phone: bool) -> Page:
        """A browser of its own: on a phone or at a desk, in the studio's zone and date."""
        script = self._ahead() + DATE
        page = await self._open(url, phone=phone, script=script, timezone_id=BERLIN.key, once=True)
        self._pages.append(page)
        return page

    async def until(self, moment: datetime) -> None:
        """Set the date forward, on the server and in every browser."""
        await self.machine.set((moment.timestamp() - time.time()) / HOUR)
        for page in self._pages:
            await page.context.add_init_script(self._ahead())
            await page.evaluate(self._ahead())

    async def looked_at(self, page: Page, state: str) -> None:
        """Axe finds nothing serious in a state; looked at once, however many people pass through it."""
        if state not in self._looked_at:
            self._looked_at.add(state)
            assert await findings(page) == [], state

    async def says_yes(self, join: str, name: str) -> Page:
        """By the link that was shared, with an address."""
        page = await self.open(join, phone=True)
        await expect(page.get_by_text("Thursday 31 October, 18:30 CET")).to_be_visible()
        await self.looked_at(page, "join page")
        form = page.locator("#coming")
        await form.get_by_label("Your name, if you like").fill(name)
        await form.get_by_label("Your mail address, if you want to be reminded").fill(
            f"{name.lower()}@example.org"
        )
        await form.get_by_role("button", name=re.compile("^(I come|Put me on the waiting list)$")).click()
        await expect(page.get_by_text("We have written to your address.")).to_be_visible()
        await self.looked_at(page, "place")
        return page

    async def confirms(self, page: Page, name: str) -> None:
        """By the link of the one mail that came."""
        _, letter = await self.box.letter(name, "Please confirm: Evening breath")
        assert "Thursday, 31 October 2030, 18:30 (CET)" in text_of(letter)
        await page.goto(behind(letter, "confirm"))
        await self.looked_at(page, "mailed page")
        await page.get_by_role("button", name="Yes, remind me").click()
        await expect(page.get_by_text("Your address is confirmed.")).to_be_visible()
        await self.looked_at(page, "confirmed")

    async def reminded(self, subject: str, due: datetime, *names: str) -> list[EmailMessage]:
        """The letters of those who come, none before its minute and none after it."""
        letters = []
        for name in names:
            at, letter = await self.box.letter(name, subject)
            assert due <= at < due + timedelta(minutes=1), (name, subject, at)
            letters.append(letter)
        assert len([each for each in self.box.letters if each[2]["Subject"] == subject]) == len(names)
        return letters


async def site_is_there(url: str) -> None:
    """Wait for the publisher's first work, which takes longer than the start of the server."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(30):
        while True:
            async with http.get(f"{url}/") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def studio(folder: Path, open_page: Opener, starts: datetime) -> AsyncIterator[Week]:
    """A studio that sends mail, at a moment."""
    (folder / "data").mkdir()
    (folder / "data" / "studio.toml").write_text(STUDIO)
    box = Mailbox()
    async with mail_server(box):
        hours = (starts.timestamp() - time.time()) / HOUR
        machine = Machine(folder, hours=hours, smtp_url=box.url)
        box.offset = machine.file
        await machine.server.start()
        try:
            await site_is_there(machine.server.url)
            yield Week(machine, box, open_page)
        finally:
            await machine.server.stop()
    assert "Traceback" not in machine.server.log.read_text()


async def set_up(week: Week) -> Page:
    """The teacher, at a desk, sets up four Thursdays with two places."""
    desk = await week.open(f"{week.machine.server.url}/console", phone=False)
    await desk.get_by_label("Key or session link").fill(KEY)
    await desk.get_by_role("button", name="Sign in", exact=True).click()
    await desk.get_by_role("button", name="New session").click()
    await desk.get_by_label("Title").fill("Evening breath")
    await desk.get_by_label("Led by").fill("Mara")
    await desk.get_by_label("Begins at (your local time)").fill("2030-10-24T18:30")
    await desk.get_by_label("How often").select_option("Every week")
    await desk.get_by_label("Until when").select_option("A number of times")
    await type_number(desk.get_by_label("How many times"), "4")
    await desk.get_by_role("button", name="Add a technique").click()
    await desk.get_by_label("Technique", exact=True).fill("Box Breathing")
    await desk.get_by_text("More choices").click()
    await type_number(desk.get_by_label("Places"), "2")
    await week.looked_at(desk, "schedule")
    await desk.get_by_role("button", name="Set it up").click()
    dates = desk.locator("[data-session]")
    await expect(dates).to_have_count(4)
    await expect(dates.nth(0)).to_contain_text("18:30 CEST")
    await expect(dates.nth(1)).to_contain_text("31 October")
    await expect(dates.nth(1)).to_contain_text("18:30 CET")
    await week.looked_at(desk, "series")
    return desk


async def who_comes(week: Week, desk: Page, *lines: str) -> None:
    """What the dialog of the class after the change of clocks says, from the series' screen."""
    await desk.get_by_role("button", name=re.compile("^Who comes on .*31 October")).click()
    dialog = desk.get_by_role("dialog")
    for line in lines:
        await expect(dialog).to_contain_text(line)
    await week.looked_at(desk, "who comes")
    await dialog.get_by_role("button", name="Close").click()


@pytest.mark.timeout(120)
async def test_a_weekly_class_over_the_end_of_summer_time(tmp_path: Path, open_page: Opener) -> None:
    """Two places, three people: one waits, one cancels, the third comes up; reminded to the minute, told of the move."""
    async with studio(tmp_path, open_page, autumn(23, 10)) as week:
        desk = await set_up(week)
        await desk.get_by_role("button", name=re.compile("^Open the room of .*31 October")).click()
        await desk.get_by_role("button", name="Share", exact=True).click()
        join = await desk.get_by_label("Link for everybody who joins").input_value()
        await week.looked_at(desk, "share")
        await desk.get_by_role("dialog").get_by_role("button", name="Close").click()

        anna = await week.says_yes(join, "Anna")
        await expect(anna.get_by_role("heading", name="You come", exact=True)).to_be_visible()
        ben = await week.says_yes(join, "Ben")
        await expect(ben.get_by_role("heading", name="You come", exact=True)).to_be_visible()
        cleo = await week.says_yes(join, "Cleo")
        await expect(cleo.get_by_text("You are number 1.")).to_be_visible()
        await week.looked_at(cleo, "position of who waits")
        for page, name in ((anna, "Anna"), (ben, "Ben"), (cleo, "Cleo")):
            await week.confirms(page, name)

        _, letter = await week.box.letter("Ben", "Please confirm: Evening breath")
        await ben.goto(behind(letter, "leave"))
        await ben.get_by_role("button", name="I do not come after all").click()
        await expect(ben.get_by_role("heading", name="You have cancelled")).to_be_visible()
        await week.looked_at(ben, "cancelled")
        _, letter = await week.box.letter("Cleo", "You have a place: Evening breath")
        await cleo.goto(behind(letter, "leave"))
        await expect(cleo.get_by_text("A place is kept for you")).to_be_visible()
        await week.looked_at(cleo, "page of a place")

        # By the clocks of winter time, which has begun since the two said that they come.
        day_before = autumn(30, 18, 30)
        await week.until(day_before - timedelta(seconds=2))
        await week.reminded("Tomorrow: Evening breath", day_before, "Anna", "Cleo")

        await desk.goto(f"{week.machine.server.url}/console")
        await desk.get_by_role("button", name="Dates and changes").click()
        await who_comes(week, desk, "2 of 2 places taken, 0 waiting", "Anna", "Cleo")
        await desk.get_by_role("button", name=re.compile("^Change .*31 October")).click()
        dialog = desk.get_by_role("dialog")
        await expect(dialog.get_by_label("This one")).to_be_checked()
        await dialog.get_by_label("Begins at (your local time)").fill("2030-10-31T19:00")
        await week.looked_at(desk, "change")
        await dialog.get_by_role("button", name="Save").click()
        moved = desk.locator("[data-session]").filter(has_text="31 October")
        await expect(moved).to_contain_text("19:00 CET")
        for name in ("Anna", "Cleo"):
            _, letter = await week.box.letter(name, "New time: Evening breath")
            assert "Thursday, 31 October 2030, 19:00 (CET)" in text_of(letter)

        # What was due by the old time, at 18:15, would come at once, which is before its minute.
        soon = autumn(31, 18, 45)
        await week.until(soon - timedelta(seconds=2))
        letters = await week.reminded("In 15 minutes: Evening breath", soon, "Anna", "Cleo")
        assert not week.box.of("Ben", "In 15 minutes: Evening breath")

        await week.until(autumn(31, 19))
        for page, name, letter in zip((anna, cleo), ("Anna", "Cleo"), letters, strict=True):
            await page.goto(behind(letter, "join"))
            await expect(page.get_by_label("Your name, if you like")).to_have_value(name)
            await page.get_by_role("button", name="Join").click()
            await expect(page.get_by_text("We begin any moment now.")).to_be_visible()
            await week.looked_at(page, "waiting")
        await moved.get_by_role("button", name=re.compile("^Open the room of .*31 October")).click()
        await expect(desk.get_by_text("2 people are here")).to_be_visible()
        await desk.get_by_role("button", name="Start the session").click()
        await desk.get_by_role("button", name="Next: Box Breathing").click()
        for page in (anna, cleo):
            await expect(page.get_by_role("heading", name="Box Breathing")).to_be_visible(timeout=20_000)
        await week.looked_at(desk, "room")
        await desk.get_by_role("button", name="End the session").click()
        await desk.get_by_label("Yes, we are done").check()
        await desk.get_by_role("button", name="End it for everybody").click()

        for page in (anna, cleo):
            next_one = page.locator(".next-session")
            await expect(next_one).to_contain_text("Thursday 7 November, 18:30 CET")
            calendar = next_one.get_by_role("link", name="Put it into your calendar")
            await expect(calendar).to_have_attribute("href", re.compile("-2030-11-07/event.ics$"))
            await week.looked_at(page, "close")
        await anna.get_by_role("button", name="5: lovely").click()
        figures = desk.get_by_role("region", name="Who came, and how it felt")
        await expect(figures.get_by_text("2 had said so; 2 of them came.")).to_be_visible(timeout=20_000)
        await expect(figures.get_by_text("5 of 5, 1 answer")).to_be_visible(timeout=20_000)
        await figures.get_by_text("By name").click()
        for name in ("Anna", "Cleo"):
            await expect(figures.locator("details li").filter(has_text=name)).to_contain_text("came")
        await expect(figures.locator("details li")).to_have_count(2)
        await expect(desk.locator('[data-draft="email"]')).to_be_visible(timeout=30_000)
        await week.looked_at(desk, "desk")
        async with desk.expect_popup() as opened:
            await desk.get_by_role("link", name="Open the page").click()
        story = await opened.value
        await expect(story.get_by_text("7 November")).to_be_visible()
        await week.looked_at(story, "story")
        await desk.get_by_role("button", name="All sessions").click()
        await desk.get_by_role("button", name="Dates and changes").click()
        await expect(desk.get_by_text("2 came, 2 had said so")).to_be_visible()
        await week.looked_at(desk, "held dates")
        subjects = [(address, str(letter["Subject"])) for address, _, letter in week.box.letters]
        assert len(subjects) == len(set(subjects)), subjects
