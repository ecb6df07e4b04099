"""What a person reads on each of the three pages, and what there is to read when the server says what is so."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["READINGS", "READ_COUNTDOWN", "seconds_of", "what_is_seen"]

# Of the wall, the phone and the console.
READINGS = (
    """() => ({
      wall: document.body.dataset.wall,
      title: document.querySelector(".wall h1")?.textContent,
      count: Number(/\\d+/.exec(document.querySelector(".wall-count")?.textContent ?? "")?.[0] ?? 0),
      line: document.querySelector(".wall")?.dataset.line ?? "",
    })""",
    """() => ({
      screen: document.body.dataset.screen,
      title: document.querySelector("main h1")?.textContent,
      line: document.querySelector("#line")?.textContent,
    })""",
    """() => {
      const people = document.querySelector(".people")?.parentElement.querySelector("h2")?.textContent;
      return {
        screen: document.body.dataset.screen,
        title: document.querySelector(".now-name")?.textContent,
        count: Number(/\\d+/.exec(people ?? "")?.[0] ?? 0),
      };
    }""",
)
READ_COUNTDOWN = (
    "() => [document.querySelector('.wall-time')?.textContent, performance.timeOrigin + performance.now()]"
)


def what_is_seen(reply: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What wall, phone and console show when a welcome says this; the title only once there is a technique."""
    count = reply["participant_count"]
    wall = {"wall": "live" if reply["phase"] == "live" else "before", "count": count, "line": ""}
    phone: dict[str, Any] = {"line": ""}
    console = {"screen": "console-room", "count": count}
    if reply["technique"] is None:
        return wall, phone, console
    title = {"title": "Rest" if reply["resting"] else reply["technique"]["technique"]}
    return wall | title, phone | title | {"screen": "practice"}, console | title


def seconds_of(clock: str) -> int | None:
    """``1:02:03`` in seconds; None when it is no time."""
    if not re.fullmatch(r"\d+(:\d\d)+", clock):
        return None
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return seconds
