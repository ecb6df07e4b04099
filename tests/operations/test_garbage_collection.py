"""When a full collection of garbage is due."""

from engine.domain.instant import MINUTE, SECOND
from engine.operations.garbage_collection import CollectionSchedule


def test_many_sockets_that_ended_are_a_reason() -> None:
    """Hundreds that ended, and a tenth of those who are here; then counting begins anew."""
    schedule = CollectionSchedule(0)
    assert not schedule.is_due(alive=100, ended=499, at=SECOND)
    assert schedule.is_due(alive=100, ended=500, at=SECOND)
    assert not schedule.is_due(alive=100, ended=999, at=SECOND)
    assert not schedule.is_due(alive=10_000, ended=1400, at=SECOND)
    assert schedule.is_due(alive=10_000, ended=1500, at=SECOND)


def test_those_who_arrive_are_none() -> None:
    """A room that fills is not stopped."""
    schedule = CollectionSchedule(0)
    assert not any(schedule.is_due(alive=count, ended=0, at=SECOND) for count in range(0, 10_000, 100))


def test_it_is_done_now_and_then_all_the_same() -> None:
    """Every ten minutes, whoever comes or goes."""
    schedule = CollectionSchedule(0)
    assert not schedule.is_due(alive=5, ended=3, at=10 * MINUTE - 1)
    assert schedule.is_due(alive=5, ended=3, at=10 * MINUTE)
    assert not schedule.is_due(alive=5, ended=3, at=19 * MINUTE)
