"""A session from the console to the story in WebKit, each step by what a person sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.engines.webkit import webkit
from tests.journey.server import KEY, Server, running_server

pytestmark = pytest.mark.engines


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A real server in a process of its own, on empty data."""
    async with running_server(tmp_path / "data") as running:
        yield running


@pytest.mark.timeout(240)
async def test_a_session_from_the_console_to_its_story(server: Server, tmp_path: Path) -> None:
    """An instructor, a participant and a wall, over the death of the server, to the desk and the page."""
    loop = asyncio.get_running_loop()

    def die() -> None:
        asyncio.run_coroutine_threadsafe(server.kill(), loop).result()

    def come_back() -> None:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()

    await asyncio.to_thread(_walk, server.url, tmp_path / "webkit.log", die, come_back)


def _walk(url: str, log: Path, die: Callable[[], None], come_back: Callable[[], None]) -> None:
    with webkit(log) as open_window:
        console = open_window(1280, 900)
        console.open(f"{url}/console")
        console.fill("Key or session link", KEY)
        console.press("Sign in")
        console.press("New session")
        console.fill("Title", "Evening Calm")
        console.fill("Led by", "Test instructor")
        console.press("Add a technique")
        console.fill("Technique", "Box Breathing")
        console.press("Set it up")
        console.see("Start the session")
        console.press("Share")
        link = console.value("Link for everybody who joins")
        console.press("Close")

        wall = open_window(1280, 800)
        wall.open(link.replace("/sessions/join/", "/wall/"))
        wall.see("Evening Calm")

        ada = open_window(450, 844)
        ada.open(link)
        ada.fill("Your name, if you like", "Ada")
        ada.press("Join")
        ada.see("What to expect")
        console.see("1 person is here")

        console.press("Start the session")
        ada.see("Settle in")
        console.press("Next: Box Breathing")
        for window in (ada, wall):
            window.see("Box Breathing")
        ada.press("More")
        console.switch("Chat")
        ada.fill("Say something to the room", "Good evening")
        ada.press("Send")
        console.see("Ada Good evening")
        console.fill("Answer in the chat", "Welcome, Ada")
        console.press("Send")
        ada.see("Test instructor (leads) Welcome, Ada")
        ada.press("Back to the breath")

        die()
        ada.see("Keep breathing")
        come_back()
        ada.see_no_more("Keep breathing")
        console.see_no_more("reconnecting")
        console.see("1 person is here")
        ada.press("I need to stop")
        ada.see("Test instructor knows, and nobody else.")
        console.see("Ada needed to stop. Only you see this.")
        ada.press("Come back in")
        ada.see("Box Breathing")

        console.press("End the session")
        console.tick("Yes, we are done")
        console.press("End it for everybody")
        wall.see("Thank you for breathing together")
        ada.press("5: lovely")
        ada.fill("A few words, if you like", "Quiet at last")
        ada.press("Send")
        ada.see("You can change this for a day.")
        console.see("Newsletter waits for you", within=60)
        console.fill("Text for X", "One person breathed tonight.")
        console.press("Save", inside="X")
        console.see("X waits for you changed")
        for draft in ("X", "Newsletter"):
            console.press("Approve", inside=draft)
            console.see(f"{draft} approved")

        story = link.replace("/sessions/join/", "/sessions/").split("#")[0] + "/"
        ada.open(story)
        ada.see("Box Breathing")
        ada.open(f"{url}/")
        ada.see("Evening Calm")
        assert [window.complaints for window in (console, wall, ada)] == [[], [], []]
