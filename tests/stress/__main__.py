"""``python -m tests.stress --seed N --seconds 60``: exit status 0 when nothing was found."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import quantiles

from tests.stress.plan import make_plan
from tests.stress.storm import BLOCKS_LEFT, MEGABYTES_LEFT, Outcome, Storm

__all__ = ["main", "table"]


def table(outcome: Outcome) -> str:
    """The figures of a run, a line each."""
    tally, checked, faults = outcome.tally, outcome.checked, outcome.faults
    rows: list[tuple[str, object]] = [
        ("seed", outcome.plan.seed),
        ("sessions, people", f"{len(outcome.plan.rooms)}, {sum(room.people for room in outcome.plan.rooms)}"),
        ("steps", sum(len(act.steps) for act in outcome.plan.acts)),
        ("messages heard", f"{tally.messages:,}"),
        ("returns", f"{tally.recovered:,} recovered, {tally.started_anew:,} from the state"),
        ("a return takes", _spread(tally.return_seconds)),
        ("connections ended", _counts(tally.codes)),
        ("refused on the way", _counts(tally.refusals)),
        ("errors told", _counts(tally.errors)),
        ("actors failed", outcome.failed_actors),
        ("ready after a start", ", ".join(f"{seconds:.2f} s" for seconds in outcome.ready_seconds)),
        (
            "drain",
            f"{outcome.drain_seconds:.2f} s, exit {outcome.exit_status}, {_counts(outcome.drain_codes)}",
        ),
    ]
    if checked is not None:
        rows += [
            ("journal", f"{checked.events:,} events, {checked.numbered:,} numbered"),
            ("client logs", f"{checked.logs} agree over {checked.handed:,} numbered messages handed out"),
            ("acknowledged", f"{checked.acknowledged:,} commands, each in the journal once"),
            ("folds compared", f"{checked.states} stored states, {checked.stories} stories"),
        ]
    if len(outcome.looks) == 2:
        before, after = outcome.looks
        grown = (after["rss"] - before["rss"]) / 2**20
        more = after["blocks"] - before["blocks"]
        rows += [
            ("file descriptors", f"{before['descriptors']} before, {after['descriptors']} after (exactly)"),
            (
                "tasks",
                f"{sum(before['tasks'].values())} before, {sum(after['tasks'].values())} after (exactly)",
            ),
            ("blocks", f"{after['blocks']:,}, grown {more:+,} (at most {BLOCKS_LEFT:+,})"),
            ("memory", f"{after['rss'] / 2**20:.1f} MiB, grown {grown:+.1f} (at most {MEGABYTES_LEFT:+.1f})"),
        ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    if faults.counts:
        lines += ["", "FAULTS", *(f"{times:>6} × {kind}" for kind, times in faults.counts.most_common())]
        lines += ["", *faults.shown]
    else:
        lines += ["", "no fault found"]
    return "\n".join(lines)


def _counts(counter: object) -> str:
    assert isinstance(counter, dict)
    return ", ".join(f"{key} × {value:,}" for key, value in sorted(counter.items(), key=str)) or "none"


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "-"
    cuts = quantiles(seconds, n=100)
    return f"median {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, longest {max(seconds):.2f} s"


def main() -> int:
    """Run one storm and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--keep", type=Path, help="a folder for the data and the server's log")
    asked = parser.parse_args()
    plan = make_plan(asked.seed, asked.seconds)
    with tempfile.TemporaryDirectory(prefix="storm-") as folder:
        outcome = asyncio.run(Storm(plan, asked.keep or Path(folder)).run())
    sys.stdout.write(table(outcome) + "\n")
    return 1 if outcome.faults.counts else 0


if __name__ == "__main__":
    sys.exit(main())
