"""Logging: readable lines on a terminal, JSON otherwise, with the id of the request or session they belong to,
and with the server that writes them where several share a database.

``structlog.contextvars.bind_contextvars(session_id=…)`` puts an id on every later line of a task.
Secrets are redacted in the last step before a line is written, whoever wrote it: whatever looks like a token, a resume, a
key or a password.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TextIO, cast

# structlog imports rich if it finds it, for tracebacks that are not used here; that takes a quarter of a second.
# So rich cannot be imported while structlog is.
_rich = sys.modules.get("rich")
sys.modules["rich"] = cast(ModuleType, None)
try:
    import structlog
finally:
    del sys.modules["rich"]
    if _rich is not None:
        sys.modules["rich"] = _rich
from structlog.typing import EventDict, Processor, WrappedLogger  # noqa: E402 — not before the import above

__all__ = ["add_to_every_line", "configure", "redacted", "without_secrets"]

_REDACTED = "[secret]"
_SECRET_NAMES = frozenset(
    {
        "token",
        "resume",
        "key",
        "api_key",
        "x-api-key",
        "authorization",
        "password",
        "secret",
        "smtp_url",
        "cookie",
    }
)
_PATTERNS = (
    (
        re.compile(
            r"(?i)\b(token|resume|api_key|key|password|secret)(=|%3D|\"\s*:\s*\"|'\s*:\s*')[^&\s\"'#]+"
        ),
        rf"\1\2{_REDACTED}",
    ),
    (re.compile(r"(?i)\b(bearer|x-api-key:?)\s+[A-Za-z0-9._~+/=-]+"), rf"\1 {_REDACTED}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), _REDACTED),
    (re.compile(r"\br1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{20,}"), _REDACTED),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), f"://{_REDACTED}@"),
)


def redacted(text: str) -> str:
    """The text with every token, resume, key and password in it replaced by ``[secret]``."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def without_secrets(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A structlog processor that redacts secrets; the last before the renderer."""
    return {name: _redact(name, value) for name, value in event.items()}


def _redact(name: str, value: Any) -> Any:
    if name.lower() in _SECRET_NAMES and value is not None:
        return _REDACTED
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {key: _redact(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact("", inner) for inner in value]
    if isinstance(value, int | float | bool) or value is None:
        return value
    return redacted(str(value))


_added_fields: list[Callable[[Mapping[str, Any]], Mapping[str, Any]]] = []


def add_to_every_line(fields_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Callable[[], object]:
    """Add the fields that ``fields_of`` gives for a line to it, but for those that it has itself; returns the undo."""
    _added_fields.append(fields_of)
    return lambda: _added_fields.remove(fields_of)


def _with_added_fields(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    for fields_of in _added_fields:
        event = {**fields_of(event), **event}
    return event


def configure(level: str = "info", *, stream: TextIO | None = None, as_json: bool | None = None) -> None:
    """Send the log lines of structlog and of the standard library to ``stream`` (stderr).

    ``level`` is debug, info, warning or error. Lines are JSON unless ``stream`` is a terminal; ``as_json`` overrides that.
    """
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    as_json = not stream.isatty() if as_json is None else as_json
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _with_added_fields,
        structlog.processors.TimeStamper(fmt="iso", utc=True)
        if as_json
        else structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor
    if as_json:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=32
        )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_secrets,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for chatty in ("asyncio", "aiohttp.access", "MARKDOWN", "mkdocs"):
        # Their info lines repeat what ours say; the debug mode shows them all.
        logging.getLogger(chatty).setLevel(logging.NOTSET if number <= logging.DEBUG else logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
