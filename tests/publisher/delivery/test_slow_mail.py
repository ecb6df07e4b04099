"""Mail servers that are slow, fall silent, or hang up in the middle: nobody gets a mail twice, nobody is forgotten."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from engine.domain.instant import MINUTE, Millis
from engine.storage.opening import database_of
from publisher import commands
from publisher.catalogue.deliveries import Deliveries
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.delivery.due_mail import deliver_due
from publisher.delivery.mail_thread import MailDelivery
from publisher.drafts.open_draft_desk import open_draft_desk
from tests.publisher.delivery.test_mail import LATER, approve, states, subscribed
from tests.publisher.samples import snapshot
from tests.publisher.studio_data import Publisher

_PATIENCE_S = 0.4


class UnreliableMailboxes:
    """What becomes of the mail to one address: ``faults`` by address, by what the server does at which point."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.faults: dict[str, str] = {}
        self.silent_at_greeting = False
        self.url = ""

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The message has come in whole."""
        (address,) = envelope.rcpt_tos
        self.taken.append(address)
        if self.faults.get(address) == "silent after the message":
            await asyncio.Event().wait()
        return "250 taken"


class UnreliableServer(SMTP):
    """A real mail server that falls silent or hangs up at the command ``DATA``."""

    def _fault(self) -> str:
        assert self.envelope is not None
        return self._mailboxes.faults.get(self.envelope.rcpt_tos[0], "")

    @property
    def _mailboxes(self) -> UnreliableMailboxes:
        handler = self.event_handler
        assert isinstance(handler, UnreliableMailboxes)
        return handler

    async def push(self, status: Any) -> None:
        """Say a line, unless this server does not even greet."""
        if self._mailboxes.silent_at_greeting:
            await asyncio.Event().wait()
        await super().push(status)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Wait for ever before the go-ahead, hang up in the middle of the message, or do as servers do."""
        match self._fault():
            case "silent at DATA":
                await asyncio.Event().wait()
            case "hangs up at DATA":
                assert isinstance(self.transport, asyncio.WriteTransport)
                self.transport.abort()
            case "hangs up in the middle":
                await self.push("354 go ahead")
                assert self._reader is not None
                await self._reader.readline()
                assert isinstance(self.transport, asyncio.WriteTransport)
                self.transport.abort()
            case _:
                await super().smtp_DATA(arg)


@pytest.fixture
async def unreliable() -> AsyncIterator[UnreliableMailboxes]:
    """Such a server on this machine."""
    handler = UnreliableMailboxes()
    servers: list[SMTP] = []

    def one() -> SMTP:
        servers.append(UnreliableServer(handler, hostname="test", loop=asyncio.get_running_loop()))
        return servers[-1]

    listening = await asyncio.get_running_loop().create_server(one, "127.0.0.1", 0)
    handler.url = f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield handler
    listening.close()
    talks = [each._handler_coroutine for each in servers if each._handler_coroutine is not None]
    for talk in talks:
        talk.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
    for each in servers:
        if isinstance(each.transport, asyncio.WriteTransport):
            each.transport.abort()
    await listening.wait_closed()
    # What was aborted is told of it in the next turn of the loop.
    await asyncio.sleep(0)


async def deliver(publisher: Publisher, unreliable: UnreliableMailboxes, at: Millis = LATER) -> int:
    """Send what is due to a server that is not waited for long."""
    texts = open_draft_desk(publisher.data, publisher.connection).texts
    return await deliver_due(texts, publisher.catalogue, unreliable.url, lambda: at, timeout_s=_PATIENCE_S)


@pytest.mark.parametrize("fault", ["silent at DATA", "hangs up at DATA"])
async def test_what_never_began_to_leave_is_tried_again(
    studio: Publisher, unreliable: UnreliableMailboxes, fault: str
) -> None:
    """Before the server's go-ahead nothing of the mail has left: it goes later, and the others go now."""
    subscribed(studio, "a@example.org", "b@example.org", "c@example.org")
    approve(studio)
    unreliable.faults = {"b@example.org": fault}
    assert await deliver(studio, unreliable) == 3
    assert states(studio) == {"preparing": 1, "submitted": 2}
    unreliable.faults = {}
    await deliver(studio, unreliable, LATER + 10 * MINUTE)
    assert states(studio) == {"submitted": 3}
    assert sorted(unreliable.taken) == ["a@example.org", "b@example.org", "c@example.org"]


