"""A ``threading.Event`` that is small until somebody waits for it.

Pykka gives every actor an event that says that it has stopped. Nearly all are only ever asked, and an
event's condition, with its lock and its queue of waiters, is the largest part of an idle actor.
"""

import threading

__all__ = ["Ended"]

_making = threading.Lock()


class Ended(threading.Event):
    """Set once, by any thread. Its condition is made by the first who waits."""

    def __init__(self) -> None:
        # The base class would make the condition here.
        self._flag = False
        self._condition: threading.Condition | None = None

    def is_set(self) -> bool:
        """Whether it has happened."""
        return self._flag

    def set(self) -> None:
        """It has happened: whoever waits goes on."""
        # The flag first: a waiter that comes after the next line has seen it.
        self._flag = True
        condition = self._condition
        if condition is not None:
            with condition:
                condition.notify_all()

    def clear(self) -> None:
        """It has not happened yet."""
        self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, `timeout` seconds at most; returns whether it has happened."""
        with _making:
            if self._condition is None:
                self._condition = threading.Condition()
        with self._condition:
            return self._condition.wait_for(self.is_set, timeout)
