"""Answers: JSON for programs, one shape for every refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from engine.domain.rejection import Rejected

__all__ = ["answer", "refusal", "refusal_of"]

_BASE: Mapping[str, str] = {"Cache-Control": "no-store"}


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """``content`` as JSON in UTF-8."""
    # Lone surrogates, which JSON can escape and UTF-8 cannot carry, become question marks.
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return web.Response(
        body=body.encode("utf-8", "replace"),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={**_BASE, **(headers or {})},
    )


def refusal(
    status: int,
    code: str,
    message: str,
    details: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """``{"error": code, "message": sentence, "details": {field: reason}}``."""
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    content = {"error": code, "message": message, "details": dict(details or {})}
    return answer(content, status, headers)


def refusal_of(rejected: Rejected) -> web.Response:
    """An expected refusal of the domain, as HTTP says it."""
    return refusal(rejected.status, rejected.code, rejected.message, rejected.details)
