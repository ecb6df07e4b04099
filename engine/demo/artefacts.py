"""Checks that everything a published session should leave behind is there, mostly over HTTP as a reader would."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

__all__ = ["Artefact", "approve_a_quote", "find_artefacts", "wait_until_published"]

DRAFTS = (
    "email.eml",
    "email.html",
    "email.txt",
    "twitter.txt",
    "linkedin.txt",
    "facebook.txt",
    "social.json",
    "card.png",
)


@dataclass(frozen=True, slots=True)
class Artefact:
    """One thing that should exist, its place, and whether it was found."""

    what: str
    where: str
    found: bool


async def wait_until_published(
    http: aiohttp.ClientSession,
    url: str,
    session_id: str,
    headers: dict[str, str],
    timeout: float,  # noqa: ASYNC109 — the state at its end is the answer
) -> dict[str, str]:
    """Return the state of each channel, as soon as none is pending or running, or after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        async with http.get(f"{url}/api/v2/publications/{session_id}", headers=headers) as response:
            answer: dict[str, Any] = await response.json() if response.status == 200 else {}
        states = _states(answer)
        if states and not {"pending", "running"} & set(states.values()):
            return states
        if time.monotonic() > deadline:
            return states
        await asyncio.sleep(0.1)


def _states(answer: dict[str, Any]) -> dict[str, str]:
    channels = answer.get("channels", {})
    if isinstance(channels, dict):
        return {name: state["state"] for name, state in channels.items()}
    return {state["channel"]: state["state"] for state in channels}


async def approve_a_quote(
    http: aiohttp.ClientSession,
    url: str,
    session_id: str,
    headers: dict[str, str],
    timeout: float,  # noqa: ASYNC109 — the state at its end is the answer
) -> Artefact:
    """Approve one participant's quote, as the draft desk does, and wait until it is on the page."""
    desk = f"{url}/api/v2/sessions/{session_id}/drafts"
    page = f"{url}/sessions/{session_id}/"
    async with http.get(desk, headers=headers) as response:
        drafts = (await response.json())["drafts"] if response.status == 200 else []
    quote = next((draft for draft in drafts if draft["channel"].startswith("quote-")), None)
    if quote is None:
        return Artefact("quote", page, False)
    async with http.post(f"{desk}/{quote['channel']}/approve", headers=headers) as response:
        approved = response.status < 300
    deadline = time.monotonic() + timeout
    while approved and time.monotonic() < deadline:
        if await _page_has(http, page, quote["content"], headers):
            return Artefact("quote", page, True)
        await asyncio.sleep(0.1)
    return Artefact("quote", page, False)


async def find_artefacts(
    http: aiohttp.ClientSession, url: str, data: Path, session_id: str, title: str, headers: dict[str, str]
) -> list[Artefact]:
    """Every artefact of a published public session, found or not."""
    page = f"/sessions/{session_id}/"
    pages = [
        ("session page", page, title),
        ("home page", "/", page),
        ("feed", "/feed.xml", page),
        ("JSON feed", "/feed.json", page),
        ("calendar", "/calendar.ics", "BEGIN:VCALENDAR"),
        ("sitemap", "/sitemap.xml", "<sitemap"),
        ("analytics row", "/api/v2/analytics/sessions?format=csv", session_id),
    ]
    # Before it is published the server renders a page of its own, so look at the file.
    file = data / "public" / "sessions" / session_id / "index.html"
    found = [Artefact("page file", str(file), _is_not_empty(file))]
    found += [
        Artefact(what, f"{url}{path}", await _page_has(http, f"{url}{path}", text, headers))
        for what, path, text in pages
    ]
    drafts = data / "drafts" / session_id
    found += [Artefact(f"draft {name}", str(drafts / name), _is_not_empty(drafts / name)) for name in DRAFTS]
    return found


async def _page_has(http: aiohttp.ClientSession, url: str, text: str, headers: dict[str, str]) -> bool:
    try:
        async with http.get(url, headers=headers) as response:
            return response.status == 200 and text in await response.text()
    except aiohttp.ClientError:
        return False


def _is_not_empty(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
