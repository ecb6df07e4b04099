"""Who came and how it felt, over HTTP: of a session and of a series, as JSON and as tables."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest
import websockets

from engine.storage.meta import Meta
from engine.storage.opening import database_of
from tests.api.conftest import Server, refused
from tests.api.test_registrations import come
from tests.api.test_series import body as series_body

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def enter(server: Server, session_id: str, client_id: str, **query: str) -> websockets.ClientConnection:
    """Come in over a live socket; returns it once one is in."""
    parameters = urlencode({"session_id": session_id, "client_id": client_id, **query})
    socket = await websockets.connect(f"{server.url.replace('http', 'ws', 1)}/ws/live-updates?{parameters}")
    assert json.loads(await socket.recv())["type"] == "welcome"
    return socket


async def rate(socket: websockets.ClientConnection, technique: str, rating: int) -> None:
    """Rate a technique, and wait until that is stored."""
    await socket.send(
        json.dumps({"type": "technique_feedback", "data": {"technique": technique, "rating": rating}})
    )
    while json.loads(await socket.recv())["type"] != "feedback_received":
        pass


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def told(server: Server, path: str) -> dict[str, Any]:
    answer = await server.client.get(f"/api/v2{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_who_came_of_those_who_had_said_so_and_how_it_felt(shared: Server) -> None:
    """By name and in sums; whoever withdrew is in no list, and a name that is a formula runs in no spreadsheet."""
    await shared.create("held", max_participants=4)
    anna = await come(shared, "held", name="=Anna")
    await come(shared, "held", name="Ben")
    sockets = [
        await enter(shared, "held", anna["registration"], resume=anna["secret"]),
        await enter(shared, "held", "walk-in", name="Dan"),
        await enter(shared, "held", "gone"),
    ]
    await shared.client.post("/api/v2/sessions/held/start")
    for socket, rating in zip(sockets[:2], (5, 4), strict=True):
        await rate(socket, "Box Breathing", rating)
    await rate(sockets[1], "Humming", 2)
    assert (await shared.client.post("/api/v2/sessions/held/end")).status_code == 200
    for socket in sockets:
        await socket.close()
    for client_id, rating in ((anna["registration"], 5), ("walk-in", 4)):
        given = await shared.stranger.post(
            "/api/v2/sessions/held/me/feedback",
            json={"rating": rating},
            headers=shared.resume("held", client_id),
        )
        assert given.status_code == 200, given.text
    left = await shared.stranger.delete("/api/v2/sessions/held/me", headers=shared.resume("held", "gone"))
    assert left.status_code == 200
    found = await told(shared, "/sessions/held/attendance")
    sums = {name: found[name] for name in ("came", "registered", "registered_came", "waiting")}
    assert sums == {"came": 3, "registered": 2, "registered_came": 1, "waiting": 0}
    people = [(each["name"], each["registered"], each["came"], each["minutes"]) for each in found["people"]]
    assert people == [
        ("=Anna", "coming", True, 0),
        ("Ben", "coming", False, None),
        ("Dan", None, True, 0),
    ]
    rated = await told(shared, "/sessions/held/ratings")
    assert (rated["ratings"], rated["average"]) == (2, 4.5)
    assert rated["techniques"] == [
        {"technique": "Box Breathing", "ratings": 2, "average": 4.5},
        {"technique": "Humming", "ratings": 1, "average": 2.0},
    ]
    sheet = await shared.client.get("/api/v2/sessions/held/attendance?format=csv")
    assert sheet.headers["content-disposition"] == 'attachment; filename="attendance-held.csv"'
    assert [(row["name"], row["came"], row["minutes"]) for row in table(sheet.text)] == [
        ("'=Anna", "true", "0"),
        ("Ben", "false", ""),
        ("Dan", "true", "0"),
    ]
    sheet = await shared.client.get("/api/v2/sessions/held/ratings?format=csv")
    assert table(sheet.text)[1] == {"technique": "Humming", "ratings": "1", "average": "2.0"}
    for path in ("attendance", "ratings"):
        refused(await shared.stranger.get(f"/api/v2/sessions/held/{path}"), 401)
        headers = shared.resume("held", "walk-in")
        refused(await shared.stranger.get(f"/api/v2/sessions/held/{path}", headers=headers), 403)
        assert refused(await shared.client.get(f"/api/v2/sessions/held/{path}?format=xls"), 400)


async def test_the_dates_of_a_series_that_were_held(shared: Server) -> None:
    """How many had said so, and how many came; what is to come and what was cancelled is in no row."""
    made = await shared.client.post("/api/v2/series", json=series_body("classes"))
    first, second = (each["session_id"] for each in made.json()["sessions"][:2])
    assert (await told(shared, "/series/classes/attendance"))["sessions"] == []
    await come(shared, first, name="Anna")
    await come(shared, first, name="Ben")
    await shared.client.post(f"/api/v2/sessions/{first}/start")
    socket = await enter(shared, first, "walk-in")
    await shared.client.post(f"/api/v2/sessions/{first}/end")
    await socket.close()
    await shared.client.post(f"/api/v2/sessions/{second}/cancel")
    (row,) = (await told(shared, "/series/classes/attendance"))["sessions"]
    assert (row["session_id"], row["registered"], row["waiting"], row["came"]) == (first, 2, 0, 1)
    assert row["average_rating"] is None
    sheet = await shared.client.get("/api/v2/series/classes/attendance?format=csv")
    assert [(each["session_id"], each["came"]) for each in table(sheet.text)] == [(first, "1")]
    with database_of(shared.data).connect() as connection:
        # Nothing of people is kept for a day: this date is past retention.
        days = Meta(connection).get("retention_days") or ""
        Meta(connection).set("retention_days", "-1")
        (row,) = (await told(shared, "/series/classes/attendance"))["sessions"]
        assert (row["registered"], row["waiting"], row["came"]) == (None, None, 1)
        found = await told(shared, f"/sessions/{first}/attendance")
        assert (found["registered"], found["registered_came"], found["waiting"]) == (None, None, None)
        Meta(connection).set("retention_days", days)
