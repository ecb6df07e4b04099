"""Errors over a live socket, in the handshake and after it: each names the session that it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.realtime.studio import Studio, running


async def test_what_is_refused_names_the_session(studio: Studio) -> None:
    """Wrong messages, those of another role, and those that are too many or too long."""
    ada, watching = await studio.join("ada"), await studio.join("wall", role="observer")
    await ada.ws.send_str("?")
    await watching.send("chat", {"message": "hi"}, id="7")
    for _ in range(25):  # A slow machine refills one or two meanwhile.
        await ada.send("chat", {"message": "hi"})
    await ada.until("error", code="rate_limited")
    await ada.ws.send_str("?" * 70_000)
    assert await ada.closed() == 4504
    forbidden = await watching.until("error", code="forbidden", reply_to="7")
    errors = [forbidden, *(message for message in ada.inbox if message["type"] == "error")]
    assert {error["code"] for error in errors} == {
        "forbidden",
        "invalid_message",
        "rate_limited",
        "too_large",
    }
    assert {error["session_id"] for error in errors} == {"s"}


@pytest.mark.parametrize(
    "query", [{"role": "guru"}, {"client_id": "a b"}, {"after": "-1"}, {"token": "x"}, {"role": "instructor"}]
)
async def test_a_refused_handshake_names_the_session(studio: Studio, query: dict[str, str]) -> None:
    """Whatever is wrong with the rest of the address."""
    assert (await studio.turned_away(**query)).error["session_id"] == "s"


async def test_too_many_connections_are_refused_by_the_name_of_the_session(tmp_path: Path) -> None:
    """Before anything else of the address is looked at."""
    async with running(tmp_path, take=lambda address, at: 1500) as studio:
        refused = await studio.turned_away("ada")
        assert (refused.error["code"], refused.error["session_id"]) == ("too_many_connections", "s")
        assert (await studio.turned_away(session_id="no session")).error["session_id"] is None
