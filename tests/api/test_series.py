"""Series over HTTP: made, shown, changed and ended, and what becomes of their sessions."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from engine.clock import Clock
from engine.domain.instant import from_datetime
from tests.api.conftest import Server, refused, running

BERLIN = ZoneInfo("Europe/Berlin")
PATH = "/api/v2/series"
on_the_shared_server = pytest.mark.asyncio(loop_scope="module")


def coming(days: int = 1) -> date:
    return datetime.now(BERLIN).date() + timedelta(days=days)


def body(series_id: str = "evening", **changes: Any) -> dict[str, Any]:
    given = {
        "series_id": series_id,
        "title": "Evening breath",
        "instructor": "Mara",
        "timezone": "Europe/Berlin",
        "starts": f"{coming()}T18:30",
        "rule": "FREQ=WEEKLY;COUNT=20",
        "duration_minutes": 30,
    }
    return {name: value for name, value in (given | changes).items() if value is not ...}


async def make(server: Server, series_id: str = "evening", **changes: Any) -> dict[str, Any]:
    made = await server.client.post(PATH, json=body(series_id, **changes))
    assert made.status_code == 201, made.text
    series: dict[str, Any] = made.json()
    return series


def at(day: date, time: str = "18:30") -> str:
    local = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=BERLIN)
    return f"{local.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"


async def show(server: Server, series_id: str = "evening", **query: str) -> dict[str, Any]:
    shown = await server.client.get(f"{PATH}/{series_id}", params=query)
    assert shown.status_code == 200, shown.text
    series: dict[str, Any] = shown.json()
    return series


async def session(server: Server, session_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await server.client.get(f"/api/v2/sessions/{session_id}")).json()
    return shown


async def test_a_later_date_is_made_to_be_cancelled_by_itself(server: Server) -> None:
    """Once, however often it is asked for; the others stay as they are, and no other day is one of the series."""
    await make(server, "early")
    dates, path = [coming(1 + 7 * n) for n in range(20)], f"{PATH}/early/sessions"
    for _ in range(2):
        made = await server.client.post(path, json={"date": f"{dates[15]}"})
        assert (made.status_code, made.json()) == (
            201,
            {"session_id": f"early-{dates[15]}", "scheduled_start": at(dates[15])},
        )
    await server.client.post(f"/api/v2/sessions/early-{dates[15]}/cancel")
    await server.client.patch(f"{PATH}/early", json={"title": "Later breath"})
    shown = (await show(server, "early"))["occurrences"]
    assert [each["scheduled_start"] for each in shown] == [at(day) for day in dates]
    assert [each["status"] for each in shown[14:17]] == [None, "cancelled", None]
    for wrong in (f"{dates[15] + timedelta(days=1)}", f"{coming(-6)}", "2030-02-30", 7):
        assert refused(await server.client.post(path, json={"date": wrong}), 400).keys() == {"date"}
    await server.client.post(f"{PATH}/early/end")
    assert (await server.client.post(path, json={"date": f"{dates[16]}"})).status_code == 409


async def test_no_change_is_from_a_date_on_before_which_some_are_not_made(server: Server) -> None:
    """They would be made as the series is from there on, or not at all."""
    await make(server, "gap")
    days = [coming(1 + 7 * n) for n in range(20)]
    await server.client.post(f"{PATH}/gap/sessions", json={"date": f"{days[15]}"})
    for change in ({"title": "Later breath"}, {"starts": f"{days[0]}T20:00"}):
        answer = await server.client.patch(f"{PATH}/gap", json={**change, "since": f"gap-{days[15]}"})
        assert refused(answer, 400).keys() == {"since"}
    made = await server.client.patch(f"{PATH}/gap", json={"title": "Soon", "since": f"gap-{days[2]}"})
    assert made.status_code == 200
    shown = (await show(server, "gap"))["occurrences"]
    assert [each["scheduled_start"] for each in shown] == [at(day) for day in days]


async def test_a_series_makes_its_sessions_sixty_days_ahead(server: Server) -> None:
    """Each with the local time of day, and an id that is its date; the rest is listed and not made."""
    series = await make(server, description="Come as you are", techniques=["Box Breathing"])
    days = [coming(1 + 7 * n) for n in range(20)]
    ahead = [
        day
        for day in days
        if datetime.fromisoformat(f"{day}T18:30").replace(tzinfo=BERLIN)
        <= datetime.now(UTC) + timedelta(days=60)
    ]
    assert series["sessions"] == [
        {"session_id": f"evening-{day}", "scheduled_start": at(day)} for day in ahead
    ]
    assert series["urls"] == {
        "page": f"{server.url}/series/evening/",
        "join": f"{server.url}/series/evening/join",
        "calendar": f"{server.url}/series/evening/calendar.ics",
    }
    assert series["warnings"] == []

    shown = await show(server)
    assert [each["session_id"] for each in shown["occurrences"]] == [f"evening-{day}" for day in days]
    assert [each["made"] for each in shown["occurrences"]] == [day in ahead for day in days]
    room = await session(server, f"evening-{days[0]}")
    assert (room["title"], room["series_id"], room["description"]) == (
        "Evening breath",
        "evening",
        "Come as you are",
    )
    assert room["duration_minutes"] == 30
    assert [item["technique"] for item in room["techniques"]] == ["Box Breathing"]


@on_the_shared_server
async def test_times_are_listed_between_two_limits(shared: Server) -> None:
    """Days of the series' zone or moments, both inclusive; at most 500, before and after a change of clocks."""
    await make(shared, "daily", starts="2026-01-01T06:00", rule="FREQ=DAILY")
    spring = await show(shared, "daily", **{"from": "2027-03-27", "to": "2027-03-29"})
    assert [each["scheduled_start"] for each in spring["occurrences"]] == [
        "2027-03-27T05:00:00.000Z",
        "2027-03-28T04:00:00.000Z",
        "2027-03-29T04:00:00.000Z",
    ]
    one = await show(shared, "daily", **{"from": "2027-03-28T04:00:00Z", "to": "2027-03-28T04:00:00Z"})
    assert [each["session_id"] for each in one["occurrences"]] == ["daily-2027-03-28"]
    assert len((await show(shared, "daily"))["occurrences"]) == 500
    assert (await show(shared, "daily", **{"from": "2027-03-28", "to": "2027-03-27"}))["occurrences"] == []
    for name, far in (("from", "9999-12-31"), ("to", "0001-01-01"), ("to", "0001-01-01T00:00:00+14:00")):
        assert (await show(shared, "daily", **{name: far}))["occurrences"] == []
    whole = await show(shared, "daily", **{"from": "0001-01-01", "to": "9999-12-31"})
    assert whole["occurrences"][0]["session_id"] == "daily-2026-01-01"
    assert len(whole["occurrences"]) == 500
    wrong = await shared.client.get(f"{PATH}/daily", params={"from": "soon", "limit": "3"})
    assert refused(wrong, 400).keys() == {"from", "limit"}


