"""What must be seen once, and what must never be seen."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp

from halcytone.client import LiveClient
from tests.journey.server import KEY, Server, running_server
from tests.journey.session import created


async def test_the_first_start_prints_the_key_it_made_once(tmp_path: Path) -> None:
    """Without a key of the operator's the first start makes one that works; the second start prints none."""
    server = Server(tmp_path / "data", api_key="")
    await server.start()
    while not (found := re.search(r"hk_\S+", await server.line())):
        pass
    headers = {"Authorization": f"Bearer {found[0]}"}
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.url}/api/v2/sessions", headers=headers) as answer,
    ):
        assert answer.status == 200
    assert await server.stop() == 0
    await server.start()
    assert await server.stop() == 0
    assert "hk_" not in await server.rest()
    assert found[0] not in server.log.read_text()


async def test_no_token_resume_or_key_is_in_a_log(tmp_path: Path) -> None:
    """In the debug mode too, whatever stands in the address of a request stays out of the log."""
    async with (
        running_server(tmp_path / "data", log_level="debug") as server,
        aiohttp.ClientSession() as http,
    ):
        room = await created(http, server.url, "secret")
        token = room["tokens"]["instructor"]
        instructor = LiveClient(http, server.url, "secret", role="instructor", token=token)
        welcome = await instructor.connect()
        await instructor.drop()
        await instructor.connect()
        for secret in (token, welcome["resume"], KEY, "hk_wrong"):
            async with http.get(
                f"{server.url}/api/v2/sessions/secret?token={secret}&resume={secret}"
            ) as answer:
                assert answer.status in (200, 400)
        await instructor.close()
        await server.stop()
        log = server.log.read_text()
    assert "secret" in log
    for secret in (token, welcome["resume"], KEY, "hk_wrong"):
        assert secret not in log
