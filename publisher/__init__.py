"""The publisher: from the snapshot of a session to its page, feed item, calendar, mails and posts.

Reads downwards: ``worker`` (the process) → ``jobs`` (one round over the outbox) → the packages ``site``, ``syndication``,
``drafts``, ``mail`` and ``delivery`` → ``catalogue`` (what is published, and all SQL) → ``rendering`` and ``files``.
Beside them ``content`` (what a caller may publish), ``summary`` (its texts for each channel), ``importing`` with
``import_reader`` and ``exported_line`` (files of sessions), ``single_round`` (a round without the process),
``shared_polling`` (when there is one beside other publishers), ``studio_setup`` (what a build needs of ``studio.toml``),
``job_snapshots`` (the snapshots of queued jobs), ``processes`` and ``priority`` (of what is started), and
``commands`` (what the command line does). Of the engine it knows the snapshot, the techniques and the storage, and nothing that runs on a loop.
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
