"""Every state that a live page can be in, by name, one after the other: for pictures and for accessibility."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from engine.domain.instant import iso
from engine.domain.techniques.lookup import named
from tests.web.conftest import Opener
from tests.web.fake_room import BOX, FakeRoom, now

__all__ = ["AT_REST", "at_rest", "console_states", "participant_states", "trouble_states", "wall_states"]

State = tuple[str, Page]
STRAP = Path(__file__).with_name("fake_strap.js").read_text()
PLAN: list[dict[str, Any]] = [
    {
        "technique": "Box Breathing",
        "duration": 300,
        "instruction": "Four equal sides. Shoulders low.",
        "pattern": BOX,
        "cautions": ["Leave the holds out in pregnancy, or whenever holding feels like a strain."],
        "opt_in": None,
    },
    {
        "technique": "Bhastrika",
        "duration": 60,
        "instruction": "Short and strong.",
        "pattern": [1, 0, 1, 0],
        "cautions": ["Leave this out with high blood pressure, heart disease or in pregnancy."],
        "opt_in": "A",
        "gentle": {"technique": "Equal Breathing", "instruction": "In and out.", "pattern": [4, 0, 4, 0]},
    },
    {"technique": "Coherent Breathing", "duration": 600, "pattern": [5.5, 0, 5.5, 0], "cautions": []},
]
ROUND = named("Wim Hof").as_json()["pattern"]
TROUBLES = (4500, 4501, 4502, 4503, 4504, 4505, 4506, 4507, 4508, 4509)


AT_REST = """Promise.all(
  document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
    .map((one) => one.finished.catch(() => null)),
)"""
"""Waits in a page until what opens and what steps back has done so; the site's circle breathes for ever."""


async def at_rest(page: Page) -> None:
    """Wait until a page is at rest."""
    await page.evaluate(AT_REST)


