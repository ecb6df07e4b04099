"""``python -m bench.heart``: heart-rate telemetry on one core, from straps that send one interval a second each.

Measured in CPU time, so that other load does not count: appending every message, and every
five seconds the figures of each room and of each person in it, as in a live session with a pacer. One minute is
played before the measurement begins, so that all windows are full.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from typing import Any

import numpy as np

from engine.domain.heart.group import GroupHeart

__all__ = ["measure_hearts"]

TICK_S = 5
PACER_HZ = 0.1


def measure_hearts(
    straps: int = 10_000, room: int = 25, seconds: int = 15, lead_in: int = 190
) -> dict[str, Any]:
    """Return messages a second that one core carries, and where the time goes.

    ``straps`` in rooms of ``room`` send a message a second for ``seconds``, after ``lead_in`` seconds that fill
    the windows and end the baselines.
    """
    rng = np.random.default_rng(1)
    rooms = [GroupHeart() for _ in range(straps // room)]
    people = [f"p{i}" for i in range(room)]
    for heart in rooms:
        for who in people:
            heart.set_consent(who, heart_rate=True, group=True)
            heart.vouch(who, True)
    beats = (
        (1000 + 40 * np.sin(np.arange(512) * 2 * np.pi * PACER_HZ) + 15 * rng.normal(size=512))
        .round(1)
        .tolist()
    )
    spent = {"append": 0.0, "rooms": 0.0, "people": 0.0}
    messages = 0
    start = 1_790_000_000_000
    for second in range(lead_in + seconds):
        at = start + 1000 * second
        measured = second >= lead_in
        began = time.process_time()
        for i, heart in enumerate(rooms):
            for j, who in enumerate(people):
                heart.beats(who, (beats[(7 * i + 3 * j + second) % 512],), at, True)
        if measured:
            spent["append"] += time.process_time() - began
            messages += len(rooms) * room
        # Before the measurement a tick in twelve keeps the rooms going.
        if second % (TICK_S if measured else 12 * TICK_S) == 0:
            began = time.process_time()
            for heart in rooms:
                heart.figures(
                    at, participants=room, pacer_hz=PACER_HZ, completion_rate=1.0, engagement_rate=1.0
                )
                heart.reached(at)
            between = time.process_time()
            for heart in rooms:
                for who in people:
                    heart.own(who, at)
            if measured:
                spent["rooms"] += between - began
                spent["people"] += time.process_time() - between
    total = sum(spent.values())
    return {
        "straps": len(rooms) * room,
        "messages": messages,
        "messages_per_core_second": round(messages / total),
        "share_of_a_core_at_10000_per_second": round(10_000 * total / messages, 3),
        "microseconds_per_message": {name: round(1e6 * used / messages, 1) for name, used in spent.items()},
    }


def bytes_per_strap(straps: int = 200, seconds: int = 400) -> int:
    """Return the memory that a strap takes once its windows are full."""
    tracemalloc.start()
    heart = GroupHeart()
    people = [f"p{i}" for i in range(straps)]
    for who in people:
        heart.set_consent(who, heart_rate=True, group=True)
        heart.vouch(who, True)
    before = tracemalloc.get_traced_memory()[0]
    for second in range(seconds):
        for who in people:
            heart.beats(who, (700.0 + second % 40,), 1_790_000_000_000 + 720 * second, True)
        if second % 7 == 0:
            heart.figures(
                1_790_000_000_000 + 720 * second,
                participants=straps,
                pacer_hz=PACER_HZ,
                completion_rate=None,
                engagement_rate=None,
            )
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return round(used / straps)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--straps", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=15)
    chosen = parser.parse_args()
    for name, value in measure_hearts(chosen.straps, seconds=chosen.seconds).items():
        print(f"{name}: {value}")
    print(f"bytes_per_strap: {bytes_per_strap()}")


if __name__ == "__main__":
    main()
