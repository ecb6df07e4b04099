"""Expected refusals as one tree of exceptions, caught in one place at each edge.

What is not a ``Rejected`` is a bug, and crashes the actor that met it.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "BadCredential",
    "Conflict",
    "Forbidden",
    "Invalid",
    "Moved",
    "NotFound",
    "Rejected",
    "Unavailable",
    "unknown_session",
]


class Rejected(Exception):
    """A refusal with a ``code`` for programs, a sentence for people, and the reason per field."""

    status = 400

    def __init__(self, code: str, message: str, details: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = dict(details or {})


class Invalid(Rejected):
    """The data is wrong; ``details`` names every field that is."""


class BadCredential(Rejected):
    """No credential, or one that proves nothing here."""

    status = 401


class Forbidden(Rejected):
    """Known, but not allowed."""

    status = 403


class NotFound(Rejected):
    """There is no such session (or other named thing)."""

    status = 404


def unknown_session(session_id: str) -> NotFound:
    """The refusal for a session that does not exist, and for one that whoever asks may not know of: the same."""
    return NotFound("unknown_session", f"There is no session {session_id}.", {"session_id": "unknown"})


class Conflict(Rejected):
    """Right in itself, but not in the present state."""

    status = 409


class Unavailable(Rejected):
    """Not now: the server drains, or its storage refuses."""

    status = 503


class Moved(Unavailable):
    """Another server of this studio has the session; ``url`` is where other servers reach that one."""

    def __init__(self, session_id: str, node: str, url: str) -> None:
        super().__init__("unavailable", "The session is on another server of this studio; try again.")
        self.session_id = session_id
        self.node = node
        self.url = url