@on_the_shared_server
@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"series_id": "a/b"}, {"series_id"}),
        ({"series_id": "a" * 90}, {"series_id"}),
        ({"timezone": "Berlin"}, {"timezone"}),
        ({"timezone": "localtime"}, {"timezone"}),
        ({"starts": "2026-12-03T18:30:00Z"}, {"starts"}),
        ({"starts": "2026-12-03T18:30+01:00"}, {"starts"}),
        ({"starts": "2026-02-30T18:30"}, {"starts"}),
        ({"starts": 5}, {"starts"}),
        ({"rule": "FREQ=YEARLY"}, {"rule"}),
        ({"rule": "FREQ=DAILY;COUNT=501"}, {"rule"}),
        ({"rule": "FREQ=DAILY;UNTIL=20200101"}, {"rule"}),
        ({"duration_minutes": "30"}, {"duration_minutes"}),
        ({"duration_minutes": True}, {"duration_minutes"}),
        ({"duration_minutes": 0}, {"duration_minutes"}),
        ({"scheduled_start": "2026-12-03T18:30:00Z", "colour": 1}, {"scheduled_start", "colour"}),
        ({"title": ..., "rule": ..., "starts": ...}, {"title", "rule", "starts"}),
        ({"access": "open", "visibility": "private"}, {"visibility"}),
        ({"max_participants": 0, "title": ""}, {"max_participants", "title"}),
    ],
)
async def test_every_mistake_in_a_new_series_is_named(
    shared: Server, changes: dict[str, Any], wrong: set[str]
) -> None:
    """At once, and nothing is made."""
    answer = await shared.client.post(PATH, json=body(**{"series_id": "wrong", **changes}))
    assert refused(answer, 400).keys() == wrong
    assert "series_id" in refused(await shared.client.get(f"{PATH}/wrong"), 404)


