"""The site is read in a real Chromium too."""

from __future__ import annotations

from tests.chromium import browser

__all__ = ["browser"]
