"""The checks of ``halcytone doctor``: settings, disk, database, studio, address, mail server.

They change nothing, and use the network only at the public address and the mail server (``doctor_network``).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.operations.doctor_network import check_address, check_mail
from engine.operations.findings import Finding, Verdict
from engine.settings import PREFIX, Settings, unknown_variables
from engine.storage.database import Connection, DatabaseError
from engine.storage.inspection import incomplete_logs
from engine.storage.meta import Meta
from engine.storage.opening import database_of
from engine.storage.outbox import Outbox

if TYPE_CHECKING:
    from publisher.rendering.studio import Studio

__all__ = ["Finding", "Verdict", "run_checks"]

_LEAST_FREE = 500 * 1024 * 1024
"""Bytes that should be free on the disk."""


async def run_checks(settings: Settings) -> AsyncIterator[Finding]:
    """Yield each finding as its check ends: machine, data, studio, then the address as others see it."""
    for finding in (*_variables(settings), _data_folder(settings.data)):
        yield finding
    for finding in await asyncio.to_thread(_database, settings.data, settings.database):
        yield finding
    async for finding in _servers(settings):
        yield finding
    for finding in _studio(settings.data):
        yield finding
    stored = await asyncio.to_thread(_stored_by_serve, settings)
    async for finding in check_address(settings, stored.public_url):
        yield finding
    yield await check_mail(settings, stored.mail_server)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the newest start of the server left in the database; None where there was none."""

    public_url: str | None = None
    mail_server: str | None = None
    """``host:port`` of the mail server, empty where none was set."""


def _stored_by_serve(settings: Settings) -> _Stored:
    database = database_of(settings.data, settings.database)
    try:
        if not database.exists():
            return _Stored()
        with database.connect() as connection:
            meta = Meta(connection)
            return _Stored(meta.get("public_url"), meta.get("mail_server"))
    except DatabaseError:
        # Damaged or away: the finding about the database says so.
        return _Stored()


def _variables(settings: Settings) -> list[Finding]:
    known = {PREFIX + name.upper() for name in type(settings).model_fields}
    if unknown := unknown_variables():
        sentence = f"{', '.join(unknown)} means nothing here"
        return [Finding("settings", Verdict.LOOK, sentence, f"The settings are {', '.join(sorted(known))}.")]
    return [Finding("settings", Verdict.GOOD, "every variable is known and fits")]


def _data_folder(data: Path) -> Finding:
    if not data.is_dir():
        return Finding(
            "disk",
            Verdict.LOOK,
            f"{data} does not exist yet",
            "The first start of `halcytone serve` makes it.",
        )
    if not os.access(data, os.W_OK | os.X_OK):
        return Finding(
            "disk", Verdict.MEND, f"{data} cannot be written", "Give it to the user that the server runs as."
        )
    free = shutil.disk_usage(data).free
    sentence = f"{free / 1024**3:.1f} GiB are free below {data}"
    if free < _LEAST_FREE:
        remedy = "Make room: a full disk stops sessions, and nothing can be published."
        return Finding("disk", Verdict.MEND, sentence, remedy)
    return Finding("disk", Verdict.GOOD, sentence)


def _database(data: Path, url: str | None) -> list[Finding]:
    database = database_of(data, url)
    if not database.exists():
        return [
            Finding(
                "database",
                Verdict.LOOK,
                "there is none yet",
                "The first start of `halcytone serve` makes it.",
            )
        ]
    problems = database.problems()
    if problems:
        remedy = (
            "Stop the server, keep a copy of the folder, and `halcytone restore --replace` the newest backup."
        )
        return [Finding("database", Verdict.MEND, "; ".join(problems[:3]), remedy)]
    findings = [Finding("database", Verdict.GOOD, f"sound, {database.size() / 1024**2:.1f} MiB")]
    try:
        with database.connect() as connection:
            findings += [*_holes(connection), _outbox(connection), _mails(connection)]
        findings += [_unsuitable(sentence) for sentence in database.unsuitable()]
    except DatabaseError as error:
        findings.append(Finding("database", Verdict.MEND, str(error), "Look into the log of the server."))
    return findings


