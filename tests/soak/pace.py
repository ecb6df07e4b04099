"""A clock that several processes and a browser share: an instant of the machine, an instant of the play, a rate."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from engine.domain.instant import Millis

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """``began`` and ``shown`` are the same moment by the machine's date and by the clock of the play."""

    rate: float
    began: Millis
    shown: Millis

    @classmethod
    def read(cls, written: str) -> Pace:
        """From what ``str`` gives."""
        rate, began, shown = written.split(":")
        return cls(float(rate), int(began), int(shown))

    def __str__(self) -> str:
        return f"{self.rate}:{self.began}:{self.shown}"

    def at(self, machine: float) -> float:
        """The play's milliseconds at a moment of the machine (ms)."""
        return self.shown + (machine - self.began) * self.rate

    def now(self) -> Millis:
        """The play's instant."""
        return int(self.at(time.time_ns() / 1_000_000))

    async def until(self, instant: Millis) -> None:
        """Wait for an instant of the play."""
        while (left := instant - self.now()) > 0:  # noqa: ASYNC110 — the loop may wake us a little early
            await asyncio.sleep(left / self.rate / 1000)
