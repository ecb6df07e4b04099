"""Standing back: nobody's pacer may stand still because a page is being built."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["BEHIND", "LEAST", "stand_back"]

LEAST: Final = 19
"""For work that nobody waits for."""

BEHIND: Final = 5
"""For work that readers wait for: where the processor is short it has a quarter of it, beside a live server's three."""


def stand_back(niceness: int) -> None:
    """Let others have the processor and the disk first, from here on, for this process and its children.

    The disk's order follows the same number where the system orders at all.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    # Linux weighs whole terminal sessions against each other before it looks at what is in them: a process that
    # leads a session of its own must make that one nice too. In a shell's session it would slow the shell down.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(f"{niceness}\n")
