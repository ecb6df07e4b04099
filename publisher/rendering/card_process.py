"""A process that draws cards: ``python -m publisher.rendering.card_process 0,1`` runs on those cores until its input ends.

It reads the texts of a card as one line of JSON, and writes the length of the PNG (four bytes, big-endian) and the PNG;
the length is 0 for a card that cannot be drawn.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import traceback
from contextlib import suppress

from publisher.priority import IDLE_NICENESS, leave_foreground_group, lower_priority
from publisher.rendering.card_drawing import CardTexts, draw

__all__ = ["LENGTH", "main"]

LENGTH = struct.Struct(">I")


def main(cores: set[int]) -> None:
    """Draw what is asked for, at the lowest priority there is, on any of the cores."""
    leave_foreground_group()
    lower_priority(IDLE_NICENESS)
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setaffinity(0, cores)
        with suppress(OSError):
            # Preempted at once by whoever wakes up, where a process that is only nice would end its turn.
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    for line in sys.stdin.buffer:
        try:
            png = draw(CardTexts(**json.loads(line)))
        except Exception:  # noqa: BLE001
            # Whatever is wrong with it, the next card can be drawn.
            traceback.print_exc()
            png = b""
        sys.stdout.buffer.write(LENGTH.pack(len(png)) + png)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):
        main({int(core) for core in sys.argv[1].split(",")})
