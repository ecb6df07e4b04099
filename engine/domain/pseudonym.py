"""What somebody who gave no name is called."""

from __future__ import annotations

import hashlib

__all__ = ["pseudonym"]

_HOW = (
    "Quiet", "Gentle", "Patient", "Early", "Clear", "Steady", "Kind", "Still",
    "Bright", "Soft", "Calm", "Warm", "Slow", "Open", "Light", "Deep",
)  # fmt: skip
_WHO = (
    "Heron", "River", "Cedar", "Otter", "Meadow", "Swift", "Harbour", "Willow",
    "Finch", "Tide", "Birch", "Lark", "Dune", "Hazel", "Wren", "Brook",
    "Maple", "Robin", "Cove", "Fern", "Plover", "Juniper", "Swan", "Lantern",
)  # fmt: skip


def pseudonym(client_id: str) -> str:
    """Two friendly words, always the same for one ``client_id``."""
    digest = hashlib.sha256(client_id.encode()).digest()
    return f"{_HOW[digest[0] % len(_HOW)]} {_WHO[digest[1] % len(_WHO)]}"
