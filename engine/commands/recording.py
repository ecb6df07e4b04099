"""``halcytone analyze``: prints the figures of one recording."""

from __future__ import annotations

from pathlib import Path

__all__ = ["analyze"]


def analyze(file: Path, *, as_json: bool, chart: Path | None, column: str | None, unit: str | None) -> None:
    """Print a table or JSON; exits with 1, naming the line, when a value is no interval."""
    import typer

    from engine.recordings.analyze import Unit, run

    try:
        wanted = None if unit is None else Unit(unit)
    except ValueError:
        known = ", ".join(each.value for each in Unit)
        raise typer.BadParameter(f"{unit!r} is none of {known}", param_hint="--unit") from None
    raise typer.Exit(run(file, as_json, chart, column=column, unit=wanted))