@on_the_shared_server
async def test_who_may_do_what(shared: Server) -> None:
    """Making, listing and changing need the key; a public series may be seen by anybody, a private one by nobody else."""
    assert "evening" not in refused(await shared.stranger.post(PATH, json=body()), 401)
    await make(shared, "seen", listen_url="https://voice.example/x")
    await make(shared, "hidden", visibility="private")
    assert (await shared.stranger.get(f"{PATH}/seen")).json()["listen_url"] is None
    refused(await shared.stranger.get(f"{PATH}/hidden"), 404)
    refused(await shared.stranger.get(PATH), 401)
    refused(await shared.stranger.patch(f"{PATH}/seen", json={"title": "x"}), 401)
    refused(await shared.stranger.post(f"{PATH}/seen/end"), 401)
    listed = (await shared.client.get(PATH)).json()
    assert listed["count"] == len(listed["series"]) >= 2
    assert "hidden" in [each["series_id"] for each in listed["series"]]
    for method, path in (("GET", "nowhere"), ("PATCH", "nowhere"), ("POST", "nowhere/end")):
        answer = await shared.client.request(
            method, f"{PATH}/{path}", json={"title": "x"} if method == "PATCH" else None
        )
        assert "series_id" in refused(answer, 404)
    assert "series_id" in refused(await shared.client.post(PATH, json=body("seen")), 409)
    # Many hosts take both for one folder.
    assert "series_id" in refused(await shared.client.post(PATH, json=body("SEEN")), 409)


async def test_an_id_that_a_session_has_is_not_used(server: Server) -> None:
    """The session of that date is the second one."""
    await server.create(f"evening-{coming()}")
    series = await make(server, rule="FREQ=WEEKLY;COUNT=2")
    assert [each["session_id"] for each in series["sessions"]] == [
        f"evening-{coming()}-2",
        f"evening-{coming(8)}",
    ]


async def test_a_change_reaches_all_that_have_not_begun_and_were_not_changed_alone(server: Server) -> None:
    """Also those that are made later."""
    await make(server, starts=f"{coming(0)}T00:00", rule="FREQ=DAILY;COUNT=100")
    begun, alone, cancelled, other = (f"evening-{coming(n)}" for n in (1, 2, 3, 4))
    await server.client.post(f"/api/v2/sessions/{begun}/start")
    await server.client.patch(f"/api/v2/sessions/{alone}", json={"title": "Guest evening"})
    await server.client.post(f"/api/v2/sessions/{cancelled}/cancel")

    changed = await server.client.patch(
        f"{PATH}/evening",
        json={"title": "Late breath", "starts": f"{coming(0)}T01:15", "max_participants": 30},
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["title"], changed.json()["starts"]) == ("Late breath", f"{coming(0)}T01:15")

    room = await session(server, other)
    assert (room["title"], room["max_participants"]) == ("Late breath", 30)
    assert room["scheduled_start"] == at(coming(4), "01:15")
    assert (await session(server, begun))["title"] == "Evening breath"
    assert (await session(server, alone))["title"] == "Guest evening"
    assert (await session(server, alone))["scheduled_start"] == at(coming(2), "00:00")
    assert (await session(server, cancelled))["status"] == "cancelled"
    occurrences = {each["session_id"]: each for each in (await show(server))["occurrences"]}
    assert occurrences[cancelled]["status"] == "cancelled"
    assert occurrences[f"evening-{coming(80)}"]["scheduled_start"] == at(coming(80), "01:15")


