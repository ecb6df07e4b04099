"""Asks the publisher of a running server for one rebuild after the other, until its input ends: ``DATA [anew]``.

Prints ``began``, then the seconds of each. ``anew``: the studio has another name before each, so that no page and no
card may stay as it is.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from engine.storage.opening import database_of
from publisher import commands
from publisher.priority import IDLE_NICENESS, lower_priority, use_idle_scheduling


def main(data: Path, *, anew: bool) -> None:
    """Rebuild until the input ends; the rebuild that goes on then is waited for."""
    lower_priority(IDLE_NICENESS)
    use_idle_scheduling()
    over = threading.Event()

    def await_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=await_end, daemon=True).start()
    print("began", flush=True)
    while not over.is_set():
        began = time.monotonic()
        if anew:
            (data / "studio.toml").write_text(f'name = "Studio {time.time_ns()}"\n', encoding="utf-8")
        commands.rebuild(data, database_of(data), None, lambda _done, _all: None)
        print(time.monotonic() - began, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), anew=sys.argv[2:] == ["anew"])
