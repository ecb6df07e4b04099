"""Everything the OpenAPI document describes, with data made up by schemathesis: no answer may be a server error.

``python -m tests.fuzz.api [examples per operation] [seed]``. The document is the server's own, but that its
paths name sessions that exist, so that requests get behind the door. Exit status 0 when nothing was found.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from engine.app import running_server
from engine.clock import Clock
from engine.operations.logging import configure
from engine.protocol.tokens import Tokens
from engine.settings import Settings
from engine.storage.keys import signing_key

KEY = "a key for the fuzzer"
SESSIONS = ("scheduled", "under-way", "ended", "cancelled", "published", "never-created")
PERSON = "ann"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


async def main(examples: int, seed: int) -> int:
    """Run schemathesis against a server of our own: once with the key, once as one of the people."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        settings = Settings(
            port=0, data=data, api_key=SecretStr(KEY), rate_requests_per_minute=0, log_level="error"
        )
        async with running_server(settings, Clock()) as here:
            async with httpx.AsyncClient(base_url=here.url, headers=_bearer(KEY), timeout=60) as client:
                await _furnish(client)
                document = (await client.get("/api/openapi.json")).json()
            schema = Path(folder) / "openapi.json"
            schema.write_text(json.dumps(_with_sessions(document)))
            person = Tokens(signing_key(data)).resume("under-way", PERSON)
            arguments = ("--max-examples", str(examples), "--seed", str(seed))
            with_key = await _run(schema, here.url, KEY, *arguments)
            as_person = await _run(schema, here.url, person, "--include-path-regex", "/me", *arguments)
    return with_key or as_person


async def _furnish(client: httpx.AsyncClient) -> None:
    """A session in every state."""
    for session_id in SESSIONS[:-1]:
        start = "2030-01-01T10:00:00Z" if session_id == "scheduled" else "2024-01-01T10:00:00Z"
        body = {
            "session_id": session_id,
            "title": "Fuzzed",
            "scheduled_start": start,
            "instructor": "Somebody",
        }
        await _sent(client, "sessions/create", body)
    joined = {"type": "participant.joined", "data": {"participant_id": PERSON, "name": "Ann"}}
    for session_id in ("under-way", "ended", "published"):
        await _sent(client, f"sessions/{session_id}/start", None)
        await _sent(client, f"sessions/{session_id}/events", joined)
    for session_id in ("ended", "published"):
        await _sent(client, f"sessions/{session_id}/end", None)
    await _sent(client, "sessions/cancelled/cancel", None)


async def _sent(client: httpx.AsyncClient, path: str, body: Any) -> None:
    (await client.post(f"/api/v2/{path}", json=body)).raise_for_status()


def _with_sessions(document: dict[str, Any]) -> dict[str, Any]:
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and parameter["name"] in ("session_id", "id"):
                    parameter["schema"] = {"type": "string", "enum": list(SESSIONS)}
                elif parameter["name"] == "channel":
                    parameter["schema"] = {"type": "string", "enum": ["email", "twitter", "linkedin", "fax"]}
    return document


async def _run(schema: Path, url: str, secret: str, *arguments: str) -> int:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", str(schema), "--url", url, "--header", f"Authorization: Bearer {secret}"),
        *("--checks", CHECKS, "--mode", "all", "--continue-on-failure", "--request-timeout", "60"),
        *("--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all", "--no-color"),
        *arguments,
    )
    return await process.wait()


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


if __name__ == "__main__":
    configure("error")
    given = [int(argument) for argument in sys.argv[1:]]
    raise SystemExit(asyncio.run(main(*(given + [20, 1][len(given) :]))))