async def test_a_change_from_a_date_on_leaves_those_before_it(server: Server) -> None:
    """What it names they keep, whatever else changes in the whole series; those after it, made later too, follow."""
    await make(server, rule="FREQ=DAILY;COUNT=90")
    before, since, after = (f"evening-{coming(n)}" for n in (2, 3, 4))
    path = f"{PATH}/evening"
    changed = await server.client.patch(
        path, json={"title": "Late breath", "starts": f"{coming()}T20:15", "since": since}
    )
    assert changed.status_code == 200, changed.text
    later = await server.client.patch(path, json={"max_participants": 30})
    assert later.status_code == 200, later.text
    kept = await session(server, before)
    assert (kept["title"], kept["max_participants"], kept["status"]) == ("Evening breath", 30, "scheduled")
    assert kept["scheduled_start"] == at(coming(2), "18:30")
    followed = [await session(server, each) for each in (since, after)]
    assert {(each["title"], each["max_participants"]) for each in followed} == {("Late breath", 30)}
    assert followed[0]["scheduled_start"] == at(coming(3), "20:15")
    occurrences = {each["session_id"]: each for each in (await show(server))["occurrences"]}
    assert occurrences[f"evening-{coming(80)}"]["scheduled_start"] == at(coming(80), "20:15")

    # An earlier date than the first: from there on, with what changed later.
    await server.client.patch(path, json={"title": "Night breath", "since": before})
    titles = [(await session(server, f"evening-{coming(n)}"))["title"] for n in (1, 2, 3)]
    assert titles == ["Evening breath", "Night breath", "Night breath"]
    assert (await session(server, before))["scheduled_start"] == at(coming(2), "18:30")

    for none in (f"evening-{coming(-1)}", "another"):
        assert "since" in refused(await server.client.patch(path, json={"title": "x", "since": none}), 400)
    await server.client.post(f"{path}/end")
    assert (await session(server, before))["status"] == "cancelled"


async def test_a_change_of_the_whole_series_reaches_the_dates_before_an_earlier_change(
    server: Server,
) -> None:
    """All that have not begun and were not changed alone, also where their dates change."""
    await make(server, rule="FREQ=DAILY;COUNT=20", description="Words")
    path = f"{PATH}/evening"
    alone, since = (f"evening-{coming(n)}" for n in (1, 5))
    await server.client.patch(f"/api/v2/sessions/{alone}", json={"title": "Guest evening"})
    body = {"title": "Late breath", "starts": f"{coming()}T20:15", "access": "invite", "since": since}
    assert (await server.client.patch(path, json=body)).status_code == 200
    assert (await server.client.patch(path, json={"title": "Breath", "description": None})).status_code == 200
    for number, time in ((2, "18:30"), (5, "20:15")):
        one = await session(server, f"evening-{coming(number)}")
        assert (one["title"], one["description"]) == ("Breath", None)
        assert one["scheduled_start"] == at(coming(number), time)
    assert (await session(server, alone))["title"] == "Guest evening"

    # Every other day at another time, and private: for all.
    body = {"rule": "FREQ=DAILY;INTERVAL=2;COUNT=10", "starts": f"{coming()}T19:00", "visibility": "private"}
    assert (await server.client.patch(path, json=body)).status_code == 200
    for number in (3, 5, 7):
        one = await session(server, f"evening-{coming(number)}")
        assert (one["scheduled_start"], one["visibility"]) == (at(coming(number), "19:00"), "private")
    for number in (2, 4):
        assert (await session(server, f"evening-{coming(number)}"))["status"] == "cancelled"
    assert (await session(server, alone))["status"] == "scheduled"


async def test_a_date_and_all_that_follow_move_to_the_day_before(server: Server) -> None:
    """The first of them too: no week goes without."""
    await make(server, rule="FREQ=WEEKLY;COUNT=4")
    body = {"starts": f"{coming(14)}T18:30", "rule": "FREQ=WEEKLY;COUNT=2", "since": f"evening-{coming(15)}"}
    assert (await server.client.patch(f"{PATH}/evening", json=body)).status_code == 200
    starts = [each["scheduled_start"] for each in (await show(server))["occurrences"]]
    assert starts == [at(coming(days)) for days in (1, 8, 14, 21)]
    assert (await session(server, f"evening-{coming(15)}"))["status"] == "cancelled"


