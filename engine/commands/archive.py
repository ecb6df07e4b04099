"""``halcytone rebuild``, ``import``, ``export``, ``backup`` and ``restore``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.clock import Clock
from engine.commands.terminal import (
    Status,
    database_in,
    fail,
    failing_if_not_built,
    progress,
    say,
    settings_for,
)
from engine.settings import Settings
from engine.storage.sqlite import FILE_NAME

if TYPE_CHECKING:
    from engine.storage.database import Database

__all__ = ["backup", "export", "import_", "move", "rebuild", "restore"]


def rebuild(config: Path | None, data: Path | None, output: Path | None) -> None:
    """Build the site from the catalogue into ``output``, or in the place of ``public/``."""
    settings = settings_for(config, data=data)
    database = database_in(settings)
    # The folder is replaced as a whole: refuse one that holds something else.
    if (
        output is not None
        and output.exists()
        and any(output.iterdir())
        and not (output / "feed.xml").is_file()
    ):
        fail(f"{output} has something in it that is no site of ours: name an empty or a new folder")
    from publisher import commands
    from publisher.priority import IDLE_NICENESS, lower_priority, use_idle_scheduling

    # A live session may be going on beside this.
    lower_priority(IDLE_NICENESS)
    use_idle_scheduling()
    _keep_address(settings, database)
    with failing_if_not_built(), progress("Building the site") as step:
        pages = commands.rebuild(settings.data, database, output, step)
    say(f"{pages} pages are in {output or settings.data / 'public'}")


def import_(config: Path | None, data: Path | None, file: Path, *, replace: bool) -> None:
    """Publish the sessions of a file in one pass. Lines that are wrong are named; the others are published."""
    settings = settings_for(config, data=data)
    database = database_in(settings, make=True)
    if not file.is_file():
        fail(f"there is no file {file}")
    from publisher import commands
    from publisher.import_reader import UnreadableImport
    from publisher.priority import IDLE_NICENESS, lower_priority, use_idle_scheduling

    lower_priority(IDLE_NICENESS)
    use_idle_scheduling()
    _keep_address(settings, database)
    try:
        with failing_if_not_built(), progress("Importing") as step:
            imported = commands.import_file(settings.data, database, file, step, replace=replace)
    except UnreadableImport as error:
        fail(str(error))
    say(
        "1 session is published."
        if imported.published == 1
        else f"{imported.published} sessions are published."
    )
    for line in imported.counted():
        say(line)
    if imported.refused or imported.doubled:
        fail("Not taken:\n" + "\n".join([*imported.refused, *imported.doubled]))


def _keep_address(settings: Settings, database: Database) -> None:
    """Keep the public address where no server has kept one yet: pages, feed and calendar link there."""
    if settings.public_url is None:
        return
    from engine.storage.meta import Meta
    from publisher.catalogue.published import Catalogue

    with database.connect() as connection:
        # What older versions published keeps the address it has had.
        Catalogue(connection)
        Meta(connection).setdefault("public_url", settings.public_url)


def export(config: Path | None, data: Path | None, file: Path | None) -> None:
    """Write one JSON line per published session, to a file or standard output."""
    settings = settings_for(config, data=data)
    database = database_in(settings)
    from publisher import commands

    lines = (json.dumps(entry, ensure_ascii=False) + "\n" for entry in commands.export(database))
    if file is None:
        sys.stdout.writelines(lines)
        return
    try:
        with file.open("w", encoding="utf-8") as opened:
            opened.writelines(lines)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")


def backup(config: Path | None, data: Path | None, file: Path) -> None:
    """Write a backup, also while the server runs."""
    settings = settings_for(config, data=data)
    from engine.storage.backup import BackupRefused
    from engine.storage.backup import backup as write
    from engine.storage.database import DatabaseError
    from engine.storage.opening import database_of
    from publisher.catalogue.published import Catalogue

    database = database_of(settings.data, settings.database)
    try:
        with progress("Copying the database") as step:
            write(settings.data, database, file, Clock().now(), prepare=Catalogue, progress=step)
    except BackupRefused as error:
        fail(str(error))
    except DatabaseError as error:
        fail(f"the database cannot be copied: {error}")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    say(f"{file} holds everything: {file.stat().st_size:,} bytes. Keep it as safe as the keys in it.")


def backup_when_due(config: Path | None, data: Path | None, folder: Path, every: str, keep: int) -> None:
    """Write a backup into ``folder`` when the newest there is ``every`` old, and remove the oldest beyond ``keep``."""
    from engine.commands.backup_rotation import (
        InvalidInterval,
        backups_in,
        file_name,
        interval,
        is_due,
        too_many,
    )

    try:
        length = interval(every)
    except InvalidInterval as error:
        fail(f"--every: {error}", Status.WRONG_USAGE)
    now = Clock().now()
    there = backups_in(folder)
    if not is_due(there, length, now):
        say(f"{there[-1]} is newer than {every}: nothing to do.")
        return
    backup(config, data, folder / file_name(now))
    # Only now that a newer one is whole.
    for old in too_many(backups_in(folder), keep):
        old.unlink(missing_ok=True)
        say(f"{old} is removed: {keep} are kept.")


def restore(config: Path | None, data: Path | None, file: Path, *, replace: bool) -> None:
    """Put a backup into the data folder, then build its site."""
    settings = settings_for(config, data=data)
    from engine.storage.backup import BackupRefused
    from engine.storage.backup import restore as put_back
    from engine.storage.data_lock import DataInUse

    if not file.is_file():
        fail(f"there is no file {file}")
    try:
        put_back(file, settings.data, replace=replace)
    except DataInUse:
        fail(f"a running server holds {settings.data}: stop it first", Status.IN_USE)
    except BackupRefused as error:
        fail(str(error))
    from publisher import commands

    if settings.database is not None:
        _move_into(settings)
    database = database_in(settings)
    with failing_if_not_built(), progress("Building the site") as step:
        pages = commands.rebuild(settings.data, database, None, step)
    say(f"{settings.data} is as it was backed up, and its site of {pages} pages is built.")


def move(source: str, target: str) -> None:
    """Copy a studio's tables from one database into another that is empty, while nothing runs on either."""
    from engine.commands.moving import MoveRefused, move_tables

    try:
        with progress("Copying the tables") as step:
            rows = move_tables(source, target, step)
    except MoveRefused as error:
        fail(str(error))
    say(f"{rows:,} rows are copied. The source is as it was; start the server on the target alone.")


def _move_into(settings: Settings) -> None:
    """Put the SQLite file of a restored folder into the database that the settings name, and remove it."""
    from engine.commands.moving import MoveRefused, move_tables

    assert settings.database is not None
    try:
        with progress("Filling the database") as step:
            move_tables(str(settings.data), settings.database, step)
    except MoveRefused as error:
        fail(f"{error}. What was restored stays in {settings.data}.")
    for name in (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
        (settings.data / name).unlink(missing_ok=True)
