"""Whoever builds pages stands back for whoever breathes."""

from __future__ import annotations

import subprocess
import sys


def test_it_stands_behind_everybody_else() -> None:
    """The process stands behind others, and so does the session that it leads."""
    told = (
        "import os, pathlib; from publisher.politeness import BEHIND, stand_back; stand_back(BEHIND);"
        "group = pathlib.Path('/proc/self/autogroup');"
        "print(os.getpriority(os.PRIO_PROCESS, 0), group.read_text().split()[-1] if group.exists() else 5)"
    )
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, start_new_session=True
    )
    assert done.stdout.split() == ["5", "5"]


def test_a_shells_own_session_is_left_alone() -> None:
    """A command that somebody types slows nothing else of their terminal down."""
    told = (
        "import os, pathlib; from publisher.politeness import LEAST, stand_back;"
        "group = pathlib.Path('/proc/self/autogroup');"
        "before = group.read_text() if group.exists() else ''; stand_back(LEAST);"
        "print(os.getpriority(os.PRIO_PROCESS, 0), before == (group.read_text() if group.exists() else ''))"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["19", "True"]