async def participant_states(room: FakeRoom, open_page: Opener, **look: Any) -> AsyncIterator[State]:
    """Somebody who takes part, from the link to the close."""
    address = f"{await room.start()}/sessions/join/{room.session_id}"
    room.state |= {"plan": PLAN, "listen_url": "https://call.example/morning", "participant_count": 23}
    page = await open_page(address, script=STRAP, **look)
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    yield "join-1-entry", page
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(now() + 3_600_000)})
    await page.get_by_label("Your name, if you like").fill("Ada")
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("This page opens with it")).to_be_visible()
    yield "join-2-not-open-yet", page
    room.refuse = None
    await page.reload()
    await page.get_by_role("button", name="Join").click()
    await expect(page.get_by_text("23 people are here")).to_be_visible()
    yield "join-3-waiting", page
    await room.change("Box Breathing", BOX)
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "inhale")
    yield "join-4-in", page
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "hold", timeout=8_000)
    yield "join-5-hold", page
    await page.get_by_role("button", name="More").click()
    await page.get_by_label("Use my heart rate during this session").check()
    await page.get_by_role("button", name="Connect a strap").click()
    await page.evaluate("window.strap.send('16483e034103')")
    await expect(page.locator(".own-value")).to_contain_text("72")
    yield "join-6-more", page
    await page.get_by_text("Raw beats are gone").scroll_into_view_if_needed()
    yield "join-7-strap", page
    await page.get_by_role("switch", name="Light screen").click()
    await page.get_by_role("button", name="Back to the breath").click()
    yield "join-8-light-screen", page
    await page.evaluate("document.body.dataset.tone = 'dark'")
    await page.get_by_role("button", name="I need to stop").click()
    await expect(page.get_by_text("and nobody else")).to_be_visible()
    yield "join-9-stop", page
    await page.get_by_role("button", name="Come back in").click()
    await room.tell("hrv_milestone", {"improvement": 15})
    await room.tell("session_update", {"resting": True}, update_type="resting")
    await expect(page.get_by_role("heading", name="Rest")).to_be_visible()
    yield "join-10-rest", page
    room.refuse = (1001, "", {})
    await room.close(1001)
    await expect(page.locator("#line")).to_contain_text("Keep breathing")
    yield "join-11-line-lost", page
    room.refuse = None
    await expect(page.locator("#line")).to_be_empty(timeout=20_000)
    room.api[("POST", f"sessions/{room.session_id}/me/feedback")] = lambda _: (200, {})
    await room.tell("session_ending", {"summary_available": True, "duration": 1260})
    await room.close(1000)
    await expect(page.get_by_role("heading", name="You breathed with 22 people")).to_be_visible()
    yield "join-12-close", page
    await page.get_by_role("button", name="4: good").click()
    await expect(page.get_by_label("A few words, if you like")).to_be_visible()
    yield "join-13-feedback", page
    await page.close()
    room.state["phase"] = "live"
    late = await open_page(address, **look)
    await late.get_by_role("button", name="Join").click()
    await expect(late.get_by_role("heading", name="Gentle, or in full?")).to_be_visible()
    yield "join-14-gentle-choice", late
    await late.close()
    calm = await open_page(address, reduced_motion="reduce", **look)
    await calm.get_by_role("button", name="Join").click()
    await calm.get_by_role("button", name="Keep it gentle for me").click()
    await expect(calm.locator(".pacer-bar")).to_be_visible()
    yield "join-15-reduced-motion", calm
    await room.change("Wim Hof", ROUND, duration=600, lead_ms=-22_000)
    await expect(calm.get_by_text(" of 30")).to_be_visible()
    yield "join-16-round-reduced-motion", calm
    await calm.close()
    full = await open_page(address, **look)
    await full.get_by_role("button", name="Join").click()
    await full.get_by_role("button", name="Keep it gentle for me").click()
    await expect(full.get_by_text(" of 30")).to_be_visible()
    yield "join-17-round", full
    await full.close()
    room.state |= {"phase": "ended", "started_at": None}
    never = await open_page(address, **look)
    await expect(never.get_by_role("heading", name="This session did not begin")).to_be_visible()
    yield "join-18-never-begun", never


async def trouble_states(room: FakeRoom, open_page: Opener, **look: Any) -> AsyncIterator[State]:
    """Every refusal that is final, and a wrong link."""
    base = await room.start()
    page = await open_page(f"{base}/sessions/join/{room.session_id}", **look)
    for code in TROUBLES:
        room.refuse = (code, "some_code", {})
        await page.reload()
        await page.get_by_role("button", name="Join").click()
        # The first 4500 means an old secret and is tried anew without it; here there is none.
        await expect(page.get_by_role("link", name="See the coming sessions")).to_be_visible()
        yield f"trouble-{code}", page
    await page.goto(f"{base}/sessions/join/nowhere")
    await expect(page.get_by_role("link", name="See the coming sessions")).to_be_visible()
    yield "trouble-wrong-link", page


