"""The rows of one session's people, as its actor knows them: it alone makes them, so that no deleted row is written back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.session import Session
from engine.sessions.journaling.feedback import row_after
from engine.storage.rows import PersonChange, PersonRow

__all__ = ["People"]


class People:
    """Rows and names by ``client_id``; ``keeps_rows``: False once the time is over for which people are kept."""

    __slots__ = ("_keeps_rows", "names", "rows")

    def __init__(self, rows: Iterable[PersonRow], *, keeps_rows: bool) -> None:
        self._keeps_rows = keeps_rows
        self.rows: dict[str, PersonRow] = {row.client_id: row for row in rows}
        self.names: dict[str, str] = {key: row.name for key, row in self.rows.items() if row.name}

    def change(
        self,
        command: c.Command,
        sender: c.Sender,
        before: Session | None,
        own: Sequence[PersonRow],
        at: Millis,
    ) -> Sequence[PersonChange]:
        """Apply what an accepted command changes, and the rows ``own`` with people's own figures; return what to write.

        ``before``: the state in which the command was accepted.
        """
        if isinstance(command, c.Withdraw):
            self.rows.pop(command.client_id, None)
            self.names.pop(command.client_id, None)
            return (PersonChange(command.client_id, None),)
        row = (
            row_after(command, sender, before, self.rows, at)
            if before is not None and self._keeps_rows
            else None
        )
        changes: list[PersonChange] = []
        for changed in own if row is None else (row, *own):
            self.rows[changed.client_id] = changed
            if changed.name:
                self.names[changed.client_id] = changed.name
            changes.append(PersonChange(changed.client_id, changed))
        return changes

    def forget(self) -> None:
        """Drop all rows, and make no more."""
        self._keeps_rows = False
        self.rows.clear()
        self.names.clear()
