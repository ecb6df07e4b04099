"""Which entries the owner of a session sends again after a failover: those that are missing, and nothing out of order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.storage.acknowledged_tail import KEPT_S, AcknowledgedTail
from engine.storage.journal import Append
from tests.storage.rows import records

_STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=20)


@given(_STEPS, st.dictionaries(st.sampled_from("ab"), st.integers(0, 20)))
def test_what_is_sent_again_completes_each_log(steps: list[tuple[str, int]], kept: dict[str, int]) -> None:
    """Every lost record is in it once, in order, each entry expecting what the one before left."""
    tail, at = AcknowledgedTail(), {"a": 0, "b": 0}
    bounds: dict[str, list[int]] = {"a": [0], "b": [0]}
    for session_id, number in steps:
        first = at[session_id]
        tail.add([Append(session_id, first, records(first + 1, first + number), event_ids=["x"])], 0.0)
        at[session_id] += number
        bounds[session_id].append(at[session_id])
    # A commit is there as a whole or not at all.
    latest = {each: max(b for b in bounds[each] if b <= kept.get(each, 0)) for each in "ab"}

    again = tail.after(latest)

    for session_id in "ab":
        mine = [entry for entry in again if entry.session_id == session_id]
        told = [record.position for entry in mine for record in entry.records]
        assert told == list(range(latest[session_id] + 1, at[session_id] + 1))
        position = latest[session_id]
        for entry in mine:
            assert entry.expected == position
            position += len(entry.records)


def test_only_the_last_half_minute_is_kept() -> None:
    """What is older is on every standby that anybody promotes."""
    tail = AcknowledgedTail()
    tail.add([Append("a", 0, records(1, 1), term=1)], 0.0)
    tail.add([Append("b", 0, records(1, 2), term=3)], KEPT_S + 1)
    assert tail.positions() == {"b": 2}
    assert tail.terms() == {"b": 3}
    assert [entry.session_id for entry in tail.after({})] == ["b"]
