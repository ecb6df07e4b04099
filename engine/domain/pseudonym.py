"""Pseudonyms of people who gave no name."""

from __future__ import annotations

import hashlib

__all__ = ["pseudonym"]

_ADJECTIVES = (
    "Quiet", "Gentle", "Patient", "Early", "Clear", "Steady", "Kind", "Still",
    "Bright", "Soft", "Calm", "Warm", "Slow", "Open", "Light", "Deep",
)  # fmt: skip
_NOUNS = (
    "Heron", "River", "Cedar", "Otter", "Meadow", "Swift", "Harbour", "Willow",
    "Finch", "Tide", "Birch", "Lark", "Dune", "Hazel", "Wren", "Brook",
    "Maple", "Robin", "Cove", "Fern", "Plover", "Juniper", "Swan", "Lantern",
)  # fmt: skip


def pseudonym(client_id: str) -> str:
    """Two friendly words, always the same for one ``client_id``."""
    digest = hashlib.sha256(client_id.encode()).digest()
    return f"{_ADJECTIVES[digest[0] % len(_ADJECTIVES)]} {_NOUNS[digest[1] % len(_NOUNS)]}"