@pytest.mark.parametrize("fault", ["silent after the message", "hangs up in the middle"])
async def test_what_may_have_been_taken_is_uncertain_and_never_repeated(
    studio: Publisher, unreliable: UnreliableMailboxes, fault: str
) -> None:
    """From the first byte to the answer nobody knows: it is written down, not sent again, and holds nobody up."""
    subscribed(studio, "a@example.org", "b@example.org", "c@example.org")
    approve(studio)
    unreliable.faults = {"b@example.org": fault}
    assert await deliver(studio, unreliable) == 3
    assert states(studio) == {"uncertain": 1, "submitted": 2}
    unreliable.faults = {}
    assert await deliver(studio, unreliable, LATER + 60 * MINUTE) == 0
    assert unreliable.taken.count("b@example.org") == (1 if fault == "silent after the message" else 0)
    assert commands.retry(database_of(studio.data), "s-1") != []
    assert states(studio) == {"uncertain": 1, "submitted": 2}


async def test_a_server_that_does_not_greet_is_waited_for(
    studio: Publisher, unreliable: UnreliableMailboxes
) -> None:
    """Nothing is begun, everybody waits, the reason is written down; once it greets, everybody gets one mail."""
    subscribed(studio, "a@example.org", "b@example.org")
    approve(studio)
    unreliable.silent_at_greeting = True
    assert await deliver(studio, unreliable) == 0
    (reply,) = Deliveries(studio.catalogue).by_kind_and_state("s-1")
    assert (reply["state"], reply["mails"], reply["attempts"]) == ("preparing", 2, 0)
    assert "Timed" in reply["error"] or "timed" in reply["error"]
    assert await deliver(studio, unreliable, LATER + 1) == 0
    unreliable.silent_at_greeting = False
    assert await deliver(studio, unreliable, LATER + MINUTE) == 2
    assert states(studio) == {"submitted": 2}


async def test_operators_see_what_became_of_mails(studio: Publisher, unreliable: UnreliableMailboxes) -> None:
    """``publications`` lists each kind and state with how many mails, and what the server said."""
    subscribed(studio, "a@example.org", "b@example.org")
    approve(studio)
    unreliable.faults = {"b@example.org": "silent after the message"}
    await deliver(studio, unreliable)
    rows = [
        row
        for row in commands.list_publications(database_of(studio.data), "s-1")
        if row["channel"] == "mail: newsletter"
    ]
    assert [(row["state"], row["mails"]) for row in rows] == [("submitted", 1), ("uncertain", 1)]
    assert rows[0]["last_error"] is None
    assert "imed" in rows[1]["last_error"]


async def test_what_failed_for_good_can_be_sent_again_by_hand(
    studio: Publisher, unreliable: UnreliableMailboxes
) -> None:
    """Only what failed goes again, at once, and with attempts of its own."""
    subscribed(studio, "a@example.org")
    approve(studio)
    deliveries = DueDeliveries(studio.catalogue)
    (delivery,) = deliveries.due(LATER)
    assert deliveries.begin(delivery, LATER)
    deliveries.refused(delivery, "550 no such user", LATER, for_good=True)
    assert commands.retry(database_of(studio.data), "s-1") == ["1 mails"]
    (row,) = Deliveries(studio.catalogue).by_kind_and_state("s-1")
    assert (row["state"], row["attempts"]) == ("preparing", 0)


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Millis], None]:
    """Sets the clock of the thread of mail delivery."""

    def at(now: Millis) -> None:
        monkeypatch.setattr("publisher.delivery.mail_thread._now", lambda: now)

    return at


@pytest.fixture
def silent_port() -> Iterator[tuple[str, threading.Event]]:
    """A port that takes connections and never says a word, and whether one came."""
    import socket

    called = threading.Event()
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            try:
                held.append(listening.accept()[0])
            except OSError:
                return
            called.set()

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"smtp://127.0.0.1:{listening.getsockname()[1]}", called
        for each in held:
            each.close()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_silent_mail_server_holds_no_page_up(
    studio: Publisher, silent_port: tuple[str, threading.Event], clocked: Callable[[Millis], None]
) -> None:
    """While mail delivery waits for a server that says nothing, the next session is published."""
    url, called = silent_port
    subscribed(studio, "a@example.org")
    approve(studio)
    clocked(LATER)
    delivery = MailDelivery(studio.data, database_of(studio.data), url)
    # Entered but never left: leaving would wait for the silent server, which the fixture ends.
    delivery.__enter__()
    assert called.wait(10)
    studio.publish(snapshot("s-2", title="While the mail hangs"), at=LATER)
    assert "While the mail hangs" in studio.read("sessions/s-2/index.html")
    assert [row.state for row in studio.outbox.of("s-2")] == ["done"] * 4
    delivery._closing.set()
