"""``python -m bench.actors``: the loop actor beside Pykka's ThreadingActor: tells and asks per second, bytes per actor."""

import argparse
import asyncio
import gc
import threading
import time
from typing import Any

import psutil
import pykka

from engine.runtime.loop_actor import LoopActor

__all__ = ["main"]

_REPEATS = 5


class OnLoop(LoopActor):
    """Counts the messages it gets, on the event loop."""

    handled = [0]  # noqa: RUF012 - one counter for all, kept off the class's own attributes

    def on_receive(self, message: Any) -> Any:
        self.handled[0] += 1
        return message


class OnThread(pykka.ThreadingActor):
    """The same with a thread of its own."""

    use_daemon_thread = True

    def __init__(self, left: list[int], done: threading.Event) -> None:
        super().__init__()
        self._left = left
        self._done = done

    def on_receive(self, message: Any) -> Any:
        self._left[0] -= 1
        if self._left[0] <= 0:
            self._done.set()
        return message


def _memory() -> int:
    gc.collect()
    resident: int = psutil.Process().memory_info().rss
    return resident


async def on_loop(actors: int) -> None:
    """`actors` loop actors, one message each in turn."""
    before = _memory()
    refs = [OnLoop.start() for _ in range(actors)]
    await refs[-1].ask("ready", block=False)
    print(f"loop       {actors:6,} actors, {(_memory() - before) / actors:8,.0f} bytes each")
    best = 0.0
    for _ in range(_REPEATS):
        OnLoop.handled[0] = 0
        began = time.perf_counter()
        for round_number in range(1, 21):
            for ref in refs:
                ref.tell("breathe")
            while OnLoop.handled[0] < round_number * actors:  # noqa: ASYNC110 - an event would be measured too
                await asyncio.sleep(0)
        best = max(best, 20 * actors / (time.perf_counter() - began))
    print(f"loop       {best:12,.0f} tells/s (best of {_REPEATS})")
    began = time.perf_counter()
    for number in range(20_000):
        await refs[number % actors].ask("breathe", block=False)
    print(f"loop       {20_000 / (time.perf_counter() - began):12,.0f} awaited asks/s, one after the other")
    for ref in refs:
        ref.stop(block=False)


def on_threads(actors: int) -> None:
    """`actors` threading actors, one message each in turn."""
    left, done = [0], threading.Event()
    before = _memory()
    refs = [OnThread.start(left, done) for _ in range(actors)]
    print(f"threads    {actors:6,} actors, {(_memory() - before) / actors:8,.0f} bytes each")
    # The counter is shared by threads without a lock: a few losses only end the wait by its timeout.
    left[0] = actors - actors // 100
    began = time.perf_counter()
    for ref in refs:
        ref.tell("breathe")
    done.wait(60)
    print(f"threads    {actors / (time.perf_counter() - began):12,.0f} tells/s")
    for ref in refs:
        ref.stop(block=False)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(prog="python -m bench.actors", description=__doc__)
    parser.add_argument("--actors", type=int, default=5000)
    count = parser.parse_args().actors
    asyncio.run(on_loop(count))
    on_threads(count)


if __name__ == "__main__":
    main()
