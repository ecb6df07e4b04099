"""A ``threading.Event`` that allocates its condition only when a thread waits for it.

Pykka gives every actor an event that says that it has stopped. Nearly all are only ever asked, and an
event's condition, with its lock and its queue of waiters, is the largest part of an idle actor.
"""

import threading

__all__ = ["LazyEvent"]

_making = threading.Lock()


class LazyEvent(threading.Event):
    """An event that any thread may set. The first waiter makes its condition."""

    def __init__(self) -> None:
        # The base class would make the condition here.
        self._flag = False
        self._condition: threading.Condition | None = None

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self._flag

    def set(self) -> None:
        """Set the flag and wake every waiter."""
        # The flag first: a waiter that comes after the next line has seen it.
        self._flag = True
        condition = self._condition
        if condition is not None:
            with condition:
                condition.notify_all()

    def clear(self) -> None:
        """Reset the flag."""
        self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it is set, `timeout` seconds at most; returns whether it is."""
        with _making:
            if self._condition is None:
                self._condition = threading.Condition()
        with self._condition:
            return self._condition.wait_for(self.is_set, timeout)
