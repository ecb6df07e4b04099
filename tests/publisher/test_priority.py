"""Building pages has a lower priority than a live session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from publisher.priority import run_idle
from publisher.site import builder
from tests.publisher.samples import snapshot
from tests.publisher.studio_data import Publisher

_TELL = """
import json, os, pathlib, threading
from publisher.priority import BUILD_NICENESS, IDLE_NICENESS, use_idle_scheduling, run_idle, leave_foreground_group, lower_priority
group = pathlib.Path("/proc/self/autogroup")
def nice_of_session():
    # Missing where sessions are not weighed, empty where no ancestor ever began one.
    words = group.read_text().split() if group.exists() else []
    return int(words[-1]) if words else None
before = nice_of_session()
{calls}
print(json.dumps({{
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "idle": os.sched_getscheduler(0) == os.SCHED_IDLE,
    "cores": sorted(os.sched_getaffinity(0)),
    "session": [before, nice_of_session()],
    "own_group": os.getpgrp() == os.getpid(),
    "own_session": os.getsid(0) == os.getpid(),
}}))
"""


def after(*calls: str, **options: Any) -> dict[str, Any]:
    """What a process is like once it has made the calls."""
    done = subprocess.run(
        [sys.executable, "-c", _TELL.format(calls="\n".join(calls))],
        capture_output=True,
        text=True,
        check=True,
        **options,
    )
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


def test_it_stands_behind_everybody_else() -> None:
    """What readers wait for has a share of its own, on whatever core is free."""
    reply = after("lower_priority(BUILD_NICENESS)")
    assert (reply["nice"], reply["idle"], reply["cores"]) == (5, False, sorted(os.sched_getaffinity(0)))


@pytest.mark.parametrize("leads", [True, False])
def test_only_a_session_of_its_own_is_made_nice(*, leads: bool) -> None:
    """A command that somebody types slows nothing else of their terminal down."""
    reply = after("lower_priority(IDLE_NICENESS)", start_new_session=leads)
    before, now = reply["session"]
    assert (reply["nice"], now) == (19, 19 if leads and before is not None else before)


def test_the_terminals_ctrl_c_is_the_parents() -> None:
    """A group of its own, and the parent's session: what stands behind the server must be weighed beside it."""
    reply = after("leave_foreground_group()")
    assert (reply["own_group"], reply["own_session"]) == (True, False)


def test_it_takes_what_nobody_else_wants() -> None:
    """It is of the idle class, and leaves the first core alone where there are more."""
    reply = after("use_idle_scheduling()")
    first, *others = sorted(os.sched_getaffinity(0))
    assert (reply["idle"], reply["cores"]) == (True, others or [first])


def test_what_it_leaves_alone_is_still_known() -> None:
    """Work of a lower priority yet may use every core."""
    reply = after(
        "from publisher.priority import usable_cores",
        "every = sorted(os.sched_getaffinity(0))",
        "run_idle(use_idle_scheduling)",
        "assert usable_cores() == every",
        "use_idle_scheduling()",
        "assert usable_cores() == every",
    )
    assert reply["idle"]


def test_a_single_core_is_shared() -> None:
    """There is nowhere else to go."""
    core = min(os.sched_getaffinity(0))
    reply = after(f"os.sched_setaffinity(0, {{{core}}})", "use_idle_scheduling()")
    assert (reply["idle"], reply["cores"]) == (True, [core])


def test_what_nobody_waits_for_is_done_in_a_thread_that_gives_way() -> None:
    """The rest of the process keeps its share; a thread that is idle-class already needs no other."""
    reply = after(
        "look = lambda: (os.sched_getscheduler(0) == os.SCHED_IDLE, threading.current_thread() is threading.main_thread())",
        "assert run_idle(look) == (True, False)",
        "assert not look()[0]",
        "use_idle_scheduling()",
        "assert run_idle(look) == (True, True)",
    )
    assert reply["idle"]


def test_what_fails_there_fails_here() -> None:
    """An error comes out as it was."""

    def fail() -> None:
        raise OSError(28, "no space left")

    with pytest.raises(OSError, match="no space left"):
        run_idle(fail)


@pytest.mark.parametrize(("few", "gives_way"), [(1000, False), (3, True)])
def test_only_a_large_site_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, gives_way: bool
) -> None:
    """The first story of a studio does not wait for a machine that is busy all the time."""
    threads: set[str] = set()
    monkeypatch.setattr(builder, "_LARGE", few)
    publisher = Publisher(tmp_path / "data", step=lambda _: threads.add(threading.current_thread().name))
    publisher.publish(snapshot())
    publisher.close()
    assert publisher.has("index.html")
    assert {name.startswith("idle") for name in threads} == {gives_way}
