"""A process that draws cards: a request is the texts of a card as JSON, its answer the PNG."""

from __future__ import annotations

import json

from publisher.processes import answer_requests
from publisher.rendering.card_drawing import CardTexts, draw

__all__ = ["drawn"]


def drawn(request: bytes) -> bytes:
    """The card with these texts."""
    texts = json.loads(request)
    return draw(CardTexts(**{**texts, "colours": tuple(texts["colours"])}))


if __name__ == "__main__":
    answer_requests(drawn)
