"""The base of the shapes that describe what is sent: their fields are described by the texts below them.

What is sent is built without models (``outgoing``); these say what it is, in the AsyncAPI document. Tests hold one against the other.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, WithJsonSchema, with_config

# Before Python 3.12 pydantic reads no other.
from typing_extensions import TypedDict

__all__ = ["Moment", "Shape"]

Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A date and time, ISO 8601 in UTC: ``2026-12-03T17:30:00.000Z``."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class Shape(TypedDict):
    """The fields of a message or of an object in it. Derive one level only: the texts of inherited fields are not found."""
