"""Platform events over HTTP that come late, out of order, in lists, and again and again."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import Server, refused

EVENTS = "/api/v2/sessions/morning/events"


# One instant for a whole list: lengths are compared to the second.
LOADED = datetime.now(UTC)


def ago(**past: float) -> str:
    ahead = any(value < 0 for value in past.values())
    return ((datetime.now(UTC) if ahead else LOADED) - timedelta(**past)).isoformat()


def event(kind: str, at: Any = None, event_id: str | None = None, **data: Any) -> dict[str, Any]:
    reply: dict[str, Any] = {"type": kind, "data": data}
    if at is not None:
        reply["timestamp"] = at
    return reply if event_id is None else {**reply, "id": event_id}


async def statuses(server: Server, events: list[Any]) -> list[str]:
    answer = await server.client.post(EVENTS, json=events)
    assert answer.status_code == 202, answer.text
    reply = answer.json()
    found = [result["status"] for result in reply["results"]]
    assert reply["accepted"] == len(found) - found.count("refused")
    assert (reply["repeated"], reply["ignored"]) == (found.count("repeated"), found.count("ignored"))
    return found


async def summary(server: Server) -> dict[str, Any]:
    content = await server.client.get("/api/v2/session/morning/content?include_summary=true")
    found: dict[str, Any] = content.json()["summary"]
    return found


async def test_a_list_is_answered_event_by_event(server: Server) -> None:
    """What cannot be accepted is refused by name and spoils no other."""
    await server.create()
    answer = await server.client.post(
        EVENTS,
        json=[
            event("session.started", event_id="s-1"),
            event("session.paused", event_id="p-1"),
            "text",
            event("hrv.milestone", improvement="12"),
            event("session.started", event_id="s-2"),
            event("participant.joined", name="Alice"),
        ],
    )
    assert answer.status_code == 202
    reply = answer.json()
    assert {key: reply[key] for key in ("accepted", "repeated", "ignored")} == {
        "accepted": 3,
        "repeated": 0,
        "ignored": 1,
    }
    started, paused, text, milestone, again, joined = reply["results"]
    assert started == {"id": "s-1", "status": "accepted"}
    assert (paused["id"], paused["status"], paused["error"]) == ("p-1", "refused", "unknown_event")
    assert "session.paused" in paused["message"]
    assert (text["status"], text["details"].keys()) == ("refused", {"body"})
    assert milestone["details"].keys() == {"data.improvement"}
    assert again == {"id": "s-2", "status": "ignored"}
    assert joined == {"status": "accepted"}
    room = (await server.client.get("/api/v2/sessions/morning")).json()
    assert (room["active"], room["participant_count"]) == (True, 1)


async def test_a_list_is_refused_only_when_every_event_is(server: Server) -> None:
    """With each mistake and its place; 0 and 101 events are too few and too many."""
    await server.create()
    wrong = [{"type": "x"}, {"type": "hrv.milestone"}]
    assert {"0.type", "1.data"} <= refused(await server.client.post(EVENTS, json=wrong), 400).keys()
    good = event("session.started")
    assert refused(await server.client.post(EVENTS, json=[]), 400)
    assert refused(await server.client.post(EVENTS, json=[good] * 101), 400)
    assert (await server.client.get("/api/v2/sessions/morning")).json()["active"] is False


async def test_a_list_with_the_end_in_it_may_be_sent_for_ever(server: Server) -> None:
    """Whatever carries ids, instants, or neither: each time 202, and nothing happens twice."""
    await server.create()
    batch = [
        event("session.started", ago(minutes=30)),
        event("participant.joined", ago(minutes=29), "j-1", name="Alice"),
        event("technique.changed", technique="Tide"),
        event("session.ended", ago(minutes=1)),
        event("achievement.unlocked", title="After the end"),
        event("session.ended", duration=60),
    ]
    first = await statuses(server, batch)
    assert first == ["accepted"] * 2 + ["ignored", "accepted", "ignored", "ignored"]
    published = await summary(server)
    for _ in range(3):
        assert await statuses(server, batch) == ["repeated"] * 2 + [
            "ignored",
            "repeated",
            "ignored",
            "ignored",
        ]
    assert await summary(server) == published
    for one in batch:
        answer = await server.client.post(EVENTS, json=one)
        assert answer.status_code == 202
        assert answer.json()["accepted"] == 1


async def test_the_end_of_a_session_that_was_cancelled_or_ended_here_is_no_mistake(server: Server) -> None:
    """A sender that is refused comes back until it is switched off."""
    for session_id, verb in (("morning", "end"), ("evening", "cancel")):
        await server.create(session_id)
        if verb == "end":
            await server.client.post(f"/api/v2/sessions/{session_id}/start")
        await server.client.post(f"/api/v2/sessions/{session_id}/{verb}")
        answer = await server.client.post(
            f"/api/v2/sessions/{session_id}/events", json=event("session.ended", event_id="e")
        )
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "repeated": 0, "ignored": 1})


async def test_a_list_is_carried_out_in_the_order_in_which_it_happened(server: Server) -> None:
    """The end first: what happened before it is no less part of the session."""
    await server.create()
    batch = [
        event("session.ended", ago(minutes=10)),
        event("technique.changed", ago(minutes=30), technique="Tide"),
        event("technique.changed", ago(minutes=60), technique="Box Breathing"),
        event("participant.joined", ago(minutes=59), participant_id="u-1"),
        event("session.started", ago(minutes=60)),
        event("participant.joined", ago(minutes=5), participant_id="u-2"),
    ]
    assert await statuses(server, batch) == ["accepted"] * 5 + ["ignored"]
    reply = await summary(server)
    assert reply["breathing_techniques"] == ["Box Breathing", "Tide"]
    assert (reply["participant_count"], reply["session_duration"] // 10) == (1, 300)


async def test_events_without_an_instant_happen_in_the_order_of_the_list(server: Server) -> None:
    """What stands after the end came after it, and changes nothing of what is published."""
    await server.create()
    batch = [
        event("session.started"),
        event("participant.joined", name="Alice"),
        event("technique.changed", technique="Tide"),
        event("session.ended", duration=600),
        event("technique.changed", technique="Box Breathing"),
        event("participant.joined", name="Bob"),
        event("session.ended", duration=60),
    ]
    assert await statuses(server, batch) == ["accepted"] * 4 + ["ignored"] * 3
    reply = await summary(server)
    assert (reply["breathing_techniques"], reply["session_duration"]) == (["Tide"], 600)
    assert reply["participant_count"] == 1


async def test_the_end_is_the_last_of_what_states_its_instant(server: Server) -> None:
    """Platforms state whole seconds; what is told without an instant still comes after it."""
    await server.create()
    one = ago(minutes=-1)
    batch = [
        event("session.ended", one),
        event("participant.joined", one, name="Alice"),
        event("session.started", ago(minutes=2)),
        event("participant.joined", name="Bob"),
    ]
    assert await statuses(server, batch) == ["accepted"] * 3 + ["ignored"]
    assert (await summary(server))["participant_count"] == 1


async def test_what_stands_before_an_end_without_an_instant_happened_before_it(server: Server) -> None:
    """Although the end states the very instant that it is told after: it is the platform whose clock is ahead."""
    await server.create()
    one = ago(minutes=-1)
    batch = [
        event("participant.joined", one, name="Alice"),
        event("technique.changed", technique="Tide"),
        event("participant.joined", name="Bob"),
        event("session.ended", one),
        event("participant.joined", name="Eve"),
    ]
    assert await statuses(server, batch) == ["accepted"] * 4 + ["ignored"]
    reply = await summary(server)
    assert (reply["breathing_techniques"], reply["participant_count"]) == (["Tide"], 2)


@pytest.mark.parametrize("shape", ["one by one", "a list", "unix seconds", "unix milliseconds"])
async def test_a_session_delivered_an_hour_late_is_published_as_it_was(server: Server, shape: str) -> None:
    """Its true start, length, people, and techniques."""
    await server.create()
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    def at(minutes: int) -> Any:
        moment = began + timedelta(minutes=minutes)
        if shape.startswith("unix"):
            return int(moment.timestamp()) * (1000 if shape.endswith("milliseconds") else 1)
        return moment.isoformat()

    batch = [
        event("session.started", at(0), title="Dawn"),
        event("participant.joined", at(0), participant_id="u-1", name="Alice"),
        event("participant.joined", at(1), participant_id="u-2"),
        event("technique.changed", at(1), technique="Box Breathing", duration=600),
        event("technique.changed", at(11), technique="Coherent Breathing"),
        event("hrv.milestone", at(20), improvement=12.5),
        event("participant.left", at(21), name="Alice"),
        event("session.ended", at(30)),
    ]
    if shape == "one by one":
        for one in batch:
            assert (await server.client.post(EVENTS, json=one)).json()["ignored"] == 0
    else:
        assert await statuses(server, batch) == ["accepted"] * len(batch)
    reply = await summary(server)
    assert (reply["session_duration"], reply["participant_count"]) == (1800, 2)
    assert reply["breathing_techniques"] == ["Box Breathing", "Coherent Breathing"]
    assert datetime.fromisoformat(reply["session_date"]) == began
    room = (await server.client.get("/api/v2/sessions/morning")).json()
    assert datetime.fromisoformat(room["started_at"]) == began
    assert datetime.fromisoformat(room["ended_at"]) == began + timedelta(minutes=30)


async def test_an_instant_too_far_ahead_is_refused(server: Server) -> None:
    """Five minutes are a clock's error; in a list the others are accepted."""
    await server.create()
    ahead = event("session.started", ago(minutes=-6))
    assert "timestamp" in refused(await server.client.post(EVENTS, json=ahead), 400)
    assert await statuses(server, [ahead, event("session.started", ago(minutes=-4))]) == [
        "refused",
        "accepted",
    ]


