"""A process as one of the nodes: what goes on whatever fails once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.nodes import membership
from engine.nodes.membership import Membership, NodeFacts
from engine.storage.postgres import PostgresDatabase


class _Listener:
    """Is told, and does nothing."""

    def joined(self, node: str) -> None:
        pass

    def buried(self) -> None:
        pass

    def cut_off(self) -> None:
        pass

    def unowned(self, session_ids: Sequence[str]) -> None:
        pass


class _FailingOnce(Membership):
    """Its first look at the database's answers goes wrong."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.looks = 0
        self.looked_again = asyncio.Event()

    def unanswered_s(self) -> float:
        self.looks += 1
        if self.looks == 1:
            raise RuntimeError("a look went wrong")
        self.looked_again.set()
        return super().unanswered_s()


async def test_the_watch_of_the_databases_answers_goes_on_after_a_failure(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged and started again: a node that nobody watches would keep its people when it is cut off."""
    monkeypatch.setattr(membership, "BEAT_S", 0.01)

    async def ask_peer(url: str) -> bool | None:
        return None

    node = _FailingOnce(
        PostgresDatabase(postgres_url),
        tmp_path,
        NodeFacts("http://one", "1", "h"),
        now=lambda: 0,
        load=lambda: 0,
        site_at=lambda: None,
        ask_peer=ask_peer,
        listener=_Listener(),
    )
    await node.join()
    try:
        async with asyncio.timeout(10):
            await node.looked_again.wait()
    finally:
        await node.leave()
    assert any("watch of the database" in record.getMessage() for record in caplog.records)
