"""Types of single values, where they come from outside: bounded numbers, instants, links."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictFloat
from pydantic_core import Url

from engine.domain.instant import from_datetime
from engine.domain.text import Line, Name, WholeNumber

__all__ = [
    "Breath",
    "Instant",
    "Link",
    "Percent",
    "Rating",
    "Seconds",
    "TechniqueName",
    "https_address",
]

Seconds = Annotated[WholeNumber, Field(ge=1, le=7200)]
Percent = Annotated[StrictFloat, Field(ge=-100, le=200, allow_inf_nan=False)]
Rating = Annotated[WholeNumber, Field(ge=1, le=5)]
TechniqueName = Annotated[Name, Field(max_length=100)]
Breath = Annotated[StrictFloat, Field(ge=0, le=120, allow_inf_nan=False)]


def _instant(moment: Any) -> Any:
    # On the wire an instant is ISO 8601; inside it is milliseconds.
    if isinstance(moment, str):
        try:
            return from_datetime(datetime.fromisoformat(moment))
        except (ValueError, OverflowError):
            raise ValueError("must be an ISO 8601 date and time") from None
    return moment


Instant = Annotated[WholeNumber, BeforeValidator(_instant)]


# What the rules for browsers forgive, people are not to be led by: spaces, backslashes, slashes too many or too few.
_HTTPS = re.compile(r"https://[^\s/\\?#][^\s\\]*", re.IGNORECASE)
_PATH = re.compile(r"/(?!/)[^\s\\]*")


def https_address(url: str) -> str:
    """Check an https address; returns it as it was given.

    Raises:
        ValueError: it is not over https, or no browser could follow it.
    """
    try:
        if not _HTTPS.fullmatch(url):
            raise ValueError
        Url(url)
    except ValueError:
        raise ValueError("must be an https address") from None
    return url


def _link(url: str) -> str:
    """A path on this host, or an address over https."""
    if _PATH.fullmatch(url):
        return url
    try:
        return https_address(url)
    except ValueError:
        raise ValueError("must be a path on this host or an https address") from None


Link = Annotated[Line, Field(min_length=1, max_length=2000), AfterValidator(_link)]