async def test_who_left_is_found_by_id_or_by_name(server: Server) -> None:
    """Also where they were reported by both and leave by name; whoever is not known is ignored."""
    await server.create()
    await server.event("participant.joined", participant_id="u-1", name="Alice")
    await server.event("participant.joined", participant_id="u-2", name="Bob")
    await server.event("participant.joined", name="Carol")
    left: list[dict[str, Any]] = [{"name": "Alice"}, {"participant_id": "u-2"}, {"name": "Carol"}]
    for here, who in zip(itertools.count(2, -1), left, strict=False):
        assert (await server.event("participant.left", **who)).json()["ignored"] == 0
        assert (await server.client.get("/api/v2/sessions/morning")).json()["participant_count"] == here
        assert (await server.event("participant.left", **who)).json()["ignored"] == 1
    assert (await server.event("participant.left", name="Nobody")).json()["ignored"] == 1


async def test_the_same_list_at_the_same_time_happens_once(server: Server) -> None:
    """An impatient sender does not wait for the answer."""
    await server.create()
    batch = [event("achievement.unlocked", ago(minutes=n), title=f"Badge {n}") for n in range(10, 0, -1)]
    found = await asyncio.gather(*(statuses(server, batch) for _ in range(4)))
    assert sorted(itertools.chain(*found)) == ["accepted"] * 10 + ["repeated"] * 30
