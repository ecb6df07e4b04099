"""Our server as the benchmark uses it: its command line, its HTTP API, and the clients' handshakes."""

import http.client
import json
import re
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.dialects import Phase, upgrade

__all__ = ["ENVIRONMENT", "KEY", "NAME", "Api", "command", "commit_quantile", "commits", "join", "lead"]

NAME = "Halcytone Live"
KEY = "bench-administrator-key-of-no-secret"

ENVIRONMENT = {
    "HALCYTONE_API_KEY": KEY,
    # The limits protect a studio from a stranger; a load generator is one on purpose.
    "HALCYTONE_RATE_MESSAGES_PER_MINUTE": "0",
    "HALCYTONE_RATE_CONNECTIONS_PER_MINUTE": "0",
    "HALCYTONE_RATE_REQUESTS_PER_MINUTE": "0",
    "HALCYTONE_LOG_LEVEL": "warning",
    # As wherever it is installed: compiled once, not at every start.
    "PYTHONDONTWRITEBYTECODE": "",
}


def command(port: int, data: Path) -> list[str]:
    """The command line that starts the server on `port` with its data in `data`."""
    serve = ["serve", "--host", "127.0.0.1", "--port", str(port), "--data", str(data)]
    return [sys.executable, "-m", "engine.cli", *serve]


@dataclass(frozen=True)
class Session:
    """A session that was created, with the token of its instructor."""

    session_id: str
    instructor: str


class Api:
    """One connection to the HTTP API, with the administrator's key."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """Post JSON and return the JSON that comes back.

        Raises:
            RuntimeError: the answer is a refusal.
        """
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        self._connection.request("POST", path, json.dumps(body), headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status >= 300:
            raise RuntimeError(f"POST {path}: {response.status} {text[:400]!r}")
        answer: dict[str, Any] = json.loads(text)
        return answer

    def create(self, session_id: str, most: int) -> Session:
        """Create a session for up to `most` participants and start it."""
        room = {
            "session_id": session_id,
            "title": "Bench",
            "scheduled_start": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "instructor": "Bench",
            "max_participants": most,
        }
        created = self.post("/api/v2/sessions/create", room)
        self.post(f"/api/v2/sessions/{session_id}/start", {})
        return Session(session_id, created["tokens"]["instructor"])


def _live(**query: str) -> list[Phase]:
    return [(upgrade(f"/ws/live-updates?{urlencode(query)}"), b'"welcome"')]


def lead(session: Session) -> list[Phase]:
    """The handshake of the instructor's socket."""
    return _live(session_id=session.session_id, role="instructor", token=session.instructor)


def join(session_id: str, name: str, **more: str) -> list[Phase]:
    """The handshake of a participant's socket; `more` has the parameters of a reconnect."""
    return _live(session_id=session_id, role="participant", name=name, **more)


_COMMITS = re.compile(r'^halcytone_commit_seconds_bucket\{le="([^"]+)"\} (\S+)', re.M)


def commits(port: int) -> dict[float, float]:
    """How many commits of the journal took at most so many seconds, as `/metrics` counts them since the start."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {float(limit): float(count) for limit, count in _COMMITS.findall(text)}


def commit_quantile(before: Mapping[float, float], after: Mapping[float, float], share: float) -> float:
    """Seconds within which a share of the commits between two looks was made, even within a bucket as Prometheus has it.

    Raises:
        ValueError: there was none.
    """
    limits = sorted(after)
    counts = [after[limit] - before.get(limit, 0.0) for limit in limits]
    rank = share * counts[-1]
    if rank == 0:
        raise ValueError("nothing was committed")
    below, lower = 0.0, 0.0
    for limit, count in zip(limits, counts, strict=True):
        if count >= rank:
            return (
                lower if limit == float("inf") else lower + (limit - lower) * (rank - below) / (count - below)
            )
        below, lower = count, limit
    raise AssertionError("the last bucket has everything")
