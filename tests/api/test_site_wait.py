"""Requests for pages that this server still has to build: they wait, and never for long."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from engine.api.http import site_wait
from engine.api.http.site_wait import SiteWait
from engine.storage.database import DatabaseLost


class _Copy:
    """A copy of the site, behind until somebody says otherwise."""

    def __init__(self) -> None:
        self.behind = True
        self.looked: asyncio.Queue[bool] = asyncio.Queue()

    async def is_behind(self) -> bool:
        self.looked.put_nowait(self.behind)
        return self.behind


async def test_a_request_waits_until_the_copy_has_caught_up() -> None:
    """All that are there go on together; one more word of news meanwhile changes nothing."""
    wait, copy = SiteWait(), _Copy()
    await wait.caught_up()
    wait.pages_marked(copy.is_behind)
    wait.pages_marked(copy.is_behind)
    waiting = [asyncio.create_task(wait.caught_up()) for _ in range(2)]
    for _ in range(2):
        assert await copy.looked.get()
    assert not any(each.done() for each in waiting)
    copy.behind = False
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting)


async def test_a_build_that_takes_long_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds, and then nobody waits before it is over, whatever is marked meanwhile; afterwards they do again."""
    assert site_wait.LONGEST_WAIT_S == 2.0
    monkeypatch.setattr(site_wait, "LONGEST_WAIT_S", 0.1)
    monkeypatch.setattr(site_wait, "_LOOK_AT_LONG_BUILD_EVERY_S", 0.01)
    wait, copy = SiteWait(), _Copy()
    wait.pages_marked(copy.is_behind)
    began = time.monotonic()
    await wait.caught_up()
    assert time.monotonic() - began >= 0.09
    wait.pages_marked(copy.is_behind)
    async with asyncio.timeout(0.05):
        await wait.caught_up()
    copy.behind = False
    async with asyncio.timeout(1):
        while await copy.looked.get():
            pass
    copy.behind = True
    wait.pages_marked(copy.is_behind)
    again = asyncio.create_task(wait.caught_up())
    assert await copy.looked.get()
    assert not again.done()
    wait.close()
    await again


async def test_the_first_site_is_awaited_and_no_longer_than_ten_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only where other servers may have it. One that goes later, with its folder, is no first one."""
    assert not SiteWait().awaits_first_site()
    has_site = False
    wait, late = SiteWait(), SiteWait()
    for each in (wait, late):
        each.wait_for_first_site(lambda: has_site, lambda: True)
        assert each.awaits_first_site()
    assert site_wait._READY_WITHOUT_SITE_AFTER_S == 600.0
    monkeypatch.setattr(site_wait, "_READY_WITHOUT_SITE_AFTER_S", 0.0)
    assert not late.awaits_first_site()
    monkeypatch.undo()
    has_site = True
    assert not wait.awaits_first_site()
    has_site = False
    assert not wait.awaits_first_site()


def test_who_is_ready_without_a_site_stays_so() -> None:
    """Servers that begin together have people in their rooms by the time at which the first of them has its site."""
    others_have = False
    wait = SiteWait()
    wait.wait_for_first_site(lambda: False, lambda: others_have)
    assert not wait.awaits_first_site()
    others_have = True
    assert not wait.awaits_first_site()


def test_two_that_ask_at_once_whether_the_first_site_is_there_both_hear_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each asks on a thread of its own, and one of them is told while the other has begun to ask."""
    wait = SiteWait()
    wait.wait_for_first_site(lambda: True, lambda: True)
    heard: list[bool] = []

    def meanwhile() -> float:
        monkeypatch.undo()
        heard.append(wait.awaits_first_site())
        return time.monotonic()

    monkeypatch.setattr(site_wait, "time", SimpleNamespace(monotonic=meanwhile))
    assert not wait.awaits_first_site()
    assert heard == [False]


async def test_nobody_waits_for_a_database_that_is_away() -> None:
    """What is there is served."""

    async def lost() -> bool:
        raise DatabaseLost("away")

    wait = SiteWait()
    wait.pages_marked(lost)
    async with asyncio.timeout(1):
        await wait.caught_up()


async def test_news_during_the_last_look_is_looked_for_once_more() -> None:
    """That look may have asked before the page was marked: it says that the copy is not behind, and is wrong by now."""
    wait, asked, answers = SiteWait(), asyncio.Event(), asyncio.Queue[bool]()

    async def is_behind() -> bool:
        asked.set()
        return await answers.get()

    wait.pages_marked(is_behind)
    await asked.wait()
    wait.pages_marked(is_behind)
    asked.clear()
    answers.put_nowait(False)
    async with asyncio.timeout(1):
        await asked.wait()
    waiting = asyncio.create_task(wait.caught_up())
    answers.put_nowait(True)
    asked.clear()
    async with asyncio.timeout(1):
        await asked.wait()
    assert not waiting.done()
    answers.put_nowait(False)
    async with asyncio.timeout(1):
        await waiting
