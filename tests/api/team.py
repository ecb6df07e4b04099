"""A server with the keys of a team, for tests of what each of them may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.storage.keys import KeyRole, Keys
from engine.storage.opening import database_of
from tests.api.conftest import KEY, Server, creation, running
from tests.api.test_series import body as series_body

API = "/api/v2"


@dataclass(frozen=True, slots=True)
class Team:
    """A server with the keys of a team; ``mara`` made ``own`` and the series ``weekly``, ``other`` is somebody else's."""

    server: Server
    secrets: dict[str, str]

    async def ask(self, who: str, method: str, path: str, **given: Any) -> Any:
        """Send a request with somebody's credential."""
        secret = self.secrets.get(who)
        headers = {} if secret is None else self.server.bearing(secret)
        return await self.server.stranger.request(method, API + path, headers=headers, **given)

    async def make(self, who: str, session_id: str, **changes: Any) -> dict[str, Any]:
        """A session that somebody made."""
        made = await self.ask(who, "POST", "/sessions/create", json=creation(session_id, **changes))
        assert made.status_code == 201, made.text
        room: dict[str, Any] = made.json()
        return room


@asynccontextmanager
async def running_team(data: Path, **given: Any) -> AsyncIterator[Team]:
    """The team's server, from an empty folder."""
    async with running(data, rate_requests_per_minute=0, **given) as server:
        with closing(Keys(database_of(data, None))) as keys:
            secrets = {
                "mara": keys.create("Mara", 1),
                "ivy": keys.create("Ivy", 1, KeyRole.INSTRUCTOR, "ivy@example.org"),
                "adam": keys.create("Adam", 1, KeyRole.ASSISTANT),
                "boss": keys.create("Boss", 1, KeyRole.ADMIN),
            }
        team = Team(server, {**secrets, "admin": KEY})
        made = await team.make("mara", "own")
        team.secrets["token"] = made["tokens"]["instructor"]
        team.secrets["guest"] = made["tokens"]["participant"]
        assert (await team.ask("mara", "POST", "/series", json=series_body("weekly"))).status_code == 201
        await server.create("other")
        assert (await server.client.post(f"{API}/series", json=series_body("elsewhere"))).status_code == 201
        yield team
