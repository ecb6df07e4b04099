"""The description of an endpoint, from which the router and the OpenAPI document are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel

__all__ = ["API", "Endpoint", "Example", "Handler", "both_spellings"]

API = "/api/v2"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Example:
    """One request to an endpoint that succeeds: the values in its path, its query, and its JSON body."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method and path. The handler's docstring becomes the operation's description.

    ``access`` is whose credential is needed; ``body`` is any type that Pydantic can validate.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Handler
    summary: str
    access: Literal["anybody", "key", "admin", "staff", "person"] = "anybody"
    body: Any = None
    query: type[BaseModel] | None = None
    many: bool = False
    """The request body is one of ``body``, or a list of them."""
    response: type[BaseModel] | None = None
    status: int = 200
    """Of a success."""
    media_type: str = "application/json"
    also: tuple[str, ...] = ()
    """Further media types of the response, on request."""
    refusals: tuple[int, ...] = ()
    """Error statuses beside those that follow from access, body and path."""

    @property
    def name(self) -> str:
        """Its method and path."""
        return f"{self.method} {self.path}"


def both_spellings(path: str) -> tuple[str, ...]:
    """A path, and the same with ``/session/`` for ``/sessions/`` or the other way round: both are served."""
    for one, other in (("/sessions/", "/session/"), ("/session/", "/sessions/")):
        if path.startswith(API + one):
            return path, API + other + path.removeprefix(API + one)
    return (path,)
