"""What the loop actor promises beside Pykka's own suite, and where it differs from Pykka."""

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import pykka
import pytest
from pykka import ActorDeadError, ActorRegistry
from pykka._envelope import Envelope
from pykka.messages import ProxySetAttr

from engine.runtime.loop_actor import (
    LoopActor,
    LoopClosed,
    LoopFuture,
    MailboxFull,
    NoLoop,
    WouldBlockLoop,
    mailbox_depth,
)
from engine.runtime.scheduler import MESSAGES_PER_TICK

R = TypeVar("R")


class Scribe(LoopActor):
    """Writes down everything that happens to it; what it is told decides what it does."""

    def __init__(self, log: list[Any] | None = None) -> None:
        super().__init__()
        self.log: list[Any] = [] if log is None else log
        self.limit = 3

    def on_start(self) -> None:
        self.log.append("on_start")

    def on_stop(self) -> None:
        self.log.append("on_stop")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.log.append(("on_failure", exception_type))

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message()
        self.log.append(message)
        return f"heard {message}"

    def double(self, number: int) -> int:
        return number * 2

    def misspelled(self) -> None:
        raise KeyError("no such breath")


@pytest.fixture(autouse=True)
async def _stop_all() -> AsyncIterator[None]:
    """Leave no actor of one test to the next."""
    yield
    for stopping in ActorRegistry.stop_all(block=False):
        await stopping


@pytest.fixture
def other_thread_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def in_thread(work: Callable[[], R]) -> R:
    """Run blocking `work` in another thread while the loop goes on."""
    return await asyncio.wait_for(asyncio.to_thread(work), 10)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until `condition` holds."""
    while not condition():  # noqa: ASYNC110 - no event tells of it, and each turn is of no length
        await asyncio.sleep(0)


async def died(ref: "pykka.ActorRef[Any]") -> None:
    """Let the loop turn until `ref` is dead."""
    await until(lambda: not ref.is_alive())


# Telling and asking


async def test_told_messages_are_handled_in_order() -> None:
    """What one sender tells is handled first in, first out, after on_start."""
    log: list[Any] = []
    ref = Scribe.start(log)
    for number in range(500):
        ref.tell(number)
    await ref.ask("last", block=False)
    assert log == ["on_start", *range(500), "last"]


async def test_nothing_runs_inside_tell() -> None:
    """A handler runs in its own turn, never inside the sender's call."""
    ref = Scribe.start()
    actor_log: list[Any] = await ref.proxy().log
    ref.tell("breathe")
    assert actor_log == ["on_start"]
    await ref.ask("on", block=False)
    assert actor_log == ["on_start", "breathe", "on"]


async def test_an_ask_is_awaited_without_blocking_the_loop() -> None:
    """The loop serves others while a task awaits a reply."""
    ref = Scribe.start()
    ticks: list[str] = []
    asyncio.get_running_loop().call_soon(ticks.append, "tick")
    assert await ref.ask("hello", block=False) == "heard hello"
    assert ticks == ["tick"]


async def test_an_exception_reaches_the_asker_and_leaves_the_actor_alive() -> None:
    """An exception that can be returned is returned; the actor goes on."""
    ref = Scribe.start()
    with pytest.raises(ValueError, match="too fast"):
        await ref.ask(ValueError("too fast"), block=False)
    assert await ref.ask("still there", block=False) == "heard still there"


async def test_a_reply_can_be_awaited_many_times_and_by_many() -> None:
    """Every waiter gets the same reply, also one that comes late."""
    ref = Scribe.start()
    reply = ref.ask("all", block=False)

    async def wait() -> Any:
        return await reply

    assert list(await asyncio.gather(wait(), wait(), wait())) == ["heard all"] * 3
    assert await reply == "heard all"
    assert reply.get() == "heard all"


async def test_cancelling_one_waiter_disturbs_neither_actor_nor_other_waiters() -> None:
    """A cancelled task takes only its own wait away."""
    ref = Scribe.start()
    held = LoopFuture[str]()
    reply = ref.ask(lambda: held, block=False)

    async def wait() -> Any:
        return await (await reply)

    given_up, patient = asyncio.create_task(wait()), asyncio.create_task(wait())
    await until(lambda: len(held._waiters) == 2)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    held.set("kept")
    assert await patient == "kept"
    assert await ref.ask("fine", block=False) == "heard fine"


