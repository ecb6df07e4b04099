"""What close codes ask of a client, for each that the server has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol.close_codes import CloseCode
from halcytone.close_codes import CloseClass, class_of, seconds_until_return


def test_every_code_of_the_server_has_its_class() -> None:
    """1000 is the end, 45xx never, the rest comes back."""
    for code in CloseCode:
        expected = (
            CloseClass.OVER if code == 1000 else CloseClass.NEVER if code >= 4500 else CloseClass.RETURN
        )
        assert class_of(code) is expected


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 1015])
def test_what_a_network_or_a_proxy_does_is_no_refusal(code: int) -> None:
    """Clients come back after it."""
    assert class_of(code) is CloseClass.RETURN


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_pause_is_never_none_and_never_without_end(attempt: int, chance: float) -> None:
    """From a quarter of a second to fifteen seconds, and longer the more attempts failed."""
    pause = seconds_until_return(1006, "", attempt, chance)
    assert 0.25 <= pause <= 15
    assert pause <= seconds_until_return(1006, "", attempt + 1, chance)


def test_a_server_that_drains_is_obeyed() -> None:
    """It spreads the return of its clients; a room that is not open is not asked every second."""
    assert seconds_until_return(4000, "retry-after=4.5", 0, 0) == 4.5
    assert seconds_until_return(4000, "retry-after=soon", 0, 0) == 1.25
    assert seconds_until_return(4008, "", 0, 0) >= 15
