"""Turn Pydantic's validation errors into one short reason per field, for people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from engine.domain.validation_errors import error_details

__all__ = ["reasons"]

_REASONS: Mapping[str, str] = {
    "missing": "required",
    "extra_forbidden": "unknown field",
    "unexpected_keyword_argument": "unknown field",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "dataclass_type": "must be an object",
    "finite_number": "must be a finite number",
}

# "String should have at most 5 characters": the field is named beside it.
_SUBJECT = re.compile(r"^\w+ should ")
# A text that was trimmed first is measured like any value with a length.
_ITEMS = re.compile(r"^Value should have (at (?:most|least) \d+) items? after validation.*")


def reasons(wrong: ValidationError, prefix: str = "") -> dict[str, str]:
    """Reasons by field, in the order found; a field in a list is ``techniques.2.duration``.

    Never holds the value that was sent.
    """
    by_field: dict[str, str] = {}
    for error in error_details(wrong):
        path = ".".join(part for part in (prefix, *_path(error["loc"])) if part) or "body"
        by_field.setdefault(path, _reason(error["type"], error["msg"]))
    return by_field


def _path(location: Sequence[int | str]) -> list[str]:
    # Names in brackets are Pydantic's own, of a union's member or a function.
    return [str(part) for part in location if isinstance(part, int) or "[" not in part]


def _reason(kind: str, text: str) -> str:
    reason = _REASONS.get(kind)
    if reason is not None:
        return reason
    text = _ITEMS.sub(r"must have \1 characters", text)
    return _SUBJECT.sub("must ", text.removeprefix("Value error, "))
