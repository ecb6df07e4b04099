"""Publication channels: the names of the jobs that a session's snapshot is queued for."""

from __future__ import annotations

from typing import Final

__all__ = ["IMPORT_CHANNELS", "SESSION_END_CHANNELS", "SUMMARY_CHANNELS"]

SUMMARY_CHANNELS: Final = ("email", "web", "social")
"""Channels that a session's content can be put into words for, in the order in which the API names them."""

SESSION_END_CHANNELS: Final = ("web", "email", "social", "analytics")
"""Channels queued when a live session ends."""

IMPORT_CHANNELS: Final = ("web", "analytics")
"""Channels queued for an imported session: nobody is written to about one of years ago."""
