"""Everything the OpenAPI document describes, with data made up by schemathesis: no answer may be a server error.

``python -m tests.fuzz.api [--seed N] [--seconds S] [--examples N]``. The document is the server's own, but that its paths
name sessions that exist, so that requests get behind authentication and look-up. Rounds follow each other, each with a seed of its own, until
the time is over. What must hold beside the answers: no traceback in the log, and at the end the server holds what it
held before. Exit status 0 when nothing was found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from engine.protocol.tokens import Tokens
from engine.storage.signing_key import signing_key
from tests.fuzz.watched_server import WatchedServer, compare, watched_server
from tests.journey.server import KEY
from tests.stress.logs import Faults

__all__ = ["run"]

MEGABYTES_LEFT = 64.0
"""The most by which memory may have grown: what is imported with first use, and generated sessions that stay a while."""
SESSIONS = ("scheduled", "under-way", "ended", "cancelled", "published", "never-created")
PERSON = "ann"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
_PHASES = "examples,coverage,fuzzing"
_SHORTEST_RUN_S = 20.0
_REQUESTS = re.compile(r"([\d,]+) generated")


async def run(seed: int, seconds: float, examples: int, faults: Faults) -> list[str]:
    """Rounds against a server of our own until the time is over, at least one; returns the figures, and notes faults.

    A round asks with the administrator's key, and then what concerns one participant with that one's credential.
    """
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        async with watched_server(Path(folder), faults) as server:
            async with httpx.AsyncClient(base_url=server.server.url, headers=_bearer(KEY)) as client:
                await _furnish(client)
                document = (await client.get("/api/openapi.json")).json()
            schema = Path(folder) / "openapi.json"
            schema.write_text(json.dumps(_with_sessions(document)))
            person = Tokens(signing_key(server.server.data)).resume("under-way", PERSON)
            counts: Counter[str] = Counter()
            before, rounds = await server.look(), 0
            while not rounds or time.monotonic() < until:
                number = seed * 1000 + rounds
                arguments = ("--max-examples", str(examples), "--seed", str(number), "--phases", _PHASES)
                only_me = ("--include-path-regex", "/me", *arguments)
                await _round(server, schema, KEY, counts, until - time.monotonic(), *arguments)
                await _round(server, schema, person, counts, until - time.monotonic(), *only_me)
                rounds += 1
            after = await server.look()
            rows = [
                f"seed {seed}: {rounds} rounds, {counts['requests']:,} requests that schemathesis generated"
            ]
            return rows + compare(before, after, faults, megabytes=MEGABYTES_LEFT)


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


async def _round(
    server: WatchedServer, schema: Path, secret: str, counts: Counter[str], left: float, *arguments: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", str(schema), "--url", server.server.url, "--header", f"Authorization: Bearer {secret}"),
        *("--checks", CHECKS, "--mode", "all", "--continue-on-failure", "--request-timeout", "60"),
        *("--suppress-health-check", "all", "--no-color", "--max-time", str(int(max(_SHORTEST_RUN_S, left)))),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=schema.parent,
    )
    said = (await process.communicate())[0].decode(errors="replace")
    requests = sum(int(found[1].replace(",", "")) for found in _REQUESTS.finditer(said))
    counts["requests"] += requests
    if not requests:
        server.faults.add("nothing tried", said[-2000:])
    if process.returncode:
        server.faults.add("schemathesis", f"{arguments}\n{said[-6000:]}")


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def main() -> int:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.api", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--examples", type=int, default=20, help="per operation and round")
    given = parser.parse_args()
    faults = Faults()
    rows = asyncio.run(run(given.seed, given.seconds, given.examples, faults))
    faulty = [f"{times} × {kind}" for kind, times in faults.counts.items()] + faults.shown
    sys.stdout.write("\n".join([*rows, *(faulty or ["no fault found"])]) + "\n")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
