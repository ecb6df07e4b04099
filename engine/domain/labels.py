"""The fixed labels of a session: its type, where it takes place, who may see it.

Shared by the session's state, its snapshot, the API and the publisher; the order is that of the API's documentation.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

__all__ = ["SMALLEST_WORKSHOP", "Place", "SessionType", "Visibility"]

SessionType: TypeAlias = Literal["live", "guided", "practice", "workshop"]

SMALLEST_WORKSHOP: Final = 5
"""A workshop of fewer participants is published as a practice, and refused where a caller states it."""

Place: TypeAlias = Literal["room", "online", "both"]

Visibility: TypeAlias = Literal["public", "unlisted", "private"]
"""Public sessions are listed; unlisted ones are reached by their link alone; private ones need a token."""
