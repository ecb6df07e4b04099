"""A process that takes over what a dead one left and sends what is due, until the step before which it is to die.

Its arguments: the data folder, the address of the database or nothing, that of the mail server, the instant, the step.
It writes a byte to its standard error for each step.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import aiosmtplib

from engine.storage.opening import database_of
from engine.storage.postgres import PostgresConnection
from engine.storage.sqlite import SqliteConnection
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.catalogue.published import Catalogue
from publisher.delivery.due_mail import deliver_due
from publisher.drafts.open_draft_desk import open_draft_desk

STEPS = {
    SqliteConnection: ("execute",),
    PostgresConnection: ("execute",),
    aiosmtplib.SMTP: ("connect", "mail", "rset", "rcpt", "data"),
}
"""What is done to the database and with the mail server, before each of which the process may die."""


def send(data: Path, url: str | None, smtp_url: str, now: int, dies_at: int) -> None:
    """Do it."""
    numbers = count(1)

    def step() -> None:
        os.write(2, b".")
        if next(numbers) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def plainly(inner: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*given: Any, **named: Any) -> Any:
            step()
            return inner(*given, **named)

        return stepped

    def awaited(inner: Callable[..., Any]) -> Callable[..., Any]:
        async def stepped(*given: Any, **named: Any) -> Any:
            step()
            return await inner(*given, **named)

        return stepped

    for kind, names in STEPS.items():
        for name in names:
            inner = getattr(kind, name)
            setattr(kind, name, (awaited if kind is aiosmtplib.SMTP else plainly)(inner))
    with closing(database_of(data, url).connect()) as connection:
        catalogue = Catalogue(connection)
        DueDeliveries(catalogue).recover(now)
        texts = open_draft_desk(data, connection).texts
        asyncio.run(deliver_due(texts, catalogue, smtp_url, lambda: now))
    step()


if __name__ == "__main__":
    send(Path(sys.argv[1]), sys.argv[2] or None, sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
