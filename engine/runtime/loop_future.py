"""A Pykka future that any thread may block on, and any coroutine may await.

Pykka's own ``await`` calls a blocking ``get()``. Here a coroutine suspends instead, and a ``get()``
that would have to wait on a thread that is running an event loop is refused: there it would stop
every actor, and the one that should answer among them.

Invariants: an outcome is set once and never changes; a waiter is woken at least once after that;
one waiter that gives up (a timeout, a cancelled task) does not disturb the others.
"""

import asyncio
import queue
import sys
import threading
import time
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, NamedTuple, TypeVar, final

import pykka

__all__ = ["LoopFuture", "WouldBlockLoop"]

T = TypeVar("T")

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

LOOP_CHECK_S = 1.0
"""How often a blocked thread looks whether the loop that should answer was closed, in seconds."""


class WouldBlockLoop(RuntimeError):
    """A blocking ``get()`` on a thread that runs an event loop. Await the future instead."""


class _Pending(pykka.Timeout):
    """What was polled is not there yet; ``future`` says what to wait for before polling again."""

    def __init__(self, future: "LoopFuture[Any]") -> None:
        super().__init__("not there yet")
        self.future = future


@final
class _Poll(float):
    """A timeout of zero that asks for ``_Pending``. Get hooks pass it on to what they wait for."""


_POLL = _Poll(0.0)


class _Outcome(NamedTuple):
    value: Any
    exc_info: ExcInfo | None


def _never() -> bool:
    return False


class LoopFuture(pykka.Future[T]):
    """The reply of a loop actor, or a value derived from one (``map``, ``join``, ``ActorRef.stop``).

    No lock guards an outcome: each step below is one atomic operation on a dict or a list, in an
    order that leaves no gap (the outcome first, then the waiters; a waiter first, then the outcome).
    A get hook of a derived future runs once; while it is awaited it may be started several times,
    until everything it reads has come.
    """

    _outcome: _Outcome | None = None
    _hook_lock: threading.Lock

    def __init__(self) -> None:
        super().__init__()
        self._waiters: list[Callable[[], None]] = []
        self.loop_is_closed: Callable[[], bool] = _never
        """Whether the loop that should answer is closed; the mailbox sets it."""

    def done(self) -> bool:
        """Whether ``get()`` has its answer without waiting."""
        if self._get_hook is None:
            return self._outcome is not None
        try:
            self.get(timeout=_POLL)
        except pykka.Timeout:
            return False
        except Exception:  # noqa: BLE001 - an error is an answer too, and get() raises it again
            return True
        return True

    def get(self, *, timeout: float | None = None) -> Any:
        """The value, or the exception raised.

        Raises:
            pykka.Timeout: nothing came within `timeout` seconds (0 never waits).
            WouldBlockLoop: it would have to wait, and this thread runs an event loop.
            pykka.ActorDeadError: the loop that should have answered was closed.
        """
        if self._get_hook is not None:
            return self._get_from_hook(timeout)
        outcome = self._outcome
        if outcome is None:
            self._wait(timeout)
            outcome = self._outcome
            assert outcome is not None
        if outcome.exc_info is None:
            return outcome.value
        exc_type, exc_value, traceback = outcome.exc_info
        if exc_value is None:
            assert exc_type is not None
            exc_value = exc_type()
        raise exc_value.with_traceback(traceback)

    def set(self, value: T | None = None) -> None:
        """Answer with `value`.

        Raises:
            queue.Full: there is an answer already, or a get hook.
        """
        self._settle(_Outcome(value, None))

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Answer with an exception, the one being handled unless `exc_info` is given.

        Raises:
            queue.Full: there is an answer already, or a get hook.
        """
        self._settle(_Outcome(None, sys.exc_info() if exc_info is None else exc_info))

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Compute the value by `func(timeout)`, when it is first wanted.

        Raises:
            queue.Full: there is an answer already.
        """
        if self._outcome is not None:
            raise queue.Full
        self._hook_lock = threading.Lock()
        super().set_get_hook(func)

    def __await__(self) -> Generator[Any, None, T]:
        if self._get_hook is None:
            if self._outcome is None:
                yield from self._suspend()
            value: T = self.get(timeout=0)
            return value
        while True:
            try:
                return self._get_from_hook(_POLL)
            except _Pending as pending:
                unfinished = pending.future
            yield from unfinished._suspend()

    __iter__ = __await__

    def _settle(self, outcome: _Outcome) -> None:
        # setdefault is atomic: of two setters one wins, and the other hears of it.
        if self._get_hook is not None or self.__dict__.setdefault("_outcome", outcome) is not outcome:
            raise queue.Full
        self._wake_all()

    def _wake_all(self) -> None:
        waiters = self._waiters
        while waiters:
            try:
                wake = waiters.pop(0)
            except IndexError:  # The last waiter gave up in another thread.
                return
            wake()

    def _get_from_hook(self, timeout: float | None) -> T:
        """The hook's value. One thread computes it, a second one waits for the first."""
        polling = timeout is not None and timeout <= 0
        if polling or asyncio._get_running_loop() is not None:
            acquired = self._hook_lock.acquire(blocking=False)
        else:
            acquired = self._hook_lock.acquire(timeout=-1 if timeout is None else timeout)
        if not acquired:
            raise self._not_yet(timeout)
        try:
            return super().get(timeout=timeout)
        finally:
            self._hook_lock.release()
            self._wake_all()

    def _not_yet(self, timeout: float | None) -> Exception:
        """What to raise where there is no answer and no more waiting."""
        if isinstance(timeout, _Poll):
            return _Pending(self)
        if asyncio._get_running_loop() is not None and (timeout is None or timeout > 0):
            return WouldBlockLoop(
                "get() would block this thread's event loop, and the actor that should answer with it: "
                "await the future instead, or ask with block=False and await that (what was sent stays sent)"
            )
        return pykka.Timeout(f"{timeout} seconds")

    def _wait(self, timeout: float | None) -> None:
        """Block this thread until there is an outcome."""
        if (timeout is not None and timeout <= 0) or asyncio._get_running_loop() is not None:
            raise self._not_yet(timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        settled = threading.Event()
        self._waiters.append(settled.set)
        try:
            while self._outcome is None:
                remaining = LOOP_CHECK_S if deadline is None else deadline - time.monotonic()
                if remaining <= 0:
                    raise self._not_yet(timeout)
                # A closed loop wakes nobody, so whoever waits has to look.
                settled.wait(min(remaining, LOOP_CHECK_S))
                if self.loop_is_closed() and self._outcome is None:
                    raise pykka.ActorDeadError("the actor's event loop was closed before it answered")
        finally:
            self._forget(settled.set)

    def _suspend(self) -> Generator[Any, None, None]:
        """Suspend the running task until there is an outcome, or a hook of ours has ended its run."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def release() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def wake() -> None:
            if asyncio._get_running_loop() is loop:
                release()
            elif not loop.is_closed():
                try:
                    loop.call_soon_threadsafe(release)
                except RuntimeError:  # Closed since: nobody waits there any more.
                    return

        self._waiters.append(wake)
        try:
            if self._outcome is None and not self._hook_is_idle():
                yield from waiter
        finally:
            self._forget(wake)

    def _hook_is_idle(self) -> bool:
        """Whether this future has a hook that nobody is running."""
        return self._get_hook is not None and not self._hook_lock.locked()

    def _forget(self, wake: Callable[[], None]) -> None:
        if wake in self._waiters:
            try:
                self._waiters.remove(wake)
            except ValueError:  # Woken in another thread just now.
                return
