"""Token buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.rates import Rate, TokenBucket

MINUTE = 60_000
moments = st.lists(st.integers(0, 3000), min_size=1, max_size=300)


def test_a_burst_is_there_at_once_and_no_more() -> None:
    """Sixty a minute with a burst of twenty: twenty in a row, then one a second."""
    bucket = TokenBucket(Rate(60, 20), 0)
    assert [bucket.take(0) for _ in range(21)] == [True] * 20 + [False]
    assert not bucket.take(999)
    assert bucket.take(1000)
    assert not bucket.take(1000)


def test_no_limit_is_zero_a_minute() -> None:
    """Settings say 0 for none."""
    bucket = TokenBucket(Rate(0), 0)
    assert all(bucket.take(0) for _ in range(1000))
    assert bucket.wait(0) == 0


def test_a_bucket_without_a_burst_of_its_own_holds_a_minute() -> None:
    """The burst is the rate where none is given."""
    bucket = TokenBucket(Rate(180), 0)
    assert sum(bucket.take(0) for _ in range(400)) == 180


@given(moments)
def test_never_more_than_burst_and_rate(pauses: list[int]) -> None:
    """In any stretch of time from the start: at most the burst and what has refilled."""
    bucket, at, taken = TokenBucket(Rate(60, 20), 0), 0, 0
    for pause in pauses:
        at += pause
        taken += bucket.take(at)
        assert taken <= 20 + at * 60 / MINUTE + 1e-6


@given(moments)
def test_after_the_wait_that_it_says_one_can_be_taken(pauses: list[int]) -> None:
    """And not a second before it."""
    bucket, at = TokenBucket(Rate(60, 20), 0), 0
    for pause in pauses:
        at += pause // 10
        if not bucket.take(at):
            wait = bucket.wait(at)
            assert wait > 0
            assert not bucket.take(at + wait - 2)
            at += wait
            assert bucket.take(at)


def test_a_clock_that_seems_to_go_back_gives_nothing() -> None:
    """An older instant neither refills nor takes away."""
    bucket = TokenBucket(Rate(60, 1), 10_000)
    assert bucket.take(10_000)
    assert not bucket.take(0)
    assert bucket.wait(0) == 1001
    assert bucket.take(11_000)


def test_a_bucket_that_was_left_alone_is_full() -> None:
    """It may be forgotten then."""
    bucket = TokenBucket(Rate(60, 20), 0)
    bucket.take(0)
    assert not bucket.is_full(500)
    assert bucket.is_full(1000)
