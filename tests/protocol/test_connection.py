"""One live socket without the socket: sizes, roles, rates, patience."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any

import pytest

from engine.domain import commands as c
from engine.domain.rejection import Rejected
from engine.domain.session import Role
from engine.protocol.close_codes import CloseCode, close_code_of
from engine.protocol.connection import Allowance, Connection, Limits, Refused, RefusedAndClosed
from engine.protocol.incoming import Inbound
from engine.protocol.outgoing import error


def connected(role: Role = Role.PARTICIPANT, limits: Limits | None = None) -> Connection:
    limits = limits or Limits()
    return Connection(role, Allowance(limits), limits, 0)


def said(kind: str, data: Any = None, **outer: Any) -> str:
    return json.dumps({"type": kind, "data": data or {}, **outer}, ensure_ascii=False)


def test_a_right_message_is_taken() -> None:
    """With its id."""
    received = connected().receive(said("chat", {"message": "hi"}, id="1"), 0)
    assert received == Inbound("chat", c.Chat("hi"), "1")


def test_binary_frames_are_refused() -> None:
    """Messages are text; the socket stays usable."""
    connection = connected()
    assert isinstance(connection.receive(b"{}", 0), Refused)
    assert isinstance(connection.receive(said("heartbeat"), 0), Inbound)


def test_a_message_has_64_kib_in_bytes() -> None:
    """Counted as they came over the wire, not in characters."""
    connection = connected()
    longest = said("chat", {"message": "hi"}).ljust(64 * 1024)
    assert isinstance(connection.receive(longest, 0), Inbound)
    closed = connection.receive(longest + " ", 0)
    assert isinstance(closed, RefusedAndClosed)
    assert closed.code is CloseCode.LIMIT
    wide = connected().receive(said("chat", {"message": "ä" * 33_000}), 0)
    assert isinstance(wide, RefusedAndClosed)
    assert wide.code is CloseCode.LIMIT


@pytest.mark.parametrize(
    ("role", "kind", "data"),
    [
        (Role.OBSERVER, "chat", {"message": "hi"}),
        (Role.OBSERVER, "heart_rate", {"rr": [800.0]}),
        (Role.PARTICIPANT, "end", {}),
        (Role.PARTICIPANT, "chat", {"enabled": False}),
        (Role.INSTRUCTOR, "raise_hand", {"raised": True}),
    ],
)
def test_what_a_role_may_not_send_is_forbidden(role: Role, kind: str, data: Any) -> None:
    """The refusal names the message by its id."""
    refused = connected(role).receive(said(kind, data, id="9"), 0)
    assert isinstance(refused, Refused)
    assert refused.reason.code == "forbidden"
    assert refused.reply_to == "9"


def test_twenty_wrong_messages_in_a_minute_are_too_many() -> None:
    """The twentieth shuts the socket with 4501."""
    connection = connected()
    for second in range(19):
        assert isinstance(connection.receive("?", second * 1000), Refused)
    closed = connection.receive("?", 19_000)
    assert isinstance(closed, RefusedAndClosed)
    assert closed.code is CloseCode.WRONG_MESSAGES


@pytest.mark.parametrize("bpm", [65_535, 301, -1, 1e30])
def test_a_measurement_that_no_heart_can_have_is_not_held_against_its_sender(bpm: float) -> None:
    """A sensor's glitches, a hundred in a minute, are taken and marked as impossible: no refusal, no 4501."""
    connection = connected()
    for number in range(100):
        received = connection.receive(said("heart_rate", {"rr": [800.0], "bpm": bpm}), number * 600)
        assert isinstance(received, Inbound)
        assert isinstance(received.command, c.HeartRate)
        assert not received.command.is_possible


def test_wrong_messages_are_forgotten_after_a_minute() -> None:
    """Whoever is clumsy now and then may stay."""
    connection = connected()
    for number in range(100):
        assert isinstance(connection.receive("?", number * 4000), Refused)


@pytest.mark.parametrize(
    ("kind", "data", "burst"),
    [
        ("chat", {"message": "hi"}, 20),
        ("raise_hand", {"raised": True}, 20),
        ("heart_rate", {"rr": [800.0]}, 180),
        ("heartbeat", {}, 20),
        ("breath_tap", {"phase": "inhale"}, 300),
    ],
)
def test_each_kind_of_message_has_its_rate(kind: str, data: Any, burst: int) -> None:
    """Over it one is told to wait; far over it the socket is closed with 4004."""
    connection = connected()
    assert all(isinstance(connection.receive(said(kind, data), 0), Inbound) for _ in range(burst))
    over = connection.receive(said(kind, data, id="x"), 0)
    assert isinstance(over, Refused)
    assert over.limited
    assert over.reason.code == "rate_limited"
    assert int(over.reason.details["retry_after"]) >= 1
    assert over.reply_to == "x"
    rest = [connection.receive(said(kind, data), 0) for _ in range(19)]
    assert isinstance(rest[-1], RefusedAndClosed)
    assert rest[-1].code is CloseCode.RATE


