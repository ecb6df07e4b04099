"""When a delivery is tried again, and which addresses a webhook may lead to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.instant import HOUR, MINUTE, SECOND
from engine.domain.webhooks import EVENTS, LONGEST_RETRY, checked_url, is_public, next_attempt


def test_pauses_grow_for_three_days() -> None:
    """From five seconds to twenty hours; the last attempt is three days after the first, and then it is over."""
    at, pauses, attempts = 0, [], 1
    while (again := next_attempt(0, attempts, at)) is not None:
        pauses.append(again - at)
        at, attempts = again, attempts + 1
    assert pauses[:4] == [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR]
    assert pauses == sorted(pauses)
    assert at == LONGEST_RETRY == 72 * HOUR


@given(first=st.integers(0, 10**13), attempts=st.integers(1, 50), late=st.integers(0, 100 * HOUR))
def test_the_next_attempt_lies_ahead_and_within_three_days(first: int, attempts: int, late: int) -> None:
    """Whatever held the one before up."""
    again = next_attempt(first, attempts, first + late)
    if again is not None:
        assert first + late < again <= first + LONGEST_RETRY
    else:
        assert late >= LONGEST_RETRY or attempts > 9


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "fec0::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)  # fmt: skip
def test_an_address_that_is_nobodys_on_the_internet_is_not_public(address: str) -> None:
    """In any dress: IPv4 addresses inside IPv6 ones lead where they lead."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_other_addresses_are_public(address: str) -> None:
    """Of both families."""
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook", "https://", "ftp://example.org", "example.org/hook", "https://user@example.org/",
        "https://u:p@example.org/", "https://example.org/#part", "https://example.org:99999/", "https://example.org:0/",
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://localhost/", "https://a.localhost./",
        "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://192.168.0.1:8443/x",
        "https://exa mple.org/", "https://exämple.org/", "https://example.org\\@127.0.0.1/", "https://.example.org/",
        "https://example.org/" + "x" * 2000, "https://[fe80::1%25eth0]/", "https://[::1/",
    ],
)  # fmt: skip
def test_addresses_that_no_webhook_may_have(url: str) -> None:
    """No https, secrets in them, or leading inside already by the name."""
    with pytest.raises(ValueError, match=r"must|leads|has no|at most"):
        checked_url(url, allow_private=False)


@pytest.mark.parametrize(
    "url", ["https://example.org/hook?a=b", "https://hooks.example.org:8443/", "https://8.8.8.8/"]
)
def test_addresses_that_a_webhook_may_have(url: str) -> None:
    """Trimmed; what a name stands for is the connection's to check."""
    assert checked_url(f" {url} ", allow_private=False) == url


def test_private_addresses_may_be_allowed() -> None:
    """Then http is possible too, but not to the open internet."""
    for url in ("http://127.0.0.1:8080/hook", "http://hooks.internal/", "https://10.0.0.1/"):
        assert checked_url(url, allow_private=True) == url
    with pytest.raises(ValueError, match="use https"):
        checked_url("http://8.8.8.8/", allow_private=True)


def test_what_a_webhook_can_ask_for() -> None:
    """Each event has a name of its own, none of which is part of another."""
    assert len(set(EVENTS)) == 9
    assert all(name.count(".") == 1 for name in EVENTS)
