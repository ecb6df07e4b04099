"""A few seconds of the storm that ``make stress`` lets loose for a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.storage.opening import database_of
from tests.stress.logs import Faults
from tests.stress.plan import HALL, Scale, make_plan
from tests.stress.storm import Storm

pytestmark = pytest.mark.long

SMALL = Scale(
    hall=40,
    rooms=3,
    people_in_a_room=4,
    readers=4,
    says_per_second=60.0,
    churns_per_second=20.0,
    shout=600,
    garbles=12,
)


def test_the_same_seed_gives_the_same_storm() -> None:
    """What was found can be found again: the plan is a function of the seed."""
    assert make_plan(7, 60) == make_plan(7, 60)
    assert make_plan(7, 60) != make_plan(8, 60)


async def test_a_storm_leaves_every_log_whole_and_nothing_behind(tmp_path: Path) -> None:
    """Through storms, a kill -9, failing actors and a drain: no fault in any log, none in the server."""
    storm = Storm(make_plan(1, 5, SMALL), tmp_path)
    outcome = await storm.run()
    assert outcome.faults.shown == []
    assert outcome.drain_codes.keys() == {4000}
    assert outcome.tally.recovered > SMALL.hall
    assert outcome.checked is not None
    assert outcome.checked.acknowledged > SMALL.shout
    assert found_when_one_word_is_changed(storm, tmp_path) >= {"changed", "acknowledged and lost"}


def found_when_one_word_is_changed(storm: Storm, folder: Path) -> set[str]:
    """What the checker says when one acknowledged announcement is another in the journal."""
    with database_of(folder / "data").connect() as connection:
        connection.execute(
            "UPDATE journal SET event = CAST(replace(CAST(event AS TEXT), 'calm', 'Calm') AS BLOB)"
            " WHERE session_id = :hall AND instr(CAST(event AS TEXT), 'calm')",
            hall=HALL,
        )
    faults = Faults()
    storm.check(faults)
    return set(faults.counts)