async def _servers(settings: Settings) -> AsyncIterator[Finding]:
    database = database_of(settings.data, settings.database)
    if not database.shared:
        return
    from engine.operations.doctor_nodes import check_nodes

    # That it cannot be asked is said by the checks before.
    with suppress(DatabaseError):
        async for finding in check_nodes(database, settings.data):
            yield finding


def _unsuitable(sentence: str) -> Finding:
    remedy = "Connect to the server itself, and let its commits wait for the disk (fsync and synchronous_commit on)."
    return Finding("database", Verdict.MEND, sentence, remedy)


def _holes(connection: Connection) -> list[Finding]:
    remedy = "Those sessions go on from before the gap under a new epoch; their clients load the full state."
    return [
        Finding("journal", Verdict.MEND, f"records of {session_id} are missing", remedy)
        for session_id in incomplete_logs(connection)
    ] or [Finding("journal", Verdict.GOOD, "no record is missing")]


def _outbox(connection: Connection) -> Finding:
    outbox = Outbox(connection)
    failed = outbox.failed_sessions()
    if failed:
        remedy = "`halcytone publications list --failed` says why; `halcytone publications retry SESSION` tries again."
        return Finding("publications", Verdict.MEND, f"publishing failed for {failed} sessions", remedy)
    return Finding("publications", Verdict.GOOD, f"{outbox.unfinished()} jobs wait, none failed")


def _mails(connection: Connection) -> Finding:
    from publisher.catalogue.mail_report import mail_counts, waits_because

    counts = mail_counts(connection)
    failed = sum(count.mails for count in counts if count.state == "failed")
    held = sum(count.mails for count in counts if count.held)
    uncertain = sum(count.mails for count in counts if count.state == "uncertain")
    waiting = sum(count.mails for count in counts if count.state == "preparing")
    sentences, remedies = [], []
    if held:
        one_or_many = "1 mail waits" if held == 1 else f"{held} mails wait"
        sentences.append(
            f"{one_or_many} for a mail server that does not take mail: {waits_because(connection)}"
        )
        remedies.append("What waits leaves by itself once that is mended.")
    if failed:
        sentences.append("1 mail failed" if failed == 1 else f"{failed} mails failed")
    if uncertain:
        sentences.append(f"of {uncertain} nobody knows whether they left")
    lost = [count for count in counts if count.state in ("failed", "uncertain")]
    if lost:
        remedies.append("`halcytone publications list --failed` says why.")
    if any(count.of_session for count in lost):
        remedies.append("`halcytone publications retry SESSION` tries those of a session again.")
    if not all(count.of_session for count in lost):
        remedies.append(
            "A mail to confirm the newsletter or to sign in leaves again when somebody asks for it anew;"
            " `halcytone key list` shows the addresses of keys."
        )
    if sentences:
        verdict = Verdict.MEND if held or failed else Verdict.LOOK
        return Finding("mails", verdict, "; ".join(sentences), " ".join(remedies))
    return Finding("mails", Verdict.GOOD, f"{waiting} wait for their time, none failed")


def _studio(data: Path) -> list[Finding]:
    from publisher.rendering.studio import FILE_NAME as STUDIO_FILE
    from publisher.rendering.studio import InvalidStudio, load

    try:
        studio = load(data)
    except InvalidStudio as error:
        return [Finding("studio", Verdict.MEND, str(error), f"Mend {data / STUDIO_FILE}.")]
    return [*(_unused_picture(problem, data) for problem in studio.look.problems), _imprint(studio, data)]


def _unused_picture(problem: str, data: Path) -> Finding:
    remedy = f"Put a PNG, JPEG or WebP there, beside {data / 'studio.toml'}; pages are shown without it."
    return Finding("studio", Verdict.MEND, problem, remedy)


def _imprint(studio: Studio, data: Path) -> Finding:
    from publisher.rendering.studio import FILE_NAME as STUDIO_FILE

    if not studio.imprint.strip():
        remedy = f"Write who is responsible for the site into {data / STUDIO_FILE} (imprint)."
        return Finding("imprint", Verdict.LOOK, "is empty; many countries ask for one", remedy)
    return Finding("imprint", Verdict.GOOD, f"{studio.name} says who is responsible")
