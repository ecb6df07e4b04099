"""``halcytone publications``: the state of every channel, retries, withdrawals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.commands.terminal import database_in, fail, failing_if_not_built, say, settings_for, table

__all__ = ["list_publications", "retry", "unpublish"]

_UNCERTAIN = (
    "Uncertain: the line to the mail server broke while a mail left. It may have been taken, so it is not sent again"
    " by itself; the mail server's log tells."
)


def list_publications(
    config: Path | None, data: Path | None, session: str | None, *, failed: bool, as_json: bool
) -> None:
    """Print a line per session and channel, with its state."""
    settings = settings_for(config, data=data)
    database = database_in(settings)
    from publisher import commands

    rows = [
        row
        for row in commands.list_publications(database, session)
        if not failed or row["state"] in ("failed", "uncertain")
    ]
    if as_json:
        say(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table(
        ("session", "channel", "state", "attempts", "last error"),
        [
            (
                row["session_id"] or "–",
                row["channel"],
                _state(row),
                str(row["attempts"]),
                row["last_error"] or "",
            )
            for row in rows
        ],
        empty="Nothing failed." if failed else "Nothing was published yet.",
    )
    if any(row["state"] == "uncertain" for row in rows):
        say(_UNCERTAIN)


def _state(row: dict[str, Any]) -> str:
    """Of mails with how many there are; of a channel that was done, what became of it since."""
    if "mails" in row:
        return f"{row['mails']} {row['state']}"
    return "withdrawn" if row["state"] == "done" and row["withdrawn_at"] else str(row["state"])


def retry(config: Path | None, data: Path | None, session: str) -> None:
    """Queue channels again; a running server's publisher finds them the next time it polls."""
    settings = settings_for(config, data=data)
    database = database_in(settings)
    from publisher import commands

    try:
        channels = commands.retry(database, session)
    except KeyError:
        fail(f"nothing of a session called {session!r} was published")
    say(f"Queued again: {', '.join(channels)}")


def unpublish(config: Path | None, data: Path | None, session: str) -> None:
    """Withdraw a session from the site, the feeds, the search and the drafts."""
    settings = settings_for(config, data=data)
    database = database_in(settings)
    from publisher import commands

    try:
        with failing_if_not_built():
            commands.unpublish(settings.data, database, session)
    except KeyError:
        fail(f"no session called {session!r} is published")
    say(f"{session} is off the site, the feed, the search and the drafts.")
