"""A server and its publisher on a machine whose date is set by hand, in processes of their own.

``-m tests.journey.set_date FILE serve|publisher …``: FILE holds by how many seconds the date is ahead; the monotonic
clock runs on.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

from engine import app, cli, clock


def fake_date(offset: Path) -> None:
    """Let the program read the date through the offset."""
    real_ns, real = time.time_ns, time.time

    def ahead() -> float:
        return float(offset.read_text() or 0)

    time.time_ns = lambda: real_ns() + int(ahead() * 1e9)
    time.time = lambda: real() + ahead()
    # The clock has kept the real date from its import on.
    app.Clock = partial(clock.Clock, wall=time.time_ns)  # type: ignore[assignment, attr-defined]


def main() -> None:
    """Run the command line, with a publisher on the same date."""
    file = sys.argv[1]
    fake_date(Path(file))
    real_command = app.publisher_command
    clock._LOOK_EVERY_S = 0.05
    app.publisher_command = lambda settings: (
        *(sys.executable, "-m", "tests.journey.set_date", file),
        *real_command(settings)[3:],
    )
    del sys.argv[1]
    cli.main()


if __name__ == "__main__":
    main()
