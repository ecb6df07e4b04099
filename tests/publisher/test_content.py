"""What may be published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.domain.instant import HOUR, MINUTE, to_datetime
from publisher import SessionContentStrict
from publisher.content import ANY_AGE, field_errors, judged_at, snapshot_of
from tests.publisher.samples import NOW, content


def refused(**changed: Any) -> dict[str, str]:
    """What a body with these changes is refused for."""
    with pytest.raises(ValidationError) as caught:
        SessionContentStrict.model_validate(content(**changed), context=judged_at(NOW))
    return field_errors(caught.value)


def accepted(**changed: Any) -> SessionContentStrict:
    """A body with these changes, accepted."""
    return SessionContentStrict.model_validate(content(**changed), context=judged_at(NOW))


@pytest.mark.parametrize(
    ("field", "good"),
    [
        ("session_duration", [1, 7200, 60.0]),
        ("participant_count", [1, 1000]),
        ("breathing_techniques", [["Box"], [f"T{i}" for i in range(10)], ["t" * 100]]),
        ("average_hrv_improvement", [-100, 0, 200, None, 12.25]),
        ("key_achievements", [[], ["a" * 500], [f"a{i}" for i in range(10)]]),
        ("title", ["t", "t" * 200, "  padded  "]),
        ("content", ["c", "c" * 20_000, "two\n\nparagraphs"]),
        ("session_id", ["s", "s" * 100, "A.b_c-1"]),
        ("session_type", ["live", "guided", "practice", "workshop"]),
    ],
)
def test_bounds_are_inclusive(field: str, good: list[Any]) -> None:
    """The smallest and the largest value of each field pass."""
    for value in good:
        assert accepted(**{field: value})


def test_what_is_no_object_is_said_to_be_none() -> None:
    """The whole, an item of it, and a field."""
    with pytest.raises(ValidationError) as caught:
        SessionContentStrict.model_validate(5, context=judged_at(NOW))
    assert field_errors(caught.value) == {"body": "must be an object"}
    assert refused(participant_feedback=[]) == {"participant_feedback": "must be an object"}
    wrong_items = refused(participant_feedback={"items": ["words"]})
    assert wrong_items == {"participant_feedback.items.0": "must be an object"}


@pytest.mark.parametrize(
    ("field", "bad", "named"),
    [
        ("session_duration", [0, -1, 7201, "1800", True, None, 1.5, float("inf"), [1800]], ""),
        ("session_duration", [7201], "7200"),
        ("participant_count", [0, 1001, 2.5, True, "25"], ""),
        ("participant_count", [1001], "1000"),
        ("breathing_techniques", [[], [f"T{i}" for i in range(11)], [""], ["  "], [7], "Box", None], ""),
        ("breathing_techniques", [["t" * 101]], "100"),
        ("average_hrv_improvement", [-100.01, 200.01, float("nan"), float("inf"), "12", True], ""),
        ("average_hrv_improvement", [200.01], "200"),
        ("key_achievements", [["a" * 501], [f"a{i}" for i in range(11)], "a", None], ""),
        ("title", ["", "  ", "t" * 201, 5, None, "a\nb", "a\x00b", "a\ud800b"], ""),
        ("content", ["", " ", "c" * 20_001, "a\x07b", None], ""),
        ("session_id", ["", "s" * 101, "../x", "a/b", "..", "a b", "live", "batch", "2024", "x\n", "é"], ""),
        ("session_type", ["webinar"], "workshop"),
        ("instructor_name", [None, "  ", "i" * 101], ""),
        ("session_date", [None, "", "yesterday", "2026-02-30T10:00:00Z", 5, {}, "2024-03-21"], ""),
        ("metrics_summary", [[], "x", {"a": float("nan")}, {"a": {1}}], ""),
        ("participant_feedback", [[], {"items": [{"comment": "x"}]}, {"items": [], "more": 1}], ""),
        ("published", ["yes", 1, None], ""),
    ],
)
def test_what_is_outside_is_refused_by_the_fields_name(field: str, bad: list[Any], named: str) -> None:
    """A wrong value is refused under its field's name, with the limit in the reason."""
    for value in bad:
        reasons = refused(**{field: value})
        assert any(key.split(".")[0] == field for key in reasons), (value, reasons)
        assert named in " ".join(reasons.values())


