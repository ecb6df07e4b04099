"""What may stand in a setting of ``studio.toml``: its types, each of which refuses with what it should be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from engine.domain.text import line, paragraphs
from publisher.rendering import colours
from publisher.rendering.links import is_writable

__all__ = [
    "Accent",
    "Handle",
    "Long",
    "MailAddress",
    "Origin",
    "PictureFile",
    "Short",
    "Tag",
    "WebAddress",
    "ZoneName",
    "as_tuple",
]


_ORIGIN = re.compile(
    r"https://[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?(:[0-9]{1,5})?|http://localhost(:[0-9]{1,5})?"
)
"""Scheme, host and port alone: what browsers call an origin."""


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def as_tuple(value: object) -> object:
    """A list of TOML as a tuple, which a frozen value can hold; anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone such as Europe/Berlin") from None
    return name


def _web_address(text: str) -> str:
    if not text:
        return text
    written = text.isascii() and text.isprintable() and not set(text) & set(' <>"\\^`{|}')
    if not written or urlsplit(text).scheme not in ("https", "http") or not urlsplit(text).netloc:
        raise ValueError("an address that begins with https://")
    return text


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text.lower()):
        raise ValueError("the beginning of an address, such as https://site.example")
    return text.lower()


def _mail_address(text: str) -> str:
    if text and not is_writable(text):
        raise ValueError("a mail address such as hello@example.org")
    return text


def _readable_accent(text: str) -> str:
    if not text:
        return text
    colour = colours.normal(text)
    nearest = colours.nearest_readable(colour)
    if nearest != colour:
        found, least = colours.contrast(colour, colours.PAPER), colours.LEAST_FOR_WORDS
        # Rounded down: 4.49 is not 4.5.
        raise ValueError(
            f"{text} cannot be read on light pages: its contrast is {int(found * 100) / 100:.2f}, and words need {least};"
            f" the nearest colour that holds is {nearest}"
        )
    return colour


def _file_beside(name: str) -> str:
    if name and (Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name):
        raise ValueError("a file beside studio.toml, such as logo.png")
    return name


Short = Annotated[str, StringConstraints(max_length=200), AfterValidator(line), BeforeValidator(_trimmed)]
Long = Annotated[
    str, StringConstraints(max_length=10_000), AfterValidator(paragraphs), BeforeValidator(_trimmed)
]
MailAddress = Annotated[
    str,
    StringConstraints(
        max_length=254, pattern=r"^$|^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"
    ),
    AfterValidator(_mail_address),
    BeforeValidator(_trimmed),
]
Handle = Annotated[
    str, StringConstraints(max_length=100, pattern=r"^$|^@?[A-Za-z0-9._-]+(@[A-Za-z0-9.-]+)?$")
]
PictureFile = Annotated[
    str, StringConstraints(max_length=200), BeforeValidator(_trimmed), AfterValidator(_file_beside)
]
Tag = Annotated[
    str,
    StringConstraints(pattern=r"^#?[^\W\d]\w{0,29}$"),
    BeforeValidator(_trimmed),
]
Accent = Annotated[str, BeforeValidator(_trimmed), AfterValidator(_readable_accent)]
Origin = Annotated[str, BeforeValidator(_trimmed), AfterValidator(_origin)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
ZoneName = Annotated[str, AfterValidator(_known_zone)]
