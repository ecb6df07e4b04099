"""What every command shares: output, errors and exit statuses, settings, tables, progress bars."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Protocol

import typer

from engine.settings import PREFIX, Settings, SettingsError, load

if TYPE_CHECKING:
    from engine.storage.database import Database

__all__ = [
    "Config",
    "Data",
    "Json",
    "Status",
    "Step",
    "database_in",
    "fail",
    "failing_if_not_built",
    "progress",
    "say",
    "settings_for",
    "table",
]


class Status(IntEnum):
    """Exit statuses; 2 is wrong usage, as the shell has it."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    WRONG_SETTING = 3
    IN_USE = 4


Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of the database, the site and the drafts. Default: ./var",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings file. Default: DIR/halcytone.toml", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


class Step(Protocol):
    """Reports progress: ``done`` of ``total`` steps."""

    def __call__(self, done: int, total: int) -> None: ...


def say(text: str = "") -> None:
    """Print a line of a command's result to standard output."""
    typer.echo(text)


def fail(text: str, status: Status = Status.FAILED) -> NoReturn:
    """Print to standard error what went wrong and what to do, and exit with ``status``."""
    typer.secho(text, err=True, fg=typer.colors.RED)
    raise typer.Exit(status)


@contextmanager
def failing_if_not_built() -> Iterator[None]:
    """Exit with a sentence where a command could not build the site, or its search."""
    from publisher.single_round import SiteNotBuilt

    try:
        yield
    except SiteNotBuilt as error:
        fail(str(error))
    except subprocess.SubprocessError as error:
        fail(f"The pages are built, but not the search: {error}")


def settings_for(config: Path | None = None, **given: object) -> Settings:
    """Load the settings; exits with ``WRONG_SETTING``, naming what is wrong with them."""
    try:
        return load(config, **given)
    except SettingsError as error:
        fail(str(error), Status.WRONG_SETTING)


def database_in(settings: Settings, *, make: bool = False) -> Database:
    """The database in force; exits when there is none. ``make`` creates a folder for it instead."""
    from engine.storage.opening import database_of
    from engine.storage.sqlite import FILE_NAME

    data = settings.data
    database = database_of(data, settings.database)
    if make:
        try:
            data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            fail(f"{data} cannot be made: {error.strerror}")
    elif not database.exists():
        if settings.database is not None:
            fail(f"the database of {PREFIX}DATABASE_URL does not answer, or has no tables of ours yet")
        fail(f"there is no {FILE_NAME} in {data}: is --data (or {PREFIX}DATA) right?")
    return database


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print rows under their columns, or the sentence ``empty`` where there are none."""
    if not rows:
        say(empty)
        return
    widths = [max(len(row[index]) for row in (columns, *rows)) for index in range(len(columns))]
    for row in (columns, *rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@contextmanager
def progress(what: str) -> Iterator[Step]:
    """Show a progress bar on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def step(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield step
