"""Some seconds of the fuzzers that ``make fuzz-ws`` and ``make fuzz-api`` let loose for minutes."""

from __future__ import annotations

import pytest

from tests.fuzz import api, websocket
from tests.stress.logs import Faults

pytestmark = pytest.mark.long


async def test_raw_frames_and_messages_of_every_shape_do_no_harm() -> None:
    """No server error, no traceback, no socket out of order, and nothing left behind."""
    faults = Faults()
    rows = await websocket.run(7, 60, None, faults, cases=160)
    assert not faults.counts, "\n".join([*rows, *faults.shown])


async def test_generated_requests_do_no_harm() -> None:
    """No server error, no traceback, no answer that is not documented, and nothing left behind."""
    faults = Faults()
    rows = await api.run(7, 0, 1, faults, phases="fuzzing", least=20, as_person=False)
    assert not faults.counts, "\n".join([*rows, *faults.shown])