def test_rates_are_counted_apart() -> None:
    """A strap that beats does not silence its wearer."""
    connection = connected()
    for _ in range(20):
        connection.receive(said("chat", {"message": "hi"}), 0)
    for kind, data in (
        ("heart_rate", {"rr": [800.0]}),
        ("heartbeat", {}),
        ("breath_tap", {"phase": "exhale"}),
    ):
        assert isinstance(connection.receive(said(kind, data), 0), Inbound)
    assert isinstance(connection.receive(said("raise_hand", {"raised": True}), 0), Refused)


def test_staff_may_send_a_hundred_a_second() -> None:
    """6000 a minute."""
    connection = connected(Role.INSTRUCTOR)
    assert all(isinstance(connection.receive(said("rest"), 0), Inbound) for _ in range(6000))
    assert isinstance(connection.receive(said("rest"), 0), Refused)


def test_an_allowance_outlives_its_connection() -> None:
    """Who reconnects does not get a new burst."""
    limits = Limits()
    allowance = Allowance(limits)
    first = Connection(Role.PARTICIPANT, allowance, limits, 0)
    for _ in range(20):
        first.receive(said("chat", {"message": "hi"}), 0)
    second = Connection(Role.PARTICIPANT, allowance, limits, 0)
    assert isinstance(second.receive(said("chat", {"message": "hi"}), 0), Refused)


def test_silence_of_75_seconds_is_noticed() -> None:
    """Whatever comes breaks it, right or wrong."""
    connection = connected()
    assert not connection.is_silent(75_000)
    assert connection.is_silent(75_001)
    connection.receive("?", 75_001)
    assert not connection.is_silent(150_000)


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ("not_open_yet", 4008),
        ("session_over", 4505),
        ("client_id_in_use", 4500),
        ("token_required", 4500),
        ("bad_credential", 4500),
        ("token_expired", 4005),
        ("token_revoked", 4500),
        ("unknown_session", 4502),
        ("full", 4503),
        ("removed", 4506),
        ("forbidden", 4507),
        ("locked", 4509),
        ("draining", 4000),
        ("too_many_connections", 4004),
        ("unavailable", 4006),
        ("storage_failed", 4006),
        ("invalid_message", 4501),
    ],
)
def test_each_refusal_has_its_close_code(refusal: str, code: int) -> None:
    """4000–4499 may come back, 4500–4999 never: what mends itself must not be final."""
    assert close_code_of(refusal) == code


def test_an_error_says_its_code_twice() -> None:
    """At the top level and in the content, with what it answers."""
    received = error("s", 0, Rejected("full", "All places are taken.", {"places": "5"}), "7")
    assert received["code"] == received["content"]["code"] == "full"
    assert received["reply_to"] == "7"
    assert received["content"]["details"] == {"places": "5"}
    assert "details" not in error(None, 0, Rejected("full", "No."))["content"]


@pytest.mark.parametrize(
    "message",
    [
        "{",
        said("levitate"),
        said("chat"),
        said("chat", {"message": "\u0000"}),
        said("opt_in", {"technique": "a\nb", "accepted": True}),
        said("announce", {"title": "a", "message": "b", "action_url": "javascript:1"}),
        said("change_technique", {"technique": "a", "at": "yesterday"}),
    ],
)
def test_a_refused_message_leaves_nothing_behind(message: str) -> None:
    """Neither the refusal nor what Pydantic keeps of it holds on to whoever called, once it has been answered."""

    class Socket:
        """What stands in the caller's frame."""

    def one() -> weakref.ref[Socket]:
        socket = Socket()
        refused = connected(Role.INSTRUCTOR).receive(message, 0)
        assert isinstance(refused, Refused)
        return weakref.ref(socket)

    # What was there before is old from here on, and need not be looked through: only what comes now is young.
    gc.collect(1)
    sockets = [one() for _ in range(5)]
    gc.collect(1)
    assert [socket() for socket in sockets] == [None] * 5