async def test_a_wait_can_time_out_and_be_repeated() -> None:
    """asyncio's own timeouts work on replies, and the reply is not lost by one."""
    reply = LoopFuture[str]()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reply, 0.01)
    reply.set("late")
    assert await asyncio.wait_for(reply, 1) == "late"


async def test_a_reply_awaited_on_two_loops_wakes_both(other_thread_loop: asyncio.AbstractEventLoop) -> None:
    """A waiter is woken on its own loop, whichever thread answers."""
    reply = LoopFuture[str]()

    async def wait() -> str:
        return await reply

    elsewhere = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(wait(), other_thread_loop))
    here = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await in_thread(lambda: reply.set("everywhere"))
    assert list(await asyncio.gather(here, elsewhere)) == ["everywhere", "everywhere"]


# Futures


async def test_derived_futures_can_be_awaited() -> None:
    """map, filter, reduce and join suspend the caller until what they read has come."""
    ref = Scribe.start()
    twos = [ref.proxy().double(number) for number in (1, 2, 3)]
    joined = twos[0].join(*twos[1:])
    assert await joined.map(sum) == 12
    assert await joined.filter(lambda value: value > 2) == [4, 6]
    assert await joined.reduce(lambda left, right: left * right) == 48


async def test_a_get_hook_runs_once_for_many_waiters() -> None:
    """The function of a derived future is called once, however many tasks await it."""
    source = LoopFuture[int]()
    calls: list[int] = []

    def note(value: int) -> int:
        calls.append(value)
        return value + 1

    mapped = source.map(note)

    async def wait() -> int:
        return await mapped

    waiting = [asyncio.create_task(wait()) for _ in range(3)]
    await asyncio.sleep(0)
    source.set(1)
    assert list(await asyncio.gather(*waiting)) == [2, 2, 2]
    assert calls == [1]


async def test_a_hook_that_another_thread_is_computing_is_waited_for() -> None:
    """Two threads and a task want one derived value: it is computed once, and the loop stays free."""
    source = LoopFuture[int]()
    calls: list[int] = []

    def note(value: int) -> int:
        calls.append(value)
        return value

    def impatient() -> None:
        with pytest.raises(pykka.Timeout):
            mapped.get(timeout=0.01)

    mapped = source.map(note)
    blocked = asyncio.create_task(in_thread(lambda: mapped.get(timeout=5)))
    await until(lambda: bool(source._waiters))
    await in_thread(impatient)

    async def wait() -> int:
        return await mapped

    awaiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    source.set(7)
    assert list(await asyncio.gather(blocked, awaiting)) == [7, 7]
    assert calls == [7]


