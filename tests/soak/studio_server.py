"""``halcytone serve`` on a clock that runs faster, with a window into the process: ``studio_server.py PACE serve …``."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the command line with the clock of the play, and with the probe of the stress test."""
    import engine.app
    from engine.cli import main as halcytone
    from engine.clock import Clock
    from tests.soak.pace import Pace
    from tests.stress import probe

    pace = Pace.read(sys.argv.pop(1))
    clock = Clock(rate=pace.rate, start=pace.now())
    vars(engine.app)["Clock"] = lambda: clock
    engine.app.run = probe._watched
    vars(engine.app)["Directory"] = probe._Known
    halcytone()


if __name__ == "__main__":
    # This file is started by its path, beside which the package is not found.
    sys.path[0] = str(Path(__file__).parents[2])
    main()
