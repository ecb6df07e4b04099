"""Whatever a real server sends over its sockets is as the AsyncAPI document describes it, with no field more."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

from engine.protocol.live_models import UNNUMBERED
from tests.api.conftest import Server, moment
from tests.protocol.described import check_described


class Line:
    """A socket, and every message that came over it, as it came: ``halcytone.client`` would look at the numbers first."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.got: list[dict[str, Any]] = []

    async def send(self, kind: str, **data: Any) -> None:
        await self._socket.send_json({"type": kind, "id": f"{kind}-1", "data": data})

    async def until(self, kind: str, **content: Any) -> None:
        """Read until a message of a kind has come whose content has these values."""
        async with asyncio.timeout(20):
            while not any(
                each["type"] == kind and content.items() <= {**each, **each.get("content", {})}.items()
                for each in self.got
            ):
                self.got.append(json.loads((await self._socket.receive()).data))

    async def rest(self) -> None:
        """Read until the socket is closed."""
        async with asyncio.timeout(20):
            async for frame in self._socket:
                self.got.append(json.loads(frame.data))


async def test_what_sockets_send_is_as_it_is_told(server: Server) -> None:
    """A participant, a wall, an instructor and a platform go through a session in which everything happens once."""
    await server.create(scheduled_start=moment(minutes=1), techniques=["Box Breathing", "Kapalabhati"])
    live, key = f"{server.url}/ws/live-updates?session_id=morning", server.client.headers
    async with aiohttp.ClientSession() as http:
        wall = Line(await http.ws_connect(f"{live}&role=observer"))
        staff = Line(
            await http.ws_connect(f"{live}&role=instructor", headers={"Authorization": key["Authorization"]})
        )
        ada = Line(await http.ws_connect(f"{live}&name=Ada"))
        await ada.until("welcome")
        me = ada.got[0]["client_id"]
        await staff.send("start")
        await staff.until("ack", reply_to="start-1")
        await staff.send("change_technique", technique="Box Breathing", duration=60)
        await staff.send("announce", title="Welcome", message="Sit down.", action_url="/here", type="tip")
        await staff.send("vouch", client_id=me, vouched=True)
        await staff.send("lock", locked=False)
        await ada.send("heartbeat")
        await ada.send("chat", message="Hello")
        await ada.send("technique_feedback", technique="Box Breathing", rating=4, difficulty=2)
        await ada.send("session_feedback", rating=5)
        await ada.send("raise_hand", raised=True)
        await ada.send("need_to_stop")
        await ada.send("consent", heart_rate=True, group=True, version="1")
        await ada.send("hrv_update", hrv_value=40)
        await ada.send("heart_rate", rr=[800.0, 810.0], bpm=75.0)
        await ada.send("start")
        await ada.until("own_metrics", computed_by="client")
        await ada.until("own_metrics", state="settling")
        await ada.until("metrics_update")
        await ada.until("error", reply_to="start-1")
        platform = Line(
            await http.ws_connect(
                f"{server.url}/ws/sessions/morning/events", headers={"Authorization": key["Authorization"]}
            )
        )
        for _ in range(2):
            await platform.send("hrv.milestone", improvement=10.0)
        await platform.until("ack", repeated=True)
        late = Line(
            await http.ws_connect(f"{live}&role=instructor", headers={"Authorization": key["Authorization"]})
        )
        await late.until("welcome")
        await staff.send("end")
        for line in (wall, staff, ada, late):
            await line.rest()
        seen = {
            check_described(message) for line in (wall, staff, ada, late, platform) for message in line.got
        }
    assert {f"message_{name}" for name in (*UNNUMBERED, "welcome")} <= seen
