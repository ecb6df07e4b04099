"""One strap's stream: time base, gaps, impossible values, states, windows, bounded memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.heart.measures import Quality
from engine.domain.heart.shares import improvement_percent
from engine.domain.heart.stream import Reading, State, Stream
from tests.heart.artefacts import inject
from tests.heart.series import Heart, Series, synthetic

START = 1_790_000_000_000


def feed(stream: Stream, rr: Series, *, begin: int = START, delay: int = 40) -> int:
    """Send one message a beat, each arriving ``delay`` after it; return when the last beat was."""
    ends = begin + np.cumsum(rr)
    for interval, end in zip(rr.tolist(), ends.tolist(), strict=True):
        stream.append([interval], int(end) + delay)
    return int(ends[-1])


def reading(stream: Stream, at: int) -> Reading:
    """Return a reading that has to be there."""
    found = stream.reading(at)
    assert found is not None
    return found


def calm(seconds: float, seed: int = 1) -> Series:
    """Return a quiet heart's intervals (ms)."""
    return synthetic(Heart(), seconds, np.random.default_rng(seed))


def textbook(rr: Series) -> float:
    """Return RMSSD of all differences."""
    return float(np.sqrt(np.mean(np.diff(rr) ** 2)))


def test_a_stream_settles_then_measures_then_is_ready() -> None:
    """A minute of settling and two of baseline come before there is an improvement."""
    stream = Stream()
    assert stream.reading(START) is None
    rr = calm(200)
    seen: dict[State, int] = {}
    ends = START + np.cumsum(rr)
    for interval, end in zip(rr.tolist(), ends.tolist(), strict=True):
        stream.append([interval], int(end))
        now = reading(stream, int(end))
        seen.setdefault(now.state, round((int(end) - START) / 1000))
        assert (now.ln_ratio is not None) == (now.state is State.READY)
    assert seen[State.SETTLING] <= 2
    assert seen[State.MEASURING] == pytest.approx(60, abs=2)
    assert seen[State.READY] == pytest.approx(180, abs=2)


def test_the_figures_are_those_of_the_trailing_minute() -> None:
    """RMSSD now is over the beats of the last 60 s, the baseline over 60 to 180 s."""
    stream, rr = Stream(), calm(300)
    end = feed(stream, rr, delay=0)
    t = np.cumsum(rr)
    now = reading(stream, end)
    # The newest beat waits for the one after it.
    trailing = rr[(t >= t[-1] - 60_000)][:-1]
    assert now.now.rmssd == pytest.approx(textbook(trailing), rel=1e-3)
    assert now.baseline is not None
    assert now.baseline.rmssd == pytest.approx(textbook(rr[(t >= 60_000) & (t < 180_000)]), rel=0.02)
    assert now.ln_ratio is not None
    assert now.now.rmssd is not None
    assert now.baseline.rmssd is not None
    assert now.ln_ratio == pytest.approx(math.log(now.now.rmssd / now.baseline.rmssd))


def test_the_baseline_does_not_depend_on_when_it_is_asked_for() -> None:
    """Ticks every five seconds and a single reading at the end agree on the baseline."""
    rr = calm(190)
    often, once = Stream(), Stream()
    ends = START + np.cumsum(rr)
    for i, (interval, end) in enumerate(zip(rr.tolist(), ends.tolist(), strict=True)):
        often.append([interval], int(end))
        once.append([interval], int(end))
        if i % 5 == 0:
            often.reading(int(end))
    last = int(ends[-1])
    first, second = reading(often, last).baseline, reading(once, last).baseline
    assert first is not None
    assert second is not None
    assert first.rmssd == pytest.approx(second.rmssd, rel=0.02)


@pytest.mark.parametrize(
    ("values", "impossible"),
    [
        ([800.0, 299.9, 2000.1], 2),
        ([300.0, 2000.0], 0),
        ([math.nan, math.inf, -math.inf, 0.0, -5.0, 1e308], 6),
        ([], 0),
    ],
)
def test_impossible_values_are_counted(values: list[float], impossible: int) -> None:
    """What no heart sends is counted and never accepted."""
    stream = Stream()
    assert stream.append(values, START) == impossible
    assert stream.rejected == impossible
    now = stream.reading(START)
    if now is not None:
        assert bool(np.isfinite(now.recent.rr).all())
        assert not now.recent.ok[(now.recent.rr < 300) | (now.recent.rr > 2000)].any()


def test_a_flood_is_refused() -> None:
    """Beats cannot come faster than time passes, whatever a client sends."""
    stream = Stream()
    rejected = sum(stream.append([600.0] * 20, START + 100 * i) for i in range(200))
    assert rejected > 0
    now = reading(stream, START + 20_000)
    # Twenty seconds, and the credit for what a first packet may hold.
    assert float(now.recent.rr.sum()) <= 20_000 + 16_000


