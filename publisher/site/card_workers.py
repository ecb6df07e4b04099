"""Processes that draw cards beside the building of pages, on all cores and at the lowest priority."""

from __future__ import annotations

import json
from dataclasses import asdict

from publisher.processes import Processes
from publisher.rendering.card_drawing import CardTexts

__all__ = ["CardWorkers"]

_IN_HAND = 100
"""Cards that one process is asked for, so that it need not wait while pages are built."""


class CardWorkers(Processes):
    """Draws cards, each named by its session."""

    def __init__(self) -> None:
        super().__init__("publisher.rendering.card_process", _IN_HAND)

    def draw(self, session_id: str, texts: CardTexts, processes: int) -> bool:
        """Have a card drawn by one of so many processes; False where all of them have enough to do.

        Raises:
            OSError: no process can be started.
        """
        return self.ask(session_id, json.dumps(asdict(texts)).encode(), processes)
