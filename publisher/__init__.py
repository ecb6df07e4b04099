"""The publisher: from the snapshot of a session to its page, feed item, calendar, mails and posts.

Reads downwards: ``content`` (what may be published) → ``summary`` (the words for each channel) →
``catalogue`` (what is published) → the channels → ``worker`` (the process that empties the outbox).
Of the engine it knows the snapshot, the techniques and the outbox, and nothing that runs on a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.content import SessionContentStrict
    from publisher.summary import SessionSummaryGenerator

__all__ = ["SessionContentStrict", "SessionSummaryGenerator"]


def __getattr__(name: str) -> object:
    # Imported on first use, so that a command that publishes nothing does not load the templates.
    if name == "SessionContentStrict":
        from publisher.content import SessionContentStrict

        return SessionContentStrict
    if name == "SessionSummaryGenerator":
        from publisher.summary import SessionSummaryGenerator

        return SessionSummaryGenerator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
