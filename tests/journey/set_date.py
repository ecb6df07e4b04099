"""A server and its publisher on a machine whose date is set by hand, in processes of their own.

``set_date.py FILE serve|publisher …``: FILE holds by how many seconds the date is ahead; the monotonic clock runs on.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def fake_date(offset: Path) -> None:
    """Read the date through the offset, in everything that is imported after this."""
    real_ns, real = time.time_ns, time.time

    def ahead() -> float:
        return float(offset.read_text() or 0)

    time.time_ns = lambda: real_ns() + int(ahead() * 1e9)
    time.time = lambda: real() + ahead()


def main() -> None:
    """Run the command line, with a publisher on the same date."""
    fake_date(Path(sys.argv[1]))
    from engine import app, cli, clock

    file = sys.argv[1]
    real_command = app.publisher_command
    clock._LOOK_EVERY_S = 0.05
    app.publisher_command = lambda settings: (
        sys.executable,
        __file__,
        file,
        *real_command(settings)[3:],
    )
    del sys.argv[1]
    cli.main()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
