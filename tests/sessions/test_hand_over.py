"""A server that stops gives its sessions up, those that sleep too, so that the others can have them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tests.realtime.studio import Studio
from tests.sessions.test_recovery import TornOwnership
from tests.sessions.test_storage_faults import asleep


class CountedOwnership(TornOwnership):
    """Of a server that knows which sessions it owns, and notes what it gives up."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: set[str] = set()
        self.released: list[list[str]] = []

    def owned(self) -> Collection[str]:
        return list(self.sessions)

    async def claim(self, session_id: str, *, new: bool = False) -> int:
        self.sessions.add(session_id)
        return 0

    async def release(self, session_ids: Iterable[str]) -> None:
        self.released.append(sorted(session_ids))
        self.sessions -= set(session_ids)


async def test_sessions_that_sleep_are_given_up_first_and_together(studio: Studio) -> None:
    """Nobody has to write anything more in them; somebody may come to one at another server already."""
    ownership = CountedOwnership()
    await studio.restart(ownership=ownership)
    for session_id in ("tomorrow", "next week"):
        await studio.create(session_id, scheduled_start=studio.clock.now() + 86_400_000)
    await asleep(studio)
    ada = await studio.join("ada")
    assert ownership.sessions == {"s", "tomorrow", "next week"}

    await studio.directory.hand_over()

    assert ownership.released == [["next week", "tomorrow"], ["s"]]
    assert await ada.closed() == 4006
