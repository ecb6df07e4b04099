"""A whole server on a free port, its publisher replaced by one that waits, and a client with its key."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from engine.api.http.endpoint import both_spellings
from engine.api.http.openapi import document
from engine.api.routes import ENDPOINTS
from engine.app import RunningServer, running_server
from engine.clock import Clock
from engine.protocol.tokens import Tokens
from engine.settings import Settings
from engine.storage.signing_key import signing_key
from engine.storage.sqlite import SqliteDatabase
from tests.fork_server import publisher as forked_publisher
from tests.plain_http import plain_client
from tests.storage.empty_tables import give_tables

KEY = "the administrator's key"
# Reads its input to the end and does nothing: the outbox stays as it is.
IDLE = ("sh", "-c", "while read line; do :; done")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``client`` carries the key, ``stranger`` nothing."""

    url: str
    data: Path
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient

    def bearing(self, secret: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"}

    def resume(self, session_id: str, client_id: str) -> dict[str, str]:
        """What proves ``client_id``; made as the server makes it."""
        return self.bearing(Tokens(signing_key(self.data)).resume(session_id, client_id))

    async def create(self, session_id: str = "morning", **changes: Any) -> dict[str, Any]:
        made = await self.client.post("/api/v2/sessions/create", json=creation(session_id, **changes))
        assert made.status_code == 201, made.text
        room: dict[str, Any] = made.json()
        return room

    async def event(self, kind: str, session_id: str = "morning", **data: Any) -> httpx.Response:
        event = {"type": kind, "data": data}
        return await self.client.post(f"/api/v2/sessions/{session_id}/events", json=event)


_DOCUMENTED = {
    (method.upper(), spelling): set(operation["responses"])
    for path, operations in document(ENDPOINTS, version="1", server="", examples={})["paths"].items()
    for spelling in both_spellings(path)
    for method, operation in operations.items()
}


async def documented(response: httpx.Response) -> None:
    """Fail at a status that the API's document does not name for this method and path."""
    method, asked = response.request.method, response.request.url.path
    paths = [path for of, path in _DOCUMENTED if of == method and _matches(path, asked)]
    if paths:
        statuses = _DOCUMENTED[method, min(paths, key=lambda path: path.count("{"))]
        assert str(response.status_code) in statuses, (method, asked, response.status_code)


def _matches(path: str, asked: str) -> bool:
    parts, given = path.split("/"), asked.split("/")
    return len(parts) == len(given) and all(
        part.startswith("{") or part == name for part, name in zip(parts, given, strict=True)
    )


def creation(session_id: str = "morning", **changes: Any) -> dict[str, Any]:
    body = {
        "session_id": session_id,
        "title": "Morning Mindfulness",
        "scheduled_start": moment(minutes=10),
        "instructor": "Sarah Chen",
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


def moment(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def content(session_id: str = "morning", **changes: Any) -> dict[str, Any]:
    body = {
        "title": "Morning Breathing",
        "content": "Start your day with mindful breathing",
        "session_id": session_id,
        "session_duration": 1800,
        "participant_count": 25,
        "breathing_techniques": ["Box Breathing"],
        "average_hrv_improvement": 10.5,
        "session_type": "live",
        "instructor_name": "John Doe",
        "session_date": moment(hours=-2),
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


def settings(data: Path, **given: Any) -> Settings:
    values: dict[str, Any] = {"port": 0, "data": data, "api_key": SecretStr(KEY), **given}
    return Settings(**values)


@asynccontextmanager
async def quick_server(
    given: Settings, publisher: Sequence[str] | None = IDLE, clock: Clock | None = None
) -> AsyncIterator[RunningServer]:
    """A server in this process that is ready much sooner than others; ``publisher`` None is the real one."""
    command = forked_publisher(given.data) if publisher is None else publisher
    if given.database_url is None:
        give_tables(given.data)
    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            # Eight megabytes for each of hundreds of servers, which takes as long as the rest of a start.
            patch.setattr(SqliteDatabase, "preallocate", lambda _: None)
            here = await stack.enter_async_context(running_server(given, clock or Clock(), publisher=command))
        yield here


@asynccontextmanager
async def running(
    data: Path, publisher: Sequence[str] | None = IDLE, *, clock: Clock | None = None, **given: Any
) -> AsyncIterator[Server]:
    """A server on ``data``; ``publisher`` None is the real one."""
    async with quick_server(settings(data, **given), publisher, clock) as here:
        # Nobody knows the name of a public address here.
        url = f"http://127.0.0.1:{here.port}" if "public_url" in given else here.url
        async with (
            plain_client(
                base_url=url,
                headers={"Authorization": f"Bearer {KEY}"},
                event_hooks={"response": [documented]},
            ) as client,
            plain_client(base_url=url, event_hooks={"response": [documented]}) as stranger,
        ):
            yield Server(url, data, client, stranger)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """One for a single test."""
    async with running(tmp_path) as here:
        yield here


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def publishing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One with its real publisher, for all tests of a module."""
    async with running(tmp_path_factory.mktemp("publishing"), None, rate_requests_per_minute=0) as here:
        yield here


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unchanged(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One with the session ``morning``, for all tests of a module that change nothing."""
    data = tmp_path_factory.mktemp("unchanged")
    async with running(data, rate_requests_per_minute=0) as here:
        await here.create()
        yield here


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for all tests of a module, without a limit on requests."""
    async with running(tmp_path_factory.mktemp("shared"), rate_requests_per_minute=0) as here:
        yield here


async def on_one_connection(server: Server, *requests: bytes) -> list[bytes]:
    """Requests sent at once on one connection; everything that comes back, cut where an answer begins."""
    parts = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(b"".join(requests))
        came = await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()
        await writer.wait_closed()
    return re.split(rb"(?=HTTP/1\.[01] \d{3} )", came)[1:]


def asking(line: str, *headers: str, body: bytes = b"") -> bytes:
    """One request as it goes over the wire, with a body of known length if there is one."""
    length = (f"Content-Length: {len(body)}",) if body else ()
    head = "\r\n".join((f"{line} HTTP/1.1", "Host: here", *headers, *length))
    return head.encode() + b"\r\n\r\n" + body


LAST = asking("GET /healthz", "Connection: close")
"""Ends a connection, and shows that it was still in order."""


def refused_over_wire(answer: bytes, status: int) -> dict[str, str]:
    """The same as ``refused``, of an answer as it came over the wire."""
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = [line.decode("latin-1").split(": ", 1) for line in head.split(b"\r\n")[1:]]
    return refused(httpx.Response(int(head.split()[1]), headers=dict(headers), content=body), status)


def refused(answer: httpx.Response, status: int) -> dict[str, str]:
    """The reasons per field of a refusal, whose shape is checked."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.keys() == {"error", "message", "details"}
    assert isinstance(body["error"], str)
    assert body["message"]
    assert "Traceback" not in answer.text
    details: dict[str, str] = body["details"]
    return details