async def console_states(room: FakeRoom, open_page: Opener, **look: Any) -> AsyncIterator[State]:
    """An instructor, from the sign-in to the desk."""
    base = await room.start()
    _answers(room, base)
    page = await open_page(f"{base}/console", **look)
    await page.get_by_label("Key or session link").fill("wrong")
    yield "console-1-sign-in", page
    room.api[("GET", "sessions?limit=1")] = lambda _: (401, {"error": "unauthorized", "message": "No."})
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("This key is not known here.")).to_be_visible()
    yield "console-2-wrong-key", page
    room.api[("GET", "sessions?limit=1")] = lambda _: (200, {"sessions": []})
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Morning Calm").first).to_be_visible()
    yield "console-3-sessions", page
    await page.get_by_role("button", name="New session").click()
    await page.get_by_role("button", name="Add a technique").click()
    await page.get_by_label("Technique", exact=True).fill("Box Breathing")
    yield "console-4-schedule", page
    await page.get_by_label("How often").select_option("Every week")
    yield "console-4-schedule-series", page
    await page.get_by_role("button", name="All sessions").click()
    await page.get_by_role("button", name="Dates and changes").click()
    await expect(page.get_by_text("not made yet")).to_be_visible()
    yield "console-4-series", page
    await page.get_by_role("button", name=re.compile("^Change .*3 December")).click()
    await expect(page.get_by_label("This and all that follow")).to_be_visible()
    yield "console-4-change", page
    await page.get_by_role("button", name="Never mind").click()
    await page.get_by_role("button", name="All sessions").click()
    await page.get_by_role("button", name="Share").first.click()
    await expect(page.get_by_alt_text("The join link as a code to scan")).to_be_visible()
    yield "console-5-share", page
    await page.get_by_role("button", name="Close").click()
    room.state |= {"plan": PLAN, "participants": _people()}
    await page.get_by_role("button", name="Open the room").click()
    await expect(page.get_by_role("button", name="Start the session")).to_be_visible()
    yield "console-6-room", page
    await room.tell("session_update", {"phase": "live"}, update_type="session_started")
    await room.change("Box Breathing", BOX, lead_ms=-61_000)
    for minute, improvement in enumerate((1, 3, 2, 6, 9, 8, 12)):
        figures = {
            "hrv_improvement": improvement,
            "coherence": 1 + minute / 5,
            "synchrony": 0.5 + minute / 20,
        }
        await room.whisper("metrics_update", figures)
    await room.whisper("hand_raised", {"client_id": "b", "name": "Ben", "raised": True})
    await room.whisper("need_to_stop", {"client_id": "c", "name": "Cleo"})
    content = {"technique": "Box Breathing", "rating": 4}
    await room.whisper("technique_feedback", content, client_id="a")
    await expect(page.get_by_text("4 of 5, 1 answer")).to_be_visible()
    yield "console-7-live", page
    await page.get_by_role("button", name="Remove Ben").click()
    await page.get_by_role("button", name="End the session").click()
    await page.get_by_label("Yes, we are done").check()
    yield "console-8-end", page
    await page.get_by_role("button", name="Not yet").click()
    await room.tell("session_ending", {"summary_available": True, "duration": 1260})
    await room.close(1000)
    await expect(page.get_by_role("heading", name="LinkedIn")).to_be_visible()
    yield "console-9-desk", page


async def wall_states(room: FakeRoom, open_page: Opener, **look: Any) -> AsyncIterator[State]:
    """A projector, before, during and after."""
    page = await open_page(f"{await room.start()}/wall/{room.session_id}", phone=False, **look)
    await expect(page.get_by_role("heading", name="Morning Calm")).to_be_visible()
    yield "wall-1-before", page
    await room.change("Box Breathing", BOX, lead_ms=-1_000)
    await expect(page.locator(".pacer")).to_have_attribute("data-step", "hold", timeout=8_000)
    yield "wall-2-live", page
    await room.tell("session_ending", {"summary_available": True, "duration": 1260})
    await room.close(1000)
    await expect(page.get_by_role("heading", name="Thank you for breathing together")).to_be_visible()
    yield "wall-3-over", page
    await room.change("Wim Hof", ROUND, duration=600, lead_ms=-22_000)
    await page.reload()
    await expect(page.get_by_text(" of 30")).to_be_visible()
    yield "wall-4-round", page
    room.state |= {"phase": "scheduled", "technique": None, "scheduled_start": iso(now() + 40 * 86_400_000)}
    room.refuse = (4008, "not_open_yet", {"opens_at": iso(now() + 40 * 86_400_000 - 900_000)})
    await page.reload()
    await expect(page.get_by_role("timer")).to_contain_text("days")
    yield "wall-5-weeks-before", page
    room.refuse = (4505, "session_over", {})
    for phase, title in (("cancelled", "This session is cancelled"), ("ended", "This session did not begin")):
        room.state["phase"] = phase
        await page.reload()
        await expect(page.get_by_role("heading", name=title)).to_be_visible()
        yield f"wall-6-{phase}", page
    room.refuse = (4509, "locked", {})
    await page.reload()
    await expect(page.get_by_role("heading", name="The door is closed")).to_be_visible()
    yield "wall-7-door-closed", page


