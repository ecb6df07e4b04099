"""Standing back: nobody's pacer may stand still because a page is being built."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["stand_back"]

_LEAST = 19


def stand_back() -> None:
    """Let everybody else have the processor and the disk first, from here on, for this process and its children.

    The disk's order follows the same number where the system orders at all.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _LEAST)
    # Linux weighs whole terminal sessions against each other before it looks at what is in them: a process that
    # leads a session of its own must make that one nice too. In a shell's session it would slow the shell down.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(f"{_LEAST}\n")
