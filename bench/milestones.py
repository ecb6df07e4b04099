"""``python -m bench.milestones``: how often milestones and achievements fire by chance, in sessions where nothing changes.

Everybody breathes as they like for ten minutes, at a rate and depth of their own that stays the same, while a pacer
runs at six breaths a minute that nobody follows. Whatever fires, fires falsely. Hearts are synthetic ones of every
kind, or stretches of the shipped recordings taken at rest. Seeds are fixed, so the table is the same each time.

    python -m bench.milestones --sessions 400
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from engine.domain.heart.group import GroupHeart
from engine.domain.heart.marks import MARKS
from tests.heart.series import random_heart, synthetic

__all__ = ["chance_table", "fired_by_chance"]

START = 1_790_000_000_000
SESSION_S = 600
PACER_HZ = 0.1
AT_REST = ("pyhrv_SampleNNISeriesLong.txt", "hrv_rest_rri_supine15min.txt")

Source = Callable[[np.random.Generator], NDArray[np.float64]]


def synthetic_heart(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return ten minutes (ms) of one synthetic heart that breathes at a rate and depth of its own."""
    return synthetic(random_heart(rng), SESSION_S + 5, rng, phase=float(rng.uniform(0, 2 * np.pi)))


def recorded_heart() -> Source:
    """Return a source of ten-minute stretches (ms) from recordings at rest, the long one more often."""
    recordings = [
        np.array([float(line) for line in files("engine.recordings").joinpath(name).read_text().split()])
        for name in AT_REST
    ]
    lengths = np.array([float(rr.sum()) / 1000 - SESSION_S - 5 for rr in recordings])

    def stretch(rng: np.random.Generator) -> NDArray[np.float64]:
        rr = recordings[int(rng.choice(len(recordings), p=lengths / lengths.sum()))]
        t = np.cumsum(rr) / 1000
        first = int(np.searchsorted(t, rng.uniform(0, t[-1] - SESSION_S - 5)))
        last = int(np.searchsorted(t, t[first] + SESSION_S + 5))
        return rr[first:last]

    return stretch


def fired_by_chance(source: Source, people: int, rng: np.random.Generator) -> list[str]:
    """Play one session in which nothing changes; return the keys of the marks that fired all the same."""
    heart = GroupHeart()
    streams = []
    for i in range(people):
        who = f"p{i}"
        heart.set_consent(who, heart_rate=True, group=True)
        heart.vouch(who, True)
        rr = source(rng)
        streams.append((who, rr, np.cumsum(rr) + float(rng.uniform(0, 900)), [0]))
    fired: list[str] = []
    for second in range(5, SESSION_S + 1, 5):
        at = START + 1000 * second
        for who, rr, t, position in streams:
            until = int(np.searchsorted(t, 1000 * second))
            for i in range(position[0], until):
                heart.beats(who, (float(rr[i]),), START + int(t[i]))
            position[0] = until
        heart.figures(at, participants=people, pacer_hz=PACER_HZ, completion_rate=None, engagement_rate=None)
        fired += [reached.key for reached in heart.reached(at)]
    return fired


def chance_table(source: Source, people: int, sessions: int) -> dict[str, float]:
    """Return for each mark the share of sessions in which it fired by chance."""
    counts: Counter[str] = Counter()
    for session in range(sessions):
        counts.update(fired_by_chance(source, people, np.random.default_rng((people, session))))
    return {mark.key: counts[mark.key] / sessions for mark in MARKS if mark.kind != "completion"}


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=400)
    parser.add_argument("--people", type=int, nargs="*", default=[5, 10, 25])
    chosen = parser.parse_args()
    keys = [mark.key for mark in MARKS if mark.kind != "completion"]
    print(f"| hearts | people | {' | '.join(keys)} |")
    print(f"|---|---|{'---|' * len(keys)}")
    for name, source in (("synthetic", synthetic_heart), ("recorded", recorded_heart())):
        for people in chosen.people:
            shares = chance_table(source, people, chosen.sessions)
            print(
                f"| {name} | {people} | {' | '.join(f'{100 * shares[key]:.1f} %' for key in keys)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