async def test_done_says_whether_get_would_answer() -> None:
    """done() never waits, for plain futures, derived ones, and errors."""
    source, broken = LoopFuture[int](), LoopFuture[int]()
    mapped = source.map(lambda value: 1 // value)
    assert isinstance(mapped, LoopFuture)
    assert [source.done(), mapped.done()] == [False, False]
    source.set(0)
    broken.set_exception((ValueError, None, None))
    assert [source.done(), mapped.done(), broken.done()] == [True, True, True]
    with pytest.raises(ValueError):
        await broken


async def test_a_blocking_get_on_a_loop_thread_is_refused() -> None:
    """Where waiting would stop the loop that must answer, a clear error comes instead of a deadlock."""
    ref = Scribe.start()
    with pytest.raises(WouldBlockLoop, match="await"):
        ref.ask("never waited for")
    with pytest.raises(WouldBlockLoop):
        ref.proxy().double(2).get(timeout=5)
    with pytest.raises(WouldBlockLoop):
        ref.proxy().double(2).map(str).get()
    with pytest.raises(pykka.Timeout):
        ref.ask("polled", block=False).get(timeout=0)


async def test_an_actor_that_blocks_on_another_is_told_so() -> None:
    """A handler that asks blockingly fails at once, and its asker hears why."""
    other, ref = Scribe.start(), Scribe.start()
    with pytest.raises(WouldBlockLoop):
        await ref.ask(lambda: other.ask("deadlock?"), block=False)
    assert await other.ask("no", block=False) == "heard no"


# Proxies


async def test_proxies_are_awaited() -> None:
    """Methods and attributes work through a proxy, and await does not block."""
    proxy = Scribe.start().proxy()
    assert await proxy.double(21) == 42
    assert await proxy.limit == 3
    await proxy.actor_ref.ask(ProxySetAttr(("limit",), 5), block=False)
    assert await proxy.limit == 5
    with pytest.raises(KeyError, match="no such breath"):
        await proxy.misspelled()


async def test_an_assignment_through_a_proxy_waits_and_so_is_for_other_threads() -> None:
    """Pykka's proxies wait for an assignment: other threads may, a loop is told that it cannot."""
    proxy = Scribe.start().proxy()
    with pytest.raises(WouldBlockLoop):
        proxy.limit = 6

    def elsewhere() -> int:
        proxy.limit = 7
        limit: int = proxy.limit.get(timeout=5)
        return limit

    assert await in_thread(elsewhere) == 7


async def test_a_deferred_call_that_fails_stops_the_actor() -> None:
    """A failure that nobody is told of ends the actor by on_failure."""
    log: list[Any] = []
    ref = Scribe.start(log)
    ref.proxy().misspelled.defer()
    await died(ref)
    assert log == ["on_start", ("on_failure", KeyError)]


# Life cycle


async def test_hooks_run_once_and_in_order_when_stopped() -> None:
    """on_start, the messages sent before the stop, on_stop; on_failure not at all."""
    log: list[Any] = []
    ref = Scribe.start(log)
    assert log == []
    ref.tell("one")
    stopping = ref.stop(block=False)
    assert await stopping is True
    assert log == ["on_start", "one", "on_stop"]
    assert await ref.stop(block=False) is False


async def test_a_failed_tell_ends_the_actor_by_on_failure_alone() -> None:
    """An exception nobody asked for: on_failure, dead, out of the registry, no on_stop."""
    log: list[Any] = []
    ref = Scribe.start(log)
    ref.tell(ZeroDivisionError())
    late = ref.ask("late", block=False)
    await died(ref)
    assert log == ["on_start", ("on_failure", ZeroDivisionError)]
    assert ref not in ActorRegistry.get_all()
    with pytest.raises(ActorDeadError):
        await late


async def test_an_actor_that_cannot_start_is_dead() -> None:
    """An exception in on_start, a cancellation included, ends the actor before its first message."""

    class Stillborn(Scribe):
        error: ClassVar[BaseException] = RuntimeError("no strap")

        def on_start(self) -> None:
            raise self.error

    class Cancelled(Stillborn):
        error = asyncio.CancelledError()

    for kind in (Stillborn, Cancelled):
        ref = kind.start()
        waiting = ref.ask("anyone?", block=False)
        with pytest.raises(ActorDeadError):
            await waiting
        assert not ref.is_alive()


async def test_a_stop_overtakes_nothing_and_ends_what_comes_after() -> None:
    """Asks before the stop are answered, asks behind it fail at once, in the same turn."""
    ref = Scribe.start()
    before = ref.ask("before", block=False)
    stopping = ref.stop(block=False)
    again = ref.stop(block=False)
    behind = ref.ask("behind", block=False)
    assert await before == "heard before"
    assert await stopping is True
    assert isinstance(behind, LoopFuture)
    assert behind.done()
    with pytest.raises(ActorDeadError, match="stopped before handling"):
        await behind
    assert await again is True


async def test_an_ask_after_the_stop_fails_at_once() -> None:
    """To the dead: tell raises, ask answers with the same error without waiting."""
    ref = Scribe.start()
    await ref.stop(block=False)
    with pytest.raises(ActorDeadError, match="not found"):
        ref.tell("too late")
    with pytest.raises(ActorDeadError, match="not found"):
        ref.ask("too late", block=False).get(timeout=0)
    with pytest.raises(ActorDeadError):
        ref.proxy()


async def test_an_ask_that_raced_the_stop_is_answered() -> None:
    """A sender that saw the actor alive and came too late is told so (Pykka lets it hang)."""
    ref = Scribe.start()
    await ref.stop(block=False)
    reply = LoopFuture[str]()
    ref.actor_inbox.put(Envelope("raced", reply_to=reply))
    with pytest.raises(ActorDeadError):
        reply.get(timeout=0)
    with pytest.raises(ActorDeadError):
        ref.actor_inbox.put(Envelope("raced"))
    assert mailbox_depth(ref) == 0


async def test_an_actor_can_stop_itself_after_what_waits() -> None:
    """stop() inside a handler lets the messages before it be handled."""
    log: list[Any] = []
    ref = Scribe.start(log)
    actor = ref._actor_weakref()
    assert actor is not None
    ref.tell(actor.stop)
    ref.tell("not any more")
    await died(ref)
    assert log[0] == "on_start"
    assert log[-1] == "on_stop"


async def test_a_stopped_actor_leaves_memory() -> None:
    """Neither the reference nor the line of turns keeps a dead actor."""
    ref = Scribe.start()
    actor = weakref.ref(ref._actor_weakref() or Scribe())
    await ref.stop(block=False)
    await asyncio.sleep(0)
    gc.collect()
    assert actor() is None


# Contained cancellation, and what is not contained


async def test_a_cancelled_error_stops_that_actor_only() -> None:
    """CancelledError out of a handler is the failure of one actor; Pykka would stop them all."""
    log: list[Any] = []
    unhappy, neighbour = Scribe.start(log), Scribe.start()
    unhappy.tell(asyncio.CancelledError())
    await died(unhappy)
    assert log == ["on_start", ("on_failure", asyncio.CancelledError)]
    assert await neighbour.ask("alive", block=False) == "heard alive"


async def test_the_asker_of_a_cancelled_handler_is_told_and_not_cancelled() -> None:
    """Its task goes on with an ActorDeadError that names the cancellation as its cause."""
    ref = Scribe.start()
    with pytest.raises(ActorDeadError, match="CancelledError") as caught:
        await ref.ask(asyncio.CancelledError(), block=False)
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert not ref.is_alive()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancelled_error_in_on_stop_or_on_failure_is_contained() -> None:
    """The actor ends as it would have, and whoever stopped it hears that it is stopped."""

    class Fragile(Scribe):
        def on_stop(self) -> None:
            raise asyncio.CancelledError

        def on_failure(self, *args: Any) -> None:
            raise asyncio.CancelledError

    stopped, failed, neighbour = Fragile.start(), Fragile.start(), Scribe.start()
    assert await stopped.stop(block=False) is True
    failed.tell(ValueError())
    await died(failed)
    assert await neighbour.ask("alive", block=False) == "heard alive"


async def test_another_base_exception_stops_every_actor_as_in_pykka() -> None:
    """What is neither an exception nor a cancellation ends all actors, and its asker is not left waiting."""

    class Catastrophe(BaseException):
        pass

    log: list[Any] = []
    ref, neighbour = Scribe.start(log), Scribe.start()
    with pytest.raises(ActorDeadError, match="Catastrophe"):
        await ref.ask(Catastrophe(), block=False)
    await died(neighbour)
    assert log == ["on_start", "on_stop"]
    assert ActorRegistry.get_all() == []


def test_an_exit_ends_the_loop_too() -> None:
    """SystemExit in a handler stops the actors and leaves the loop, as from any callback; nothing is lost."""
    loop = asyncio.new_event_loop()
    kind = Scribe.bind(loop)
    neighbour, ref = kind.start(), kind.start()
    ref.tell(SystemExit(3))
    with pytest.raises(SystemExit):
        loop.run_forever()
    assert not ref.is_alive()
    loop.run_until_complete(asyncio.wait_for(died(neighbour), 5))
    loop.close()
    assert ActorRegistry.get_all() == []


# The bounded mailbox


async def test_a_full_mailbox_says_so_and_a_stop_always_fits() -> None:
    """The message beyond the capacity is refused to its sender; those accepted are handled."""

    class Small(Scribe):
        mailbox_capacity = 3

    log: list[Any] = []
    ref = Small.start(log)
    for number in range(3):
        ref.tell(number)
    assert mailbox_depth(ref) == 3
    with pytest.raises(MailboxFull, match="3 messages wait") as full:
        ref.tell("too many")
    assert full.value.capacity == 3
    with pytest.raises(MailboxFull):
        ref.ask("too many", block=False)
    with pytest.raises(MailboxFull):
        ref.proxy().double(1)
    assert await ref.stop(block=False) is True
    assert log == ["on_start", 0, 1, 2, "on_stop"]


async def test_a_mailbox_that_was_full_accepts_again() -> None:
    """Room that is made by handling can be used."""

    class Small(Scribe):
        mailbox_capacity = 1

    ref = Small.start()
    ref.tell("first")
    with pytest.raises(MailboxFull):
        ref.tell("second")
    await until(lambda: mailbox_depth(ref) == 0)
    assert await ref.ask("third", block=False) == "heard third"


# Fairness


async def test_a_busy_actor_does_not_starve_its_neighbour() -> None:
    """Actors with messages take slices in turn, in the order in which they became ready."""
    order: list[str] = []
    busy, quiet = Scribe.start(), Scribe.start()
    for _ in range(LoopActor.messages_per_turn + 1):
        busy.tell(lambda: order.append("busy"))
    quiet.tell(lambda: order.append("quiet"))
    await busy.ask("end", block=False)
    assert order == ["busy"] * LoopActor.messages_per_turn + ["quiet", "busy"]


async def test_busy_actors_do_not_starve_the_loop() -> None:
    """Other callbacks run after a bounded number of messages, even if an actor feeds itself forever."""
    ref = Scribe.start()
    handled = 0

    def again() -> None:
        nonlocal handled
        handled += 1
        ref.tell(again)

    ref.tell(again)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < handled <= 2 * MESSAGES_PER_TICK


async def test_one_call_is_scheduled_for_a_burst() -> None:
    """Many messages to many actors cost the loop one callback."""
    loop = asyncio.get_running_loop()
    refs = [Scribe.start() for _ in range(5)]
    for ref in refs:
        await ref.ask("ready", block=False)
    await asyncio.sleep(0)
    scheduled = 0
    call_soon = loop.call_soon

    def counting(*args: Any, **kwargs: Any) -> asyncio.Handle:
        nonlocal scheduled
        scheduled += 1
        return call_soon(*args, **kwargs)

    loop.call_soon = counting  # type: ignore[method-assign, assignment]
    try:
        for ref in refs:
            for number in range(10):
                ref.tell(number)
    finally:
        del loop.call_soon
    assert scheduled == 1
    assert await refs[-1].ask("done", block=False) == "heard done"


async def test_a_handler_does_not_see_the_senders_context() -> None:
    """Context variables of whoever sent first (a request's id in the log) do not leak into actors."""
    request = contextvars.ContextVar[str]("request", default="none")
    ref = Scribe.start()
    request.set("abc")
    assert await ref.ask(request.get, block=False) == "none"


# Other threads


async def test_any_thread_may_tell_ask_and_use_proxies() -> None:
    """Other threads tell, ask blockingly, call proxies, time out, and stop."""
    ref = Scribe.start()

    def elsewhere() -> list[Any]:
        ref.tell("told")
        answers = [ref.ask("asked"), ref.proxy().double(4).get(timeout=5)]
        with pytest.raises(ValueError):
            ref.ask(ValueError())
        with pytest.raises(pykka.Timeout):
            LoopFuture[int]().get(timeout=0.01)
        return [*answers, ref.stop(timeout=5), ref.is_alive()]

    assert await in_thread(elsewhere) == ["heard asked", 8, True, False]


async def test_many_threads_lose_nothing_and_keep_their_order() -> None:
    """Each thread's messages arrive completely and in its order."""
    log: list[Any] = []
    ref = Scribe.start(log)
    together = threading.Barrier(4)

    def send(sender: int) -> None:
        together.wait()
        for number in range(1000):
            ref.tell([sender, number])

    await asyncio.gather(*(in_thread(partial(send, sender)) for sender in range(4)))
    await ref.ask("end", block=False)
    for sender in range(4):
        assert [entry[1] for entry in log[1:-1] if entry[0] == sender] == list(range(1000))


async def test_stops_racing_asks_leave_nobody_waiting() -> None:
    """Threads that ask while the actor stops all get an answer or an ActorDeadError."""

    def ask_until_dead(ref: "pykka.ActorRef[Scribe]", together: threading.Barrier) -> bool:
        together.wait()
        try:
            while True:
                ref.ask("still?", timeout=5)
        except ActorDeadError:
            return True

    def stop(ref: "pykka.ActorRef[Scribe]", together: threading.Barrier) -> bool:
        together.wait()
        return ref.stop(block=True, timeout=5)

    for _ in range(30):
        ref, together = Scribe.start(), threading.Barrier(3)
        works = (ask_until_dead, ask_until_dead, stop)
        assert all(await asyncio.gather(*(in_thread(partial(work, ref, together)) for work in works)))


def test_a_bound_class_is_started_from_any_thread(other_thread_loop: asyncio.AbstractEventLoop) -> None:
    """bind(loop) says where actors live when no loop runs here; they run in that loop's thread."""
    kind = Scribe.bind(other_thread_loop)
    ref = kind.start()
    assert ref.ask(threading.get_ident) != threading.get_ident()
    assert kind.__name__ == "Scribe"
    assert ActorRegistry.get_by_class(Scribe) == [ref]
    assert ActorRegistry.get_by_class_name("Scribe") == [ref]
    assert ActorRegistry.get_by_urn(ref.actor_urn) is ref
    assert ref.stop() is True
    assert ActorRegistry.get_all() == []


async def test_the_registry_broadcasts_to_loop_actors() -> None:
    """Broadcast and stop_all reach every actor, the last started first."""
    log: list[Any] = []

    class Named(Scribe):
        def on_stop(self) -> None:
            self.log.append(self.actor_urn)

    refs = [Named.start(log) for _ in range(3)]
    ActorRegistry.broadcast("hello", target_class=Named)
    await until(lambda: log.count("hello") == 3)
    assert [await stopping for stopping in ActorRegistry.stop_all(block=False)] == [True] * 3
    assert log[-3:] == [ref.actor_urn for ref in reversed(refs)]


# Loops that are absent or closed


def test_without_a_loop_there_is_a_clear_error() -> None:
    """No loop runs and none is bound: nothing is started or registered."""
    with pytest.raises(NoLoop, match=r"Scribe\.bind\(loop\)\.start\(\)"):
        Scribe.start()
    assert ActorRegistry.get_all() == []


def test_a_closed_loop_is_told_to_its_senders() -> None:
    """After the loop is closed: tell raises, ask fails at once, stop says that it is over; the actor is dead."""
    loop = asyncio.new_event_loop()
    kind = Scribe.bind(loop)
    received, asked, stopped, idle = (kind.start() for _ in range(4))
    waiting = asked.ask("never handled", block=False)
    loop.close()
    with pytest.raises(LoopClosed, match="event loop"):
        received.tell("anyone?")
    assert not received.is_alive()
    with pytest.raises(LoopClosed):
        asked.ask("anyone?")
    with pytest.raises(ActorDeadError):
        waiting.get()
    assert stopped.stop() is False
    assert idle.stop() is False
    with pytest.raises(LoopClosed):
        kind.start()
    assert ActorRegistry.get_all() == []


def test_a_thread_that_waits_hears_that_the_loop_was_closed(
    other_thread_loop: asyncio.AbstractEventLoop,
) -> None:
    """A blocked asker gets an error soon after the loop is closed with its message unhandled."""
    begun, blocker = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        blocker.wait()

    other_thread_loop.call_soon_threadsafe(block)
    # In a round of the loop's own: what is cleared below must not be among what this round counted before.
    assert begun.wait(10)
    reply = Scribe.bind(other_thread_loop).start().ask("unheard", block=False)
    other_thread_loop.call_soon_threadsafe(other_thread_loop.stop)
    # Stop before the actor's turn is taken, as when a process goes down.
    other_thread_loop._ready.clear()  # type: ignore[attr-defined]
    other_thread_loop.call_soon_threadsafe(other_thread_loop.stop)
    blocker.set()
    while other_thread_loop.is_running():
        threading.Event().wait(0.001)
    other_thread_loop.close()
    with pytest.raises(ActorDeadError, match="closed"):
        reply.get(timeout=10)
    assert ActorRegistry.stop_all() == [False]


# The hooks of the pinned Pykka


def test_pykka_still_has_the_hooks_that_the_loop_actor_fills() -> None:
    """The hooks carry an underscore: this fails first when an upgrade changes them."""
    assert pykka.Actor.__abstractmethods__ == {
        "_create_actor_inbox",
        "_create_future",
        "_start_actor_loop",
    }
    for name in ("_actor_loop_setup", "_handle_receive", "_handle_failure", "_stop"):
        assert callable(getattr(pykka.Actor, name))
    assert Envelope.__slots__ == ["message", "reply_to"]
    for message in (pykka.messages.ProxyCall, pykka.messages.ProxyGetAttr, pykka.messages.ProxySetAttr):
        assert issubclass(message, tuple)
    assert issubclass(pykka.messages._ActorStop, tuple)
    assert {"_get_hook", "_get_hook_result"} <= vars(pykka.Future[Any]()).keys()