async def test_only_from_when_on_is_no_change(server: Server) -> None:
    """It would change nothing."""
    await make(server)
    reply = await server.client.patch(f"{PATH}/evening", json={"since": f"evening-{coming()}"})
    assert "at least one field" in str(refused(reply, 400))


async def test_dates_that_leave_the_rule_are_cancelled_and_new_ones_made(server: Server) -> None:
    """A date that comes back is a session of its own."""
    first = coming()
    await make(server, rule="FREQ=WEEKLY;COUNT=4")
    weekday = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][(first.weekday() + 1) % 7]
    moved = await server.client.patch(
        f"{PATH}/evening", json={"rule": f"FREQ=WEEKLY;BYDAY={weekday};COUNT=4"}
    )
    assert [each["session_id"] for each in moved.json()["occurrences"]] == [
        f"evening-{first + timedelta(days=1 + 7 * n)}" for n in range(4)
    ]
    assert moved.json()["warnings"], "the start is no date of the rule any more"
    assert (await session(server, f"evening-{first}"))["status"] == "cancelled"
    back = await server.client.patch(f"{PATH}/evening", json={"rule": "FREQ=WEEKLY;COUNT=4"})
    assert back.json()["sessions"][0]["session_id"] == f"evening-{first}-2"
    assert (await session(server, f"evening-{first}-2"))["status"] == "scheduled"


async def test_a_change_that_does_not_fit_changes_nothing(server: Server) -> None:
    """Mistakes are named; what is null is not allowed but where there is something to take away."""
    await make(server, description="Words", listen_url="https://voice.example/x")
    path = f"{PATH}/evening"
    assert "rule" in refused(await server.client.patch(path, json={"rule": "FREQ=DAILY;UNTIL=20200101"}), 400)
    assert "title" in refused(await server.client.patch(path, json={"title": None}), 400)
    assert refused(
        await server.client.patch(path, json={"series_id": "x", "scheduled_start": "y"}), 400
    ).keys() == {
        "series_id",
        "scheduled_start",
    }
    assert refused(await server.client.patch(path, json={}), 400)
    assert "access" in refused(
        await server.client.patch(path, json={"visibility": "private", "access": "open"}), 400
    ) or "visibility" in refused(
        await server.client.patch(path, json={"visibility": "private", "access": "open"}), 400
    )
    assert (await server.client.patch(path, json={"listen_url": None})).status_code == 200
    room = await session(server, f"evening-{coming()}")
    assert (room["title"], room["listen_url"], room["description"]) == ("Evening breath", None, "Words")


async def test_the_end_of_a_series_cancels_what_is_to_come(server: Server) -> None:
    """What is live goes on; a second end is harmless; nothing is changed any more."""
    await make(server, starts=f"{coming(0)}T00:00", rule="FREQ=DAILY;COUNT=9")
    begun, next_one = f"evening-{coming(1)}", f"evening-{coming(2)}"
    await server.client.post(f"/api/v2/sessions/{begun}/start")
    await server.client.patch(f"/api/v2/sessions/{next_one}", json={"title": "Alone"})
    ended = await server.client.post(f"{PATH}/evening/end")
    assert (ended.status_code, ended.json()["status"]) == (200, "ended")
    assert [each["session_id"] for each in ended.json()["occurrences"]] == [begun]
    assert (await session(server, begun))["status"] == "live"
    assert (await session(server, next_one))["status"] == "cancelled"
    assert (await server.client.post(f"{PATH}/evening/end")).status_code == 200
    refused(await server.client.patch(f"{PATH}/evening", json={"title": "Late"}), 409)


