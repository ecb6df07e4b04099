"""``halcytone analyze``: prints the figures of one recording."""

from __future__ import annotations

from pathlib import Path

__all__ = ["analyze"]


def analyze(file: Path, *, as_json: bool, chart: Path | None) -> None:
    """Print a table or JSON; exits with 1, naming the line, when a value is no interval."""
    import typer

    from engine.recordings.analyze import run

    raise typer.Exit(run(file, as_json=as_json, chart=chart))
