"""Request bodies and query strings, taken strictly: JSON in UTF-8, at most 1 MiB, no name twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.api.wiring import still_known
from engine.domain.rejection import Invalid, Rejected
from engine.protocol.reasons import reasons

__all__ = ["MAX_BODY", "TooLarge", "checked", "flag", "query_of", "read_body", "read_json", "read_nothing"]

MAX_BODY = 1024 * 1024
_DEEPEST = 60

_Model = TypeVar("_Model", bound=BaseModel)


class TooLarge(Rejected):
    """The body is larger than ``MAX_BODY``."""

    status = 413


class Nothing(BaseModel):
    """An object without fields."""

    model_config = ConfigDict(extra="forbid")


class _Twice(ValueError):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


async def read_json(request: web.Request) -> Any:
    """The body as JSON. NaN, Infinity and 1e400 come through as floats, for the fields to refuse by name.

    Raises:
        Invalid: not JSON, not UTF-8, nested too deep, or an object that names a field twice.
        TooLarge: more than 1 MiB.
    """
    return _parsed(await read_body(request))


async def read_nothing(request: web.Request) -> None:
    """The body of what takes none: empty, or an object without fields.

    Raises:
        Invalid: it says something.
        TooLarge: more than 1 MiB.
    """
    if raw := await read_body(request):
        checked(Nothing, _parsed(raw))


def _parsed(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _broken("The body is not UTF-8.", "must be JSON in UTF-8") from None
    try:
        parsed = json.loads(text, object_pairs_hook=_object)
        if _depth_exceeds(parsed, _DEEPEST):
            raise RecursionError
    except _Twice as twice:
        raise Invalid(
            "invalid_json",
            "The body names a field twice.",
            {twice.name[:100]: "stands in the body twice"},
        ) from None
    except RecursionError:
        raise _broken("The body is nested too deep.", f"at most {_DEEPEST} levels deep") from None
    except ValueError:
        raise _broken("The body is not JSON.", "must be JSON") from None
    return parsed


def checked(model: type[_Model], content: Any, *, context: Any = None, what: str = "body") -> _Model:
    """``content`` as the model.

    Raises:
        Invalid: every field that is wrong, and why.
    """
    try:
        return model.model_validate(content, context=context)
    except ValidationError as wrong:
        raise Invalid("invalid_data", _sentence(what), reasons(wrong)) from None


def query_of(request: web.Request, model: type[_Model]) -> _Model:
    """The query string as the model.

    Raises:
        Invalid: every parameter that is wrong, unknown, or given twice.
    """
    given: dict[str, str] = {}
    twice: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            twice[name[:100]] = "given twice"
        given[name] = value
    if twice:
        raise Invalid("invalid_query", _sentence("query"), twice)
    try:
        return model.model_validate(given)
    except ValidationError as wrong:
        raise Invalid("invalid_query", _sentence("query"), reasons(wrong)) from None


def flag(value: Any) -> Any:
    """``true`` or ``false`` of a query string as a bool; anything else is left to be refused."""
    return {"true": True, "false": False, "1": True, "0": False}.get(value, value)


def _sentence(what: str) -> str:
    return f"The {what} is wrong: see details."


def _broken(message: str, reason: str) -> Invalid:
    return Invalid("invalid_json", message, {"body": reason})


async def read_body(request: web.Request) -> bytes:
    """The bytes of the body.

    Raises:
        TooLarge: more than 1 MiB.
        BadCredential: the credential that came with it was revoked while it was on its way.
    """
    if (request.content_length or 0) > MAX_BODY:
        raise _too_large()
    read = bytearray()
    async for chunk in request.content.iter_any():
        read += chunk
        if len(read) > MAX_BODY:
            raise _too_large()
    still_known(request)
    return bytes(read)


def _too_large() -> TooLarge:
    return TooLarge("too_large", "A body may have 1 MiB.", {"body": f"at most {MAX_BODY} bytes"})


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Twice(name)
            seen.add(name)
    return made


def _depth_exceeds(value: Any, deepest: int) -> bool:
    level = [value]
    for _ in range(deepest + 1):
        if not level:
            return False
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, Mapping) else item)
        ]
    return bool(level)
