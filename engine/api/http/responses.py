"""JSON responses, and the one shape of every error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web

from engine.domain.rejection import Rejected

__all__ = ["RETRY_AFTER", "answer", "error_response", "rejection_response"]

RETRY_AFTER = "5"
"""Seconds that a 503 asks to wait for."""
_HEADERS: Mapping[str, str] = {"Cache-Control": "no-store"}


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A response with ``content`` as JSON in UTF-8, which nobody caches."""
    # Lone surrogates, which JSON can escape and UTF-8 cannot encode, become question marks.
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return web.Response(
        body=body.encode("utf-8", "replace"),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={**_HEADERS, **(headers or {})},
    )


def error_response(
    status: int,
    code: str,
    message: str,
    details: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """An error response: ``{"error": code, "message": sentence, "details": {field: reason}}``."""
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    content = {"error": code, "message": message, "details": dict(details or {})}
    return answer(content, status, headers)


def rejection_response(rejected: Rejected) -> web.Response:
    """The error response for an expected refusal of the domain."""
    headers: Mapping[str, str] | None = {hdrs.RETRY_AFTER: RETRY_AFTER} if rejected.status == 503 else None
    return error_response(rejected.status, rejected.code, rejected.message, rejected.details, headers=headers)
