"""For the command line: an environment without settings, in a folder of its own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _alone(no_settings_of_ours: None) -> None:
    """Every command begins without settings."""


@pytest.fixture(autouse=True)
def priorities_asked_for(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Commands that stand back for others would slow the tests down that come after; how far they would is kept here."""
    asked: list[int] = []
    monkeypatch.setattr("publisher.priority.lower_priority", asked.append)
    monkeypatch.setattr("publisher.priority.use_idle_scheduling", lambda: asked.append(0))
    return asked
