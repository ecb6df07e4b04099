"""The buckets of every client: kept while they may be needed, at the same cost however many there are."""

from __future__ import annotations

import pytest

from engine.protocol.connection import Limits
from engine.realtime import allowances
from engine.realtime.allowances import Allowances

MINUTE = 60_000


def test_a_client_that_comes_again_finds_its_buckets() -> None:
    """By session and client id, for ten minutes after the newest connection."""
    known = Allowances(Limits())
    first = known.of("s", "ada", 0)
    assert known.of("s", "ada", 9 * MINUTE) is first
    assert known.of("t", "ada", 9 * MINUTE) is not first
    assert known.of("s", "ada", 18 * MINUTE) is first
    known.of("s", "bob", 29 * MINUTE)
    assert known.of("s", "ada", 29 * MINUTE) is not first


def test_tens_of_thousands_cost_no_more_each() -> None:
    """No connection looks at more than two of the others, and those of ten minutes ago are gone in the end."""
    known = Allowances(Limits())
    for number in range(30_000):
        known.of("s", f"c-{number}", 0)
    assert len(known._known) == 30_000
    for number in range(100):
        known.of("t", f"c-{number}", 10 * MINUTE)
        assert len(known._known) == 30_000 - 1 - number
    for number in range(30_000):
        known.of("t", f"c-{number}", 10 * MINUTE)
    assert len(known._known) == 30_000


def test_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go, although it was just now."""
    monkeypatch.setattr(allowances, "_MOST_CLIENTS", 100)
    known = Allowances(Limits())
    for number in range(300):
        known.of("s", f"c-{number}", 0)
    assert len(known._known) == 100
    assert ("s", "c-299") in known._known
