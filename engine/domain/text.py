"""Constrained strings and numbers, shared by HTTP bodies, socket messages and platform events."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

__all__ = [
    "SESSION_ID",
    "ClientId",
    "Line",
    "Name",
    "Paragraphs",
    "SessionId",
    "WholeNumber",
    "integral_float_as_int",
    "line",
    "paragraphs",
    "trimmed",
]

SESSION_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_RESERVED_IDS = frozenset({"live", "create", "join", "batch", "index.html"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# What ``str.strip`` takes for blank, without the control characters among it: those are refused, not forgiven.
_BLANK = " \t\r\n\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_BREAKS = re.compile(r"[\t\r\n\u2028\u2029]")


def line(text: str) -> str:
    """A one-line text, trimmed.

    Raises:
        ValueError: it has control characters or line breaks.
    """
    text = text.strip(_BLANK)
    # What can be printed has neither; most texts can.
    if not text.isprintable() and (_CONTROL.search(text) or _BREAKS.search(text)):
        raise ValueError("control characters and line breaks are not allowed")
    return text


def paragraphs(text: str) -> str:
    """A text of several lines, trimmed, with ``\\n`` line breaks.

    Raises:
        ValueError: it has control characters other than tab and line break.
    """
    text = text.strip(_BLANK)
    if text.isprintable():  # And so without breaks and control characters.
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _session_id(text: str) -> str:
    if text in _RESERVED_IDS or re.fullmatch(r"[0-9]{4}", text):
        raise ValueError("this id is reserved")
    return text


def integral_float_as_int(value: Any) -> Any:
    """An integral float as the integer that it is; to stand last in an ``Annotated``, after the bounds."""
    # JSON has one kind of number: 25.0 is the integer 25 there, while "25" and true are not.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


# Trimming stands before the length bounds, so that a blank text is an empty one.
def trimmed(value: Any) -> Any:
    """A text without blanks at its ends; anything else as it is."""
    return value.strip(_BLANK) if isinstance(value, str) else value


Line = Annotated[str, StringConstraints(strict=True), AfterValidator(line), BeforeValidator(trimmed)]
Name = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=200),
    AfterValidator(line),
    BeforeValidator(trimmed),
]
Paragraphs = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=2000),
    AfterValidator(paragraphs),
    BeforeValidator(trimmed),
]
SessionId = Annotated[str, StringConstraints(strict=True, pattern=SESSION_ID), AfterValidator(_session_id)]
ClientId = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9._:@-]{1,100}$")]
WholeNumber = Annotated[int, Field(strict=True), BeforeValidator(integral_float_as_int)]
