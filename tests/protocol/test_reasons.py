"""Findings of the checker, in words for people."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.domain.text import Name, WholeNumber
from engine.protocol.reasons import reasons


class Part(BaseModel):
    size: int = 0


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[Name, Field(max_length=5)]
    number: WholeNumber = 1
    share: Annotated[float, Field(allow_inf_nan=False)] = 0.5
    sure: bool = True
    items: Annotated[list[int], Field(max_length=2)] = []
    part: Part | None = None


def said(**given: Any) -> dict[str, str]:
    return found_in(given)


def found_in(given: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as wrong:
        Item.model_validate(given)
    return reasons(wrong.value, "data")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"data.name": "required"}),
        ({"name": "a", "x": 1}, {"data.x": "unknown field"}),
        ({"name": 7}, {"data.name": "must be a text"}),
        ({"name": "abcdef"}, {"data.name": "must have at most 5 characters"}),
        ({"name": " "}, {"data.name": "must have at least 1 character"}),
        ({"name": "a", "number": "7"}, {"data.number": "must be a whole number"}),
        ({"name": "a", "number": True}, {"data.number": "must be a whole number"}),
        ({"name": "a", "number": 1.5}, {"data.number": "must be a whole number"}),
        ({"name": "a", "share": "x"}, {"data.share": "must be a number"}),
        ({"name": "a", "share": float("inf")}, {"data.share": "must be a finite number"}),
        ({"name": "a", "sure": 1}, {"data.sure": "must be true or false"}),
        ({"name": "a", "items": {}}, {"data.items": "must be a list"}),
        ({"name": "a", "part": []}, {"data.part": "must be an object"}),
        ({"name": "a", "items": [1, "x"]}, {"data.items.1": "must be a whole number"}),
        ({"name": "a\nb"}, {"data.name": "control characters and line breaks are not allowed"}),
    ],
)
def test_each_reason_is_a_short_sentence(given: dict[str, Any], expected: dict[str, str]) -> None:
    """Beside the field that it is about; never with the value."""
    assert said(**given) == expected


@pytest.mark.parametrize("given", [[], 5, None, "text"])
def test_what_is_no_object_is_said_to_be_none(given: Any) -> None:
    """Without the name of a class, which nobody outside knows."""
    assert found_in(given) == {"data": "must be an object"}


def test_every_mistake_is_named() -> None:
    """At once."""
    assert said(number="7", sure="yes").keys() == {"data.name", "data.number", "data.sure"}


def test_what_was_sent_is_never_repeated() -> None:
    """It may be a secret."""
    assert "hunter2" not in str(said(name=["hunter2"], number="hunter2"))
