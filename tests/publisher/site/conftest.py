"""The site is read in a real Chromium too."""

from __future__ import annotations

from tests.browsers import browser, contexts, contexts_of_run

__all__ = ["browser", "contexts", "contexts_of_run"]