def test_every_mistake_is_reported_at_once() -> None:
    """Mistakes of several fields, cross-field ones and unknown fields come together."""
    reasons = refused(session_duration=0, session_type="workshop", participant_count=4, participent_count=3)
    assert set(reasons) == {"session_duration", "participant_count", "participent_count"}
    assert "5" in reasons["participant_count"]


def test_a_live_session_needs_its_instructor_and_others_do_not() -> None:
    """Leaving the instructor out is refused for live sessions only."""
    body = content()
    del body["instructor_name"]
    with pytest.raises(ValidationError):
        SessionContentStrict.model_validate(body, context=judged_at(NOW))
    for kind in ("guided", "practice", "workshop"):
        assert SessionContentStrict.model_validate({**body, "session_type": kind}, context=judged_at(NOW))


@pytest.mark.parametrize(
    ("offset", "good"),
    [
        (0, True),
        (5 * MINUTE, True),
        (5 * MINUTE + 1, False),
        (-30 * 24 * HOUR, True),
        (-30 * 24 * HOUR - 1, False),
    ],
)
def test_the_age_is_judged_to_the_millisecond(offset: int, good: bool) -> None:
    """Five minutes ahead and thirty days back are the inclusive limits, and the refusal names the days."""
    moment = to_datetime(NOW + offset)
    if good:
        assert accepted(session_date=moment).session_date == moment
    else:
        reason = refused(session_date=moment)["session_date"]
        assert ("30" in reason) == (offset < 0)


def test_imports_may_be_of_any_age() -> None:
    """The age rule guards what comes in now, not what was judged before."""
    old = content(session_date="2001-01-01T00:00:00Z")
    assert SessionContentStrict.model_validate(old, context=ANY_AGE).session_date.year == 2001


def test_constructing_it_in_python_judges_the_age_at_the_present() -> None:
    """Called as a class it takes a datetime and refuses one of last year."""
    fields = content(session_date=datetime.now(UTC) - timedelta(hours=1))
    assert SessionContentStrict(**fields).title == "Morning Mindfulness Session"
    with pytest.raises(ValidationError):
        SessionContentStrict(**{**fields, "session_date": datetime.now(UTC) - timedelta(days=31)})


def test_zones_are_understood_and_none_means_utc() -> None:
    """Offsets are converted, a naive moment is UTC, and the edge of the calendar is no crash."""
    assert accepted(session_date="2024-03-21T17:00:00+05:00").session_date == datetime(
        2024, 3, 21, 12, tzinfo=UTC
    )
    assert accepted(session_date="2024-03-21T12:00:00").session_date.tzinfo == UTC
    east = datetime(2024, 3, 21, 17, tzinfo=timezone(timedelta(hours=5)))
    assert accepted(session_date=east).session_date == east
    assert "session_date" in refused(session_date="0001-01-01T00:00:00+10:00")


def test_more_than_a_hundred_is_a_warning() -> None:
    """101 participants pass and are worth a word, 100 are not."""
    assert "100" in accepted(participant_count=101).warnings()[0]
    assert accepted(participant_count=100).warnings() == []


def test_deep_nesting_is_refused_without_recursion() -> None:
    """Metrics nested a hundred thousand deep are a refusal, not a crash."""
    deep: Any = 1
    for _ in range(1000):
        deep = {"a": deep}
    assert "metrics_summary" in refused(metrics_summary=deep)


def test_the_snapshot_keeps_what_was_stated() -> None:
    """Text is trimmed, a technique named twice stands once, the end follows from the duration."""
    reply = snapshot_of(accepted(title="  T  ", breathing_techniques=["Box", "Box"]), content_id="c")
    assert (reply.title, reply.breathing_techniques) == ("T", ("Box",))
    assert reply.ended_at - reply.session_date == 1800 * 1000
    assert reply.participant_feedback == (("John D.", "Best session yet!"),)
    assert reply.metrics_summary["quality_score"] == 4.5


@given(
    st.dictionaries(
        st.sampled_from(sorted(content())), st.one_of(st.none(), st.text(), st.integers(), st.floats())
    )
)
def test_no_value_is_more_than_a_refusal(changed: dict[str, Any]) -> None:
    """Whatever stands in a field, the answer is a model or a ValidationError with reasons."""
    reasons: dict[str, str] = {}
    try:
        taken = SessionContentStrict.model_validate(content(**changed), context=judged_at(NOW))
    except ValidationError as error:
        taken = None
        reasons = field_errors(error)
    assert (taken is None) == bool(reasons)
