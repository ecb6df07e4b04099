"""``python -m tests.stress.cluster --seed 1 --seeds 10 --faults 20``: exit status 0 when nothing was found."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.stress.cluster.plan import make_faults
from tests.stress.cluster.storm import ClusterStorm, Outcome

__all__ = ["main"]


def table(outcome: Outcome) -> str:
    """The figures of a run, a line each."""
    tally, checked = outcome.tally, outcome.checked
    calm: dict[str, list[float]] = defaultdict(list)
    for kind, seconds in outcome.calm_seconds:
        calm[str(kind)].append(seconds)
    lines = [
        f"seed {outcome.seed}: {len(outcome.calm_seconds)} faults in {outcome.seconds:.0f} s",
        f"{tally.messages:,} messages heard, {tally.recovered:,} returns recovered, {tally.started_anew:,} from the state",
        f"sockets ended: {dict(sorted(tally.codes.items()))}; refused on the way: {dict(tally.refusals)}",
        f"{outcome.stories} pages of stories, {outcome.letters} letters, {outcome.uncertain} of which nobody knows",
    ]
    if checked is not None:
        lines.append(
            f"{checked.events:,} events, {checked.logs} logs over {checked.handed:,} messages handed out,"
            f" {checked.acknowledged:,} commands acknowledged, {checked.stories} stories"
        )
    if outcome.faults.counts:
        lines += ["FAULTS", *(f"{times:>6} × {kind}" for kind, times in outcome.faults.counts.most_common())]
        lines += outcome.faults.shown
    else:
        lines.append("no fault found")
    return "\n".join(lines)


def main() -> int:
    """Run the storms one after the other, and print what came of each."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.cluster", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from the first on")
    parser.add_argument("--faults", type=int, default=20, help="how many faults a seed has")
    parser.add_argument("--keep", type=Path, help="a folder for the data and the logs of the servers")
    parser.add_argument("--namespaces", action="store_true", help="a network namespace each; as root")
    asked = parser.parse_args()
    bad = []
    for seed in range(asked.seed, asked.seed + asked.seeds):
        with tempfile.TemporaryDirectory(prefix="cluster-storm-") as folder:
            kept = Path(folder) if asked.keep is None else asked.keep.absolute() / f"seed-{seed}"
            kept.mkdir(parents=True, exist_ok=True)
            faults = make_faults(seed, asked.faults)
            storm = ClusterStorm(seed, faults, kept, namespaces=asked.namespaces)
            outcome = asyncio.run(storm.run())
        sys.stdout.write(table(outcome) + "\n\n")
        sys.stdout.flush()
        if outcome.faults.counts:
            bad.append(seed)
    sys.stdout.write(f"faults found with seeds {bad}\n" if bad else f"{asked.seeds} seeds, no fault found\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