def _people() -> list[dict[str, Any]]:
    names = {"a": "Ada", "b": "Ben", "c": "Cleo", "d": "Quiet Willow"}
    return [
        {"client_id": key, "name": name, "present": True, "vouched": key == "a", "hand": False}
        for key, name in names.items()
    ]


def _answers(room: FakeRoom, base: str) -> None:
    """What the console asks over HTTP."""
    session = {
        "session_id": room.session_id,
        "max_participants": 100,
        "access": "open",
        "techniques": [],
        "series_id": "evening",
        **room.state,
    }
    past = {**session, "session_id": "yesterday", "title": "Evening Calm", "phase": "published"}
    urls = {
        "join": f"http://192.0.2.7:8000/sessions/join/{room.session_id}",
        "wall": f"http://192.0.2.7:8000/wall/{room.session_id}",
        "page": f"http://192.0.2.7:8000/sessions/{room.session_id}/",
    }
    series = {
        **session,
        "series_id": "evening",
        "timezone": "Europe/Berlin",
        "starts": "2026-12-03T18:30",
        "rule": "FREQ=WEEKLY",
        "duration_minutes": 30,
        "status": "active",
        "sessions": [{"session_id": room.session_id, "scheduled_start": "2026-12-03T17:30:00Z"}],
        "occurrences": [
            {
                "session_id": room.session_id,
                "scheduled_start": "2026-12-03T17:30:00Z",
                "made": True,
                "status": "scheduled",
            },
            {
                "session_id": "evening-2027-03-04",
                "scheduled_start": "2027-03-04T17:30:00Z",
                "made": False,
                "status": None,
            },
        ],
        "urls": {
            "page": "http://192.0.2.7:8000/series/evening/",
            "join": "http://192.0.2.7:8000/series/evening/join",
            "calendar": "http://192.0.2.7:8000/series/evening/calendar.ics",
        },
    }
    done = {"state": "done", "attempts": 1, "last_error": None}
    failed = {"state": "failed", "attempts": 5, "last_error": "the disk is full"}
    drafts = [
        {
            "channel": "email",
            "state": "waiting",
            "edited": False,
            "subject": "Session Summary: Morning Calm",
            "text": "Twenty-three people breathed together.",
            "html": "<p>Twenty-three people breathed together.</p>",
            "composer_url": None,
        },
        {
            "channel": "linkedin",
            "state": "approved",
            "edited": True,
            "content": "Twenty-three people breathed together this morning.",
            "composer_url": "https://www.linkedin.com/sharing/share-offsite/?url=x",
            "length": 51,
            "limit": 3000,
        },
        {"channel": "quote-1", "state": "waiting", "content": "Quiet at last", "name": None},
    ]
    ask = room.api
    ask[("GET", "sessions?phase=scheduled,waiting,live,ending&limit=500")] = lambda _: (
        200,
        {"sessions": [session]},
    )
    ask[("GET", "sessions?phase=ended,published,cancelled&limit=500")] = lambda _: (200, {"sessions": [past]})
    ask[("GET", f"sessions/{room.session_id}")] = lambda _: (200, {**session, "urls": urls})
    ask[("GET", "series")] = lambda _: (200, {"series": [series]})
    ask[("GET", "series/evening")] = lambda _: (200, series)
    ask[("GET", f"sessions/{room.session_id}/drafts")] = lambda _: (
        200,
        {"drafts": drafts, "channels": {"web": done, "email": done, "social": done, "analytics": failed}},
    )
