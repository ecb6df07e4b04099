"""Reading request bodies and query strings, strictly: JSON in UTF-8, at most 1 MiB, no field twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.api.http.app_keys import reauthenticate
from engine.domain.rejection import Invalid, Rejected
from engine.protocol.reasons import reasons

__all__ = [
    "MAX_BODY",
    "TooLarge",
    "checked",
    "flag",
    "query_of",
    "read_body",
    "read_empty",
    "read_json",
]

MAX_BODY = 1024 * 1024
_MAX_DEPTH = 60
_BODY = web.RequestKey("body", bytes)

_Model = TypeVar("_Model", bound=BaseModel)


class TooLarge(Rejected):
    """The body is larger than ``MAX_BODY``."""

    status = 413


class _Empty(BaseModel):
    """An object without fields."""

    model_config = ConfigDict(extra="forbid")


class _DuplicateField(ValueError):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


async def read_json(request: web.Request) -> Any:
    """Read the body as JSON. NaN, Infinity and 1e400 are let through as floats: the models refuse them by field.

    Raises:
        Invalid: not JSON, not UTF-8, nested too deep, or an object that names a field twice.
        TooLarge: more than 1 MiB.
    """
    return _parse(await read_body(request))


async def read_empty(request: web.Request) -> None:
    """Read the body of an endpoint that takes none: empty, or an object without fields.

    Raises:
        Invalid: the body has content.
        TooLarge: more than 1 MiB.
    """
    if raw := await read_body(request):
        checked(_Empty, _parse(raw))


def _parse(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid_json("The body is not UTF-8.", "must be JSON in UTF-8") from None
    try:
        parsed = json.loads(text, object_pairs_hook=_object)
        if _depth_exceeds(parsed, _MAX_DEPTH):
            raise RecursionError
    except _DuplicateField as duplicate:
        raise Invalid(
            "invalid_json",
            "The body names a field twice.",
            {duplicate.name[:100]: "stands in the body twice"},
        ) from None
    except RecursionError:
        raise _invalid_json("The body is nested too deep.", f"at most {_MAX_DEPTH} levels deep") from None
    except ValueError:
        raise _invalid_json("The body is not JSON.", "must be JSON") from None
    return parsed


def checked(model: type[_Model], content: Any, *, context: Any = None, what: str = "body") -> _Model:
    """Validate ``content`` against a model.

    Raises:
        Invalid: names every field that is wrong, with the reason.
    """
    try:
        return model.model_validate(content, context=context)
    except ValidationError as error:
        raise Invalid("invalid_data", _sentence(what), reasons(error)) from None


def query_of(request: web.Request, model: type[_Model]) -> _Model:
    """Validate the query string against a model.

    Raises:
        Invalid: names every parameter that is wrong, unknown, or given twice.
    """
    parameters: dict[str, str] = {}
    duplicates: dict[str, str] = {}
    for name, value in request.query.items():
        if name in parameters:
            duplicates[name[:100]] = "given twice"
        parameters[name] = value
    if duplicates:
        raise Invalid("invalid_query", _sentence("query"), duplicates)
    try:
        return model.model_validate(parameters)
    except ValidationError as error:
        raise Invalid("invalid_query", _sentence("query"), reasons(error)) from None


def flag(value: Any) -> Any:
    """Parse ``true``, ``false``, ``1`` or ``0`` of a query string; anything else is returned for the model to refuse."""
    return {"true": True, "false": False, "1": True, "0": False}.get(value, value)


def _sentence(what: str) -> str:
    return f"The {what} is wrong: see details."


def _invalid_json(message: str, reason: str) -> Invalid:
    return Invalid("invalid_json", message, {"body": reason})


async def read_body(request: web.Request) -> bytes:
    """The body of a request, also where it was read before.

    Raises:
        TooLarge: it is over 1 MiB; the rest is not read.
        BadCredential: the credential that came with it was revoked while the body was on its way.
    """
    if _BODY in request:
        return request[_BODY]
    if (request.content_length or 0) > MAX_BODY:
        raise _too_large()
    read = bytearray()
    async for chunk in request.content.iter_any():
        read += chunk
        if len(read) > MAX_BODY:
            raise _too_large()
    reauthenticate(request)
    request[_BODY] = bytes(read)
    return request[_BODY]


def _too_large() -> TooLarge:
    return TooLarge("too_large", "A body may have 1 MiB.", {"body": f"at most {MAX_BODY} bytes"})


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _DuplicateField(name)
            seen.add(name)
    return parsed


def _depth_exceeds(value: Any, limit: int) -> bool:
    # Level by level: recursion would end where a hostile body wants it to.
    level = [value]
    for _ in range(limit + 1):
        if not level:
            return False
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, Mapping) else item)
        ]
    return bool(level)
