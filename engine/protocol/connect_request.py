"""The connect request of a live socket: the query of its URL, parsed and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from pydantic import TypeAdapter, ValidationError

from engine.domain.rejection import Invalid, Rejected
from engine.domain.session import Role
from engine.domain.text import ClientId, Name, SessionId

__all__ = ["ConnectRequest", "parse_connect_request", "requested_session_id"]

_SESSION_ID: TypeAdapter[str] = TypeAdapter(SessionId)
_CLIENT_ID: TypeAdapter[str] = TypeAdapter(ClientId)
_NAME: TypeAdapter[str] = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """The parsed query of a live socket's URL.

    ``after`` and ``epoch``: the last ``seq`` the client has, and of which journal. ``hello``: a first frame with the secrets
    follows.
    """

    session_id: str
    role: Role
    client_id: str | None
    name: str | None
    after: int | None
    epoch: str | None
    token: str | None
    resume: str | None
    hello: bool


def parse_connect_request(text: str) -> ConnectRequest:
    """Parse the query of a live socket's URL.

    Raises:
        Rejected: with every mistake; a missing or impossible ``session_id`` is one of no session.
    """
    # Not ``request.query``: what aiohttp reads, it keeps for as long as the socket is open.
    query = _pairs(text)
    session_id = _session_id(query)
    if session_id is None:
        raise Rejected("unknown_session", "There is no such session: session_id is missing or impossible.")
    wrong: dict[str, str] = {}
    role = Role.PARTICIPANT
    try:
        role = Role(query.get("role", Role.PARTICIPANT))
    except ValueError:
        wrong["role"] = f"one of {', '.join(Role)}"
    client_id = _optional(_CLIENT_ID, query, "client_id", "1 to 100 letters, digits or . _ : @ -", wrong)
    name = _optional(_NAME, query, "name", "1 to 200 characters in one line", wrong)
    after: int | None = None
    if query.get("after"):
        if query["after"].isascii() and query["after"].isdigit() and len(query["after"]) < 16:
            after = int(query["after"])
        else:
            wrong["after"] = "a whole number, the seq of the last message"
    if wrong:
        raise Invalid("invalid_message", "The address of this socket is wrong.", wrong)
    return ConnectRequest(
        session_id,
        role,
        client_id,
        name,
        after,
        query.get("epoch") or None,
        query.get("token") or None,
        query.get("resume") or None,
        query.get("hello") == "1",
    )


def requested_session_id(text: str) -> str | None:
    """The ``session_id`` of a query, whatever else is wrong with it; None where it is no possible one."""
    return _session_id(_pairs(text))


def _pairs(text: str) -> dict[str, str]:
    return dict(reversed(parse_qsl(text, keep_blank_values=True)))


def _session_id(query: Mapping[str, str]) -> str | None:
    try:
        return _SESSION_ID.validate_python(query.get("session_id", ""))
    except ValidationError:
        return None


def _optional(
    kind: TypeAdapter[str], query: Mapping[str, str], field: str, rule: str, wrong: dict[str, str]
) -> str | None:
    text = query.get(field)
    if not text:
        return None
    try:
        return kind.validate_python(text)
    except ValidationError:
        wrong[field] = rule
        return None
