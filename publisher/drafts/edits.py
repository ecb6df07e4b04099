"""What somebody may write in the place of a draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publisher.catalogue.deliveries import PERSONAL
from publisher.drafts.character_counts import LIMITS

__all__ = ["InvalidDraft", "edit_errors"]

_LONGEST_MAIL = 50_000


class InvalidDraft(ValueError):
    """The new text cannot be taken; ``details`` says why, field by field."""

    def __init__(self, details: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {reason}" for field, reason in details.items()))
        self.details = dict(details)


def edit_errors(channel: str, changes: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a new text, field by field; empty when it can be taken."""
    if channel == PERSONAL:
        return {"channel": "each person's own mail is written for that person"}
    fields = ("subject", "text") if channel == "email" else ("content",)
    wrong = {name: "unknown field" for name in changes if name not in fields}
    if not changes:
        wrong[fields[0]] = "this field is required"
    for name in fields:
        value = changes.get(name)
        if name not in changes:
            continue
        if not isinstance(value, str) or not value.strip():
            wrong[name] = "a text is needed"
        elif any(ord(c) < 32 and c not in "\n\t" for c in value) or any(
            "\ud800" <= c < "\ue000" for c in value
        ):
            wrong[name] = "control characters are not allowed"
        elif name == "subject" and ("\n" in value or len(value) > 200):
            wrong[name] = "one line of at most 200 characters"
        elif channel == "email" and len(value) > _LONGEST_MAIL:
            wrong[name] = f"at most {_LONGEST_MAIL} characters"
        elif channel in LIMITS and not LIMITS[channel].fits(value.strip()):
            wrong[name] = f"at most {LIMITS[channel].longest} characters as {channel} counts them"
    return wrong
