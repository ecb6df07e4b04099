"""Fixtures of the live engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine.realtime import room
from tests.realtime.studio import Studio, running


@pytest.fixture(autouse=True, scope="module")
def _restless_rooms() -> Iterator[None]:
    """Rooms write at the end of each tick, so that what a tick brings is the same on any machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_LONGEST_REST", 0.0)
        yield


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    """A running engine with one open session, ``s``."""
    async with running(tmp_path) as here:
        await here.create()
        yield here
