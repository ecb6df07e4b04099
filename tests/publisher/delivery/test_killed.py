"""A process that sends mail, killed at every point between the outbox and the mail server: nobody twice, nobody forgotten."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from publisher.catalogue.due_deliveries import DueDeliveries
from tests.fork_server import fork_of, program
from tests.publisher.delivery.test_mail import LATER, MailServer, approve, deliver, subscribed
from tests.publisher.samples import snapshot
from tests.publisher.studio_data import Publisher

READERS = ["a@example.org", "b@example.org"]


class Killing(MailServer):
    """A mail server that may kill whoever has handed a message over, before it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.kills = False
        self.sender: Process | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message."""
        answer = await super().handle_DATA(server, session, envelope)
        if self.kills:
            assert self.sender is not None
            os.kill(fork_of(self.sender.pid), signal.SIGKILL)
            self.kills = False
        return answer


@pytest.fixture(params=["sqlite", "postgres"])
def studio(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Publisher, str | None]]:
    """A studio with an approved newsletter and two readers, and the address of its database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    made = Publisher(tmp_path / "data", url=url)
    (made.data / "studio.toml").write_text('name = "Breath Room"\nsender = "hello@example.org"\n')
    made.catalogue.set_meta("sends_mail", "yes")
    made.publish(snapshot())
    subscribed(made, *READERS)
    approve(made)
    yield made, url
    made.close()


async def test_whoever_sends_may_be_killed_at_any_point(studio: tuple[Publisher, str | None]) -> None:
    """Each reader gets the newsletter once; a mail that nobody knows of is said to be uncertain, and is not repeated."""
    publisher, url = studio
    mail_server = Killing()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: SMTP(mail_server, hostname="test", loop=loop), "127.0.0.1", 0
    )
    mail_server.url = f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"

    async def killed_at(step: int, *, by_server: bool = False) -> tuple[int, int]:
        """Steps that were done, and how many mails are uncertain once another process has gone on."""
        publisher.connection.execute(
            "UPDATE deliveries SET state = 'preparing', attempts = 0, error = NULL, due_at = :at", at=LATER
        )
        mail_server.taken.clear()
        mail_server.kills = by_server
        mail_server.sender = await asyncio.create_subprocess_exec(
            *(program(), "-m", "tests.publisher.delivery.dying_sender", publisher.data, url or ""),
            *(mail_server.url, str(LATER), str(step)),
            stdout=DEVNULL,
            stderr=PIPE,
        )
        _, steps = await mail_server.sender.communicate()
        assert mail_server.sender.returncode == (-signal.SIGKILL if step or by_server else 0)
        DueDeliveries(publisher.catalogue).recover(LATER)
        await deliver(publisher, mail_server)
        rows = publisher.connection.rows("SELECT recipient, state FROM deliveries")
        became = {row["recipient"]: row["state"] for row in rows}
        got = Counter(address for address, _ in mail_server.taken)
        assert became.keys() == set(READERS)
        for reader, state in became.items():
            assert (state, got[reader]) in {("submitted", 1), ("uncertain", 1), ("uncertain", 0)}, step
        return len(steps), list(became.values()).count("uncertain")

    try:
        all_steps, uncertain = await killed_at(0)
        assert uncertain == 0
        assert all_steps > 12
        seen = [(await killed_at(step))[1] for step in range(1, all_steps + 1)]
        # Only of the one that was under way nobody knows.
        assert set(seen) == {0, 1}
        done, uncertain = await killed_at(0, by_server=True)
        assert (done < all_steps, uncertain) == (True, 1)
    finally:
        listening.close()
        await listening.wait_closed()
