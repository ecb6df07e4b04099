"""The event of an actor's end: asked cheaply, waited for by threads."""

import threading

from engine.runtime.lazy_event import LazyEvent
from engine.runtime.loop_actor import LoopActor


def test_it_is_set_and_stays_so() -> None:
    """Not set when new; once it is set, waiting for it returns at once."""
    ended = LazyEvent()
    assert not ended.is_set()
    assert not ended.wait(0)
    ended.set()
    assert ended.is_set()
    assert ended.wait(0)
    ended.clear()
    assert not ended.wait(0)


def test_all_threads_that_wait_are_woken() -> None:
    """Whoever waits before it happens goes on when it does."""
    ended, begun = LazyEvent(), threading.Barrier(5)
    seen: list[bool] = []

    def wait() -> None:
        begun.wait()
        seen.append(ended.wait(30))

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    ended.set()
    for thread in threads:
        thread.join(30)
    assert seen == [True] * 4


async def test_an_actor_and_its_reference_share_it() -> None:
    """A stopped actor is dead for whoever holds its reference, and for whoever waited."""

    class Idle(LoopActor):
        """Does nothing."""

    ref = Idle.start()
    assert ref.is_alive()
    assert isinstance(ref.actor_stopped, LazyEvent)
    await ref.stop(block=False)
    assert not ref.is_alive()
    assert ref.actor_stopped.wait(0)
