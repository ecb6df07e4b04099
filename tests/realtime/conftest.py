"""Fixtures of the live engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.realtime.studio import Studio, running


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    """A running engine with one open session, ``s``."""
    async with running(tmp_path) as here:
        await here.create()
        yield here
