"""What models of request bodies and query strings share: they are strict, and unknown fields are refused."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
)

from engine.api.http.bodies import flag
from engine.domain.instant import Millis, from_datetime
from engine.domain.text import Line
from publisher.catalogue.subscriptions import checked_address

__all__ = ["OPTIONAL", "Body", "Flag", "Limit", "MailAddress", "Moment", "Query", "read_moment"]

_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)
_EARLIEST, _LATEST = (from_datetime(datetime(year, 1, 1)) for year in (2000, 2200))  # noqa: DTZ001 — taken as UTC


def read_moment(value: Any) -> Millis:
    """Parse a date and time in ISO 8601 into milliseconds; without a zone it is UTC.

    Raises:
        ValueError: it is none, or there is no such moment.
    """
    if not isinstance(value, str) or not _MOMENT.fullmatch(value.strip()):
        raise ValueError("must be a date and time like 2024-03-21T10:00:00Z")
    try:
        return from_datetime(datetime.fromisoformat(value.strip().upper()))
    except (ValueError, OverflowError):
        raise ValueError("there is no such moment") from None


def _within_reason(at: Millis) -> Millis:
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("must lie between the years 2000 and 2200")
    return at


Moment = Annotated[
    int,
    AfterValidator(_within_reason),
    BeforeValidator(read_moment),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "description": "ISO 8601; without a zone it is UTC."}
    ),
]
Flag = Annotated[StrictBool, BeforeValidator(flag)]
"""``true`` or ``false`` in a query string."""


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) else value


Limit = Annotated[int, Field(ge=1, le=500, strict=True), BeforeValidator(_integer)]
MailAddress = Annotated[
    Line,
    Field(max_length=254, json_schema_extra={"format": "idn-email"}),
    AfterValidator(lambda text: checked_address(text)),
]
"""An address as mail servers know it: a domain in another script by its A-label."""


class Body(BaseModel):
    """Base of request bodies that are JSON objects."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(BaseModel):
    """Base of query strings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


OPTIONAL: Any = Field(default=None, json_schema_extra=_without_default)
