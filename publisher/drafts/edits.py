"""Validates the text that a person writes in place of a draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publisher.catalogue.deliveries import PERSONAL
from publisher.drafts.character_counts import LIMITS

__all__ = ["InvalidDraft", "edit_errors"]

_LONGEST_MAIL = 50_000


class InvalidDraft(ValueError):
    """The edited text is invalid; ``details`` gives the reason of each field."""

    def __init__(self, details: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {reason}" for field, reason in details.items()))
        self.details = dict(details)


def edit_errors(channel: str, changes: Mapping[str, Any]) -> dict[str, str]:
    """The reason for each invalid field of an edit; empty when it is valid."""
    if channel == PERSONAL:
        return {"channel": "each person's own mail is written for that person"}
    fields = ("subject", "text") if channel == "email" else ("content",)
    errors = {name: "unknown field" for name in changes if name not in fields}
    if not changes:
        errors[fields[0]] = "this field is required"
    for name in fields:
        value = changes.get(name)
        if name not in changes:
            continue
        if not isinstance(value, str) or not value.strip():
            errors[name] = "a text is needed"
        elif any(ord(c) < 32 and c not in "\n\t" for c in value) or any(
            "\ud800" <= c < "\ue000" for c in value
        ):
            errors[name] = "control characters are not allowed"
        elif name == "subject" and ("\n" in value or len(value) > 200):
            errors[name] = "one line of at most 200 characters"
        elif channel == "email" and len(value) > _LONGEST_MAIL:
            errors[name] = f"at most {_LONGEST_MAIL} characters"
        elif channel in LIMITS and not LIMITS[channel].fits(value.strip()):
            errors[name] = f"at most {LIMITS[channel].longest} characters as {channel} counts them"
    return errors
