"""One endpoint: what the router and the OpenAPI document both need to know of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel

__all__ = ["API", "Endpoint", "Handler", "both_spellings"]

API = "/api/v2"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``access`` says whose credential is needed; ``body`` is a type that Pydantic knows."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Handler
    summary: str
    access: Literal["anybody", "key", "staff", "person"] = "anybody"
    body: Any = None
    query: type[BaseModel] | None = None
    many: bool = False
    """The body is one of ``body``, or a list of them."""
    answer: type[BaseModel] | None = None
    status: int = 200
    media_type: str = "application/json"
    also: tuple[str, ...] = ()
    """Further media types of the answer, on request."""
    refusals: tuple[int, ...] = ()
    """Beside those that follow from access, body and path."""


def both_spellings(path: str) -> tuple[str, ...]:
    """``/session/`` and ``/sessions/`` are the same place."""
    for one, other in (("/sessions/", "/session/"), ("/session/", "/sessions/")):
        if path.startswith(API + one):
            return path, API + other + path.removeprefix(API + one)
    return (path,)