async def test_a_series_that_is_ended_twice_is_told_once(server: Server) -> None:
    """At once and later: each of its sessions is cancelled by one notice, and those who come hear of it once."""
    made = await make(server, rule="FREQ=DAILY;COUNT=3")
    hook = {"url": "https://hooks.example/", "events": ["session.cancelled", "registration.cancelled"]}
    assert (await server.client.post("/api/v2/webhooks", json=hook)).status_code == 201
    coming_ = (await server.stranger.post(f"{PATH}/evening/registrations", json={})).json()
    first = coming_["sessions"][0]
    own = f"/api/v2/sessions/{first['session_id']}/registrations/{coming_['registration']}"
    bearer = server.bearing(first["secret"])
    await asyncio.gather(*(server.stranger.delete(own, headers=bearer) for _ in range(4)))
    ended = await asyncio.gather(*(server.client.post(f"{PATH}/evening/end") for _ in range(3)))
    ended.append(await server.client.post(f"{PATH}/evening/end"))
    assert [each.status_code for each in ended] == [200] * 4
    with sqlite3.connect(server.data / "halcytone.db") as database:
        rows = database.execute("SELECT event, payload FROM webhook_deliveries ORDER BY number").fetchall()
    cancelled = [
        json.loads(payload)["data"]["session_id"] for event, payload in rows if event[:7] == "session"
    ]
    assert sorted(cancelled) == [each["session_id"] for each in made["sessions"]]
    assert [event for event, _ in rows].count("registration.cancelled") == 1


@on_the_shared_server
async def test_a_series_whose_dates_have_all_passed_makes_nothing(shared: Server) -> None:
    """It is allowed, and said."""
    past = await make(shared, "past", starts="2020-01-01T10:00", rule="FREQ=DAILY;COUNT=3")
    assert past["sessions"] == []
    assert "past" in past["warnings"][0]


async def test_sessions_are_made_as_time_passes(tmp_path: Path) -> None:
    """By the server itself, on a clock that runs ten minutes in a second."""
    begin = datetime(2026, 3, 22, 16, 10, tzinfo=UTC)
    clock = Clock(rate=600, start=from_datetime(begin))
    async with running(tmp_path, clock=clock, rate_requests_per_minute=0) as server:
        made = await make(server, starts="2026-03-26T18:30", rule="FREQ=WEEKLY")
        known = {each["session_id"] for each in made["sessions"]}
        assert "evening-2026-05-21" not in known
        async with asyncio.timeout(30):
            while "evening-2026-05-21" not in known:
                await asyncio.sleep(0.1)
                listed = await server.client.get("/api/v2/sessions", params={"limit": 100})
                known |= {each["session_id"] for each in listed.json()["sessions"]}
        late = await session(server, "evening-2026-05-21")
        assert late["scheduled_start"] == "2026-05-21T16:30:00.000Z"


async def test_an_interrupted_change_is_finished_at_the_next_start(tmp_path: Path) -> None:
    """A series whose change was stored and not carried to its sessions."""
    async with running(tmp_path) as server:
        await make(server)
    with sqlite3.connect(tmp_path / "halcytone.db") as database:
        (document,) = database.execute("SELECT document FROM series").fetchone()
        stored = document.replace('"unapplied":false', '"unapplied":true').replace(
            "Evening breath", "Night breath"
        )
        database.execute("UPDATE series SET document = ?", [stored])
    async with running(tmp_path) as server:
        async with asyncio.timeout(10):
            while (await session(server, f"evening-{coming()}"))["title"] != "Night breath":  # noqa: ASYNC110 — over HTTP
                await asyncio.sleep(0.02)
        assert (await show(server))["title"] == "Night breath"


async def test_a_series_lives_on_postgresql_too(tmp_path: Path, postgres_url: str) -> None:
    """On two servers that share it: one makes it, the other changes sessions that are the first one's, and ends it."""
    given: dict[str, Any] = {"database_url": SecretStr(postgres_url), "rate_requests_per_minute": 0}
    async with running(tmp_path / "one", **given) as one, running(tmp_path / "two", **given) as two:
        made = await make(one, rule="FREQ=WEEKLY;COUNT=3")
        assert len(made["sessions"]) == 3
        changed = await two.client.patch(f"{PATH}/evening", json={"title": "Late breath"})
        assert changed.status_code == 200, changed.text
        async with asyncio.timeout(40):
            for each in made["sessions"]:
                while (await session(two, each["session_id"]))["title"] != "Late breath":  # noqa: ASYNC110 — over HTTP
                    await asyncio.sleep(0.1)
        await two.client.post(f"{PATH}/evening/end")
        async with asyncio.timeout(40):
            for each in made["sessions"]:
                while (await session(one, each["session_id"]))["status"] != "cancelled":  # noqa: ASYNC110 — over HTTP
                    await asyncio.sleep(0.1)
        assert (await show(one))["occurrences"] == []
