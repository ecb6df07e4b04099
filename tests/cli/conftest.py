"""For the command line: an environment without settings, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.settings import Settings


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may have set something."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HALCYTONE_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def stood_back(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Commands that stand back for others would slow the tests down that come after; how far they would is kept here."""
    asked: list[int] = []
    monkeypatch.setattr("publisher.priority.lower_priority", asked.append)
    monkeypatch.setattr("publisher.priority.use_idle_scheduling", lambda: asked.append(0))
    return asked