def test_a_gap_ends_the_differences() -> None:
    """After a silence the beats go on in time, and no difference spans the gap."""
    stream = Stream()
    end = feed(stream, np.full(60, 800.0) + np.tile([0.0, 10.0], 30))
    later = feed(stream, np.full(60, 1100.0) + np.tile([0.0, 10.0], 30), begin=end + 20_000)
    now = reading(stream, later)
    assert now.recent.t[-1] == pytest.approx(later, abs=2500)
    assert int((~now.recent.joined).sum()) == 2  # the first beat, and the first after the gap
    assert now.now.rmssd == pytest.approx(10.0, abs=0.2)


def test_a_dropped_message_ends_the_differences() -> None:
    """What stood in a message that was dropped is not known: no difference is taken across it."""
    rr = calm(200)
    stream, whole = Stream(), Stream()
    end = feed(stream, rr)
    feed(whole, rr)
    stream.interrupt(end)
    for one in (stream, whole):
        feed(one, rr[:20], begin=end)
    after = end + int(rr[:20].sum())
    assert reading(stream, after).now.differences == reading(whole, after).now.differences - 1


def test_a_stalled_network_is_no_gap() -> None:
    """Messages that arrive late and all at once keep their place in time."""
    rr = calm(90)
    ends = START + np.cumsum(rr)
    stream = Stream()
    for interval, end in zip(rr.tolist(), ends.tolist(), strict=True):
        into = end - START
        arrival = START + 40_000 if 32_000 < into < 40_000 else int(end)
        stream.append([interval], arrival)
        if int(into) // 5000 != int(into - interval) // 5000 and not 32_000 < into < 40_000:
            stream.reading(arrival)
    now = reading(stream, int(ends[-1]))
    assert int((~now.recent.joined).sum()) == 1
    assert now.recent.t[-1] == pytest.approx(ends[-2], abs=300)


def test_without_contact_there_is_no_figure() -> None:
    """A strap off the skin leaves no beats; the loss is shown at once, and staleness after three seconds."""
    stream = Stream()
    end = feed(stream, calm(70))
    for second in range(70):
        stream.append([412.0], end + 1000 * second, contact=False)
    now = reading(stream, end + 70_000)
    assert now.contact is False
    assert now.now.rmssd is None or now.now.differences < 30
    assert not now.enough
    assert not now.stale
    assert reading(stream, end + 74_000).stale


def test_low_quality_compares_like_with_like() -> None:
    """A spoilt present is compared with a baseline under the same stricter rule."""
    rng = np.random.default_rng(3)
    deep = Heart(breath_amplitude_ms=130, breath_hz=0.25, noise_ms=10)
    quiet, spoilt = synthetic(deep, 200, rng), inject(synthetic(deep, 62, rng), 0.05, rng)
    stream = Stream()
    end = feed(stream, np.r_[quiet, spoilt])
    now = reading(stream, end)
    assert now.now.quality is Quality.LOW
    assert now.ln_ratio is not None
    assert abs(improvement_percent(now.ln_ratio)) < 25


def test_memory_is_bounded() -> None:
    """Two hours of beats leave some minutes of them, whether or not anybody asks."""
    stream = Stream()
    end = feed(stream, np.tile([700.0, 720.0], 5000))
    now = reading(stream, end)
    assert now.recent.rr.size < 500
    assert now.recent.t[-1] - now.recent.t[0] >= 180_000


def test_a_spoilt_baseline_is_measured_later() -> None:
    """When the two minutes of baseline were unusable, the first two good minutes take their place."""
    rng = np.random.default_rng(4)
    rr = calm(400)
    bad = np.r_[rr[:60], inject(rr[60:220], 0.3, rng), rr[220:]]
    stream = Stream()
    states = []
    ends = START + np.cumsum(bad)
    for interval, end in zip(bad.tolist(), ends.tolist(), strict=True):
        stream.append([interval], int(end))
        states.append(reading(stream, int(end)).state)
    ready_at = (int(ends[states.index(State.READY)]) - START) / 1000
    assert ready_at > 200


@pytest.mark.parametrize(
    ("ln_ratio", "percent"), [(0.0, 0.0), (math.log(1.1), 10.0), (9.0, 200.0), (-99.0, -100.0)]
)
def test_improvement_is_kept_in_bounds(ln_ratio: float, percent: float) -> None:
    """Improvement is a percentage within -100 and 200."""
    assert improvement_percent(ln_ratio) == pytest.approx(percent)


@given(
    st.lists(
        st.tuples(
            st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.floats(250, 2100), max_size=6),
            st.integers(-2000, 20_000),
            st.sampled_from([None, True, False]),
        ),
        max_size=40,
    )
)
def test_no_messages_break_a_stream(messages: list[tuple[list[float], int, bool | None]]) -> None:
    """Whatever arrives, whenever, time runs forward in the beats and every figure is finite."""
    stream, at = Stream(), START
    for rr, later, contact in messages:
        at += later
        rejected = stream.append(rr, at, contact)
        assert 0 <= rejected <= len(rr)
        now = stream.reading(at)
        if now is not None:
            assert bool(np.all(np.diff(now.recent.t) > 0))
            assert now.recent.rr.size == now.recent.t.size == now.recent.ok.size == now.recent.artefact.size
            for value in (now.now.rmssd, now.now.sdnn, now.ln_ratio):
                assert value is None or math.isfinite(value)
