"""Mail through a real mail server that accepts, refuses, and breaks the line."""

from __future__ import annotations

import asyncio
import email
import email.policy
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime
from email.errors import InvalidHeaderDefect
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from engine.domain.instant import HOUR, MINUTE, Millis, iso
from engine.domain.series import Series
from engine.domain.session import Details
from engine.storage.database import DatabaseError
from engine.storage.keys import Keys
from engine.storage.rows import PEOPLE, ROOMS, PersonRow
from engine.storage.sign_ins import SIGN_IN_MAIL
from publisher.catalogue import subscriptions
from publisher.catalogue.deliveries import SEND_DELAY, Deliveries
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.catalogue.mail_report import mail_counts, waits_because
from publisher.commands import list_publications
from publisher.delivery import messages
from publisher.delivery.due_mail import Outage, deliver_due
from publisher.delivery.mail_thread import MailDelivery
from publisher.delivery.smtp_address import smtp_arguments
from publisher.drafts.open_draft_desk import open_draft_desk
from publisher.mail.email import Mail
from publisher.mail.message import message_of
from publisher.rendering.links import Links
from publisher.rendering.studio import InvalidStudio, Studio, load
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

LATER = NOW + SEND_DELAY
DAY = 24 * HOUR


class MailServer:
    """What a mail server does with what it gets: ``answers`` by address, else 250."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, EmailMessage]] = []
        self.answers: dict[str, str] = {}
        self.url = ""
        self.greeted: list[str] = []
        self.greeting_answer = "250 HELP"
        self.sender_answer = "250 OK"
        self.password = b"right"
        self.told_passwords: list[bytes] = []

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        """Let whoever knows the password in."""
        self.told_passwords.append(given.password)
        return AuthResult(success=given.password == self.password, handled=False)

    async def handle_HELO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str
    ) -> str:
        """Greet as before, in the older way."""
        session.host_name = hostname
        return self.greeting_answer

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Note the name that a client calls itself."""
        session.host_name = hostname
        self.greeted.append(hostname)
        return responses if self.greeting_answer[:1] == "2" else [self.greeting_answer]

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take the sender, or refuse it."""
        if self.sender_answer[:1] in "45":
            return self.sender_answer
        envelope.mail_from = address
        return self.sender_answer

    async def handle_RCPT(  # noqa: N802 — aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Refuse a recipient, or hang up on one."""
        answer = self.answers.get(address, "250 OK")
        if answer == "hang up":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        if answer[:1] in "45":
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message, refuse it, or hang up after it was taken."""
        (address,) = envelope.rcpt_tos
        answer = self.answers.get(address, "")
        if answer.startswith("data "):
            return answer.removeprefix("data ")
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append((address, message))
        if answer == "take and hang up":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return "250 taken"


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    """A mail server on this machine."""

    handler = MailServer()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(
            handler,
            hostname="test",
            loop=asyncio.get_running_loop(),
            authenticator=handler.authenticate,
            auth_require_tls=False,
        ),
        "127.0.0.1",
        0,
    )
    handler.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield handler
    server.close()
    await server.wait_closed()


def subscribed(publisher: Publisher, *addresses: str) -> None:
    """Make addresses confirmed subscribers."""
    for address in addresses:
        subscriptions.subscribe(publisher.catalogue, address, NOW)
    publisher.connection.execute("UPDATE subscribers SET state = 'confirmed', confirmed_at = :at", at=NOW)
    publisher.connection.execute("DELETE FROM deliveries")


def approve(publisher: Publisher, channel: str = "email", at: Millis = NOW) -> None:
    """A person approves."""
    open_draft_desk(publisher.data, publisher.connection).set_state("s-1", channel, "approved", at)


async def deliver(publisher: Publisher, server: MailServer, at: Millis = LATER) -> int:
    """Send what is due."""
    texts = open_draft_desk(publisher.data, publisher.connection).texts
    return await deliver_due(texts, publisher.catalogue, server.url, lambda: at, timeout_s=2)


def states(publisher: Publisher, kind: str = "newsletter") -> dict[str, Any]:
    """How many mails are in each state."""
    return Deliveries(publisher.catalogue).count_by_state("s-1", kind)


async def test_the_newsletter_leaves_ten_minutes_after_the_approval(
    studio: Publisher, mail_server: MailServer
) -> None:
    """Everybody who confirmed gets one mail, from the studio, with a way out in one click."""
    subscribed(studio, "A@example.org", "b@example.org")
    approve(studio)
    assert await deliver(studio, mail_server, LATER - 1) == 0
    assert await deliver(studio, mail_server) == 2
    assert states(studio) == {"submitted": 2}
    address, message = mail_server.taken[0]
    assert address == "A@example.org"
    assert message["From"].addresses[0].addr_spec == "hello@example.org"
    assert message["Subject"] == "Session Summary: Calm – “wide”"
    unsubscribe = message["List-Unsubscribe"]
    assert unsubscribe.startswith("<https://breath.example/unsubscribe/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert unsubscribe[1:-1] in text.get_content()
    assert unsubscribe[1:-1] in html.get_content()
    assert "I felt my shoulders drop" not in text.get_content() + html.get_content()


async def test_nobody_gets_it_twice(studio: Publisher, mail_server: MailServer) -> None:
    """A new version and a second approval send nothing to who has it, and something to who came since."""
    subscribed(studio, "a@example.org")
    approve(studio)
    await deliver(studio, mail_server)
    studio.publish(snapshot(title="Another title", version=2), at=NOW + MINUTE)
    subscribed(studio, "c@example.org")
    studio.connection.execute(
        "INSERT INTO deliveries (session_id, kind, recipient, address, state, attempts, due_at, error, updated_at)"
        " VALUES ('s-1', 'newsletter', 'a@example.org', 'a@example.org',"
        " 'submitted', 1, :at, NULL, :at) ON CONFLICT DO NOTHING",
        at=NOW,
    )
    approve(studio, at=NOW + MINUTE)
    await deliver(studio, mail_server, LATER + MINUTE)
    assert [address for address, _ in mail_server.taken] == ["a@example.org", "c@example.org"]


async def test_it_can_be_stopped_until_it_leaves(studio: Publisher, mail_server: MailServer) -> None:
    """Withdrawing the draft within ten minutes takes every mail back."""
    subscribed(studio, "a@example.org")
    approve(studio)
    assert states(studio) == {"preparing": 1}
    open_draft_desk(studio.data, studio.connection).set_state("s-1", "email", "withdrawn", NOW + 1)
    assert await deliver(studio, mail_server) == 0
    assert not (studio.data / "drafts/s-1/email.eml").exists()


async def test_refusals_for_good_and_for_now(studio: Publisher, mail_server: MailServer) -> None:
    """550 fails once and for all, 451 is tried again, and neither holds the others up."""
    subscribed(studio, "gone@example.org", "busy@example.org", "fine@example.org", "big@example.org")
    mail_server.answers = {
        "gone@example.org": "550 no such user",
        "busy@example.org": "451 come back",
        "big@example.org": "data 552 too big",
    }
    approve(studio)
    await deliver(studio, mail_server)
    assert states(studio) == {"failed": 2, "preparing": 1, "submitted": 1}
    mail_server.answers = {}
    await deliver(studio, mail_server, LATER + 10 * MINUTE)
    assert states(studio) == {"failed": 2, "submitted": 2}
    assert sorted(address for address, _ in mail_server.taken) == ["busy@example.org", "fine@example.org"]


async def test_a_line_that_breaks_before_the_message_is_tried_again(
    studio: Publisher, mail_server: MailServer
) -> None:
    """Nothing was handed over, so nobody is forgotten."""
    subscribed(studio, "a@example.org", "b@example.org")
    mail_server.answers = {"a@example.org": "hang up"}
    approve(studio)
    await deliver(studio, mail_server)
    assert states(studio) == {"preparing": 1, "submitted": 1}
    mail_server.answers = {}
    await deliver(studio, mail_server, LATER + 10 * MINUTE)
    assert [address for address, _ in mail_server.taken] == ["b@example.org", "a@example.org"]


async def test_a_line_that_breaks_after_the_message_is_uncertain_and_never_repeated(
    studio: Publisher, mail_server: MailServer
) -> None:
    """The server may have taken it, and has here: a second one would be a second mail."""
    subscribed(studio, "a@example.org")
    mail_server.answers = {"a@example.org": "take and hang up"}
    approve(studio)
    await deliver(studio, mail_server)
    assert states(studio) == {"uncertain": 1}
    mail_server.answers = {}
    assert await deliver(studio, mail_server, LATER + 60 * MINUTE) == 0
    assert len(mail_server.taken) == 1


async def test_no_server_at_all_is_waited_for(studio: Publisher, mail_server: MailServer) -> None:
    """While nobody answers, mails wait however long that is: none of it counts as an attempt of theirs."""
    subscribed(studio, "a@example.org", "b@example.org")
    approve(studio)
    nowhere = MailServer()
    nowhere.url = "smtp://127.0.0.1:9"
    for minutes in range(0, 40, 2):
        assert await deliver(studio, nowhere, LATER + minutes * MINUTE) == 0
    assert states(studio) == {"preparing": 2}
    assert await deliver(studio, mail_server, LATER + 60 * MINUTE) == 2
    assert states(studio) == {"submitted": 2}


def test_what_a_dead_process_was_sending_is_uncertain(studio: Publisher) -> None:
    """A kill between the mark and the answer leaves a mail that is not sent again."""
    subscribed(studio, "a@example.org")
    approve(studio)
    deliveries = DueDeliveries(studio.catalogue)
    (delivery,) = deliveries.due(LATER)
    assert deliveries.begin(delivery, LATER)
    assert not deliveries.begin(delivery, LATER)
    assert deliveries.recover(LATER) == 1
    assert states(studio) == {"uncertain": 1}


async def test_double_opt_in_and_the_way_out(studio: Publisher, mail_server: MailServer) -> None:
    """An address is asked once, counts after it confirmed, and is forgotten when it leaves."""
    subscriptions.subscribe(studio.catalogue, " You@Example.org ", NOW)
    subscriptions.subscribe(studio.catalogue, "you@example.org", NOW + 1)
    await deliver(studio, mail_server, NOW + 2)
    ((address, message),) = mail_server.taken
    assert address == "You@Example.org"
    body = message.get_body(("plain",))
    assert body is not None
    token = body.get_content().split("/confirm/")[1].split()[0]
    assert subscriptions.state_of(studio.catalogue, token) == "pending"
    assert subscriptions.count(studio.catalogue) == 0
    assert subscriptions.confirm(studio.catalogue, token, NOW)
    assert subscriptions.confirm(studio.catalogue, token, NOW)
    assert subscriptions.count(studio.catalogue) == 1
    approve(studio)
    assert subscriptions.unsubscribe(studio.catalogue, token)
    assert not subscriptions.unsubscribe(studio.catalogue, token)
    assert await deliver(studio, mail_server) == 0
    assert subscriptions.state_of(studio.catalogue, token) is None


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "a", "a@b", "a b@example.org", "a@example.org\nBcc: b@example.org", "a@@b.c"),
        *("a.@x.example", ".a@x.example", "a..b@x.example", "=?utf-8?q?a?=@x.example", "a=?b@x.example"),
    ],
)
def test_what_is_no_address_is_refused(publisher: Publisher, wrong: str) -> None:
    """Nothing that could become a header, or reach nobody."""
    with pytest.raises(subscriptions.InvalidAddress):
        subscriptions.subscribe(publisher.catalogue, wrong, NOW)


_LOCAL = st.text("ab.=?'`{|}!_-+9", min_size=1, max_size=12)


@given(local=st.one_of(_LOCAL, st.sampled_from(["=?utf-8?q?a?=", "a.", ".a"])))
def test_to_every_address_that_is_taken_a_mail_can_be_written(local: str) -> None:
    """And its header says that address."""
    try:
        address = subscriptions.checked_address(f"{local}@x.example")
    except subscriptions.InvalidAddress:
        reject()
    written = message_of(
        Mail("s", "<p>", "t"), Studio(sender=address), message_id="a@b", date=NOW, picture=b"", to=address
    )
    read = email.message_from_bytes(written, policy=email.policy.default)
    assert [read[name].addresses[0].addr_spec for name in ("To", "From")] == [address, address]


@pytest.mark.parametrize("sender", ["a.@x.example", ".a@x.example", "=?utf-8?q?a?=@x.example"])
def test_a_sender_that_no_mail_can_have_is_refused(tmp_path: Path, sender: str) -> None:
    """With the setting's name."""
    (tmp_path / "studio.toml").write_text(f'sender = "{sender}"\n')
    with pytest.raises(InvalidStudio, match="sender: a mail address"):
        load(tmp_path)


def mara(studio: Publisher) -> None:
    """Somebody who left an address."""
    row = PersonRow(
        "s-1", "c1", NOW, name="Mara", email="mara@example.org", own_summary='{"improvement_percent": 7}'
    )
    studio.connection.execute(PEOPLE.upsert, **PEOPLE.values(row))


def everything(studio: Publisher) -> str:
    """Every row of every table."""
    tables = studio.connection.tables()
    return str([dict(row) for table in tables for row in studio.connection.rows(f"SELECT * FROM {table}")])


async def test_a_persons_own_mail(studio: Publisher, mail_server: MailServer) -> None:
    """Who left an address gets their own figure, once, after an approval of its own."""
    mara(studio)
    desk = open_draft_desk(studio.data, studio.connection)
    assert desk.draft("s-1", "personal")["recipients"] == 1
    approve(studio, "personal")
    await deliver(studio, mail_server)
    ((address, message),) = mail_server.taken
    body = message.get_body(("plain",))
    assert body is not None
    assert address == "mara@example.org"
    assert "+7%" in body.get_content()
    assert "7" not in message["Subject"]
    assert "List-Unsubscribe" not in message


def coming(studio: Publisher, **changes: object) -> None:
    """A date of a series in New York, a day after the session that was published."""
    series = Series(
        series_id="evenings",
        details=Details("Evening breath", "Mara", 0, series_id="evenings"),
        starts="2024-03-22T20:00",
        time_zone="America/New_York",
        rule="FREQ=WEEKLY",
        created_at=NOW,
        updated_at=NOW,
        timetable_since=NOW,
    )
    studio.connection.execute(
        "INSERT INTO series (series_id, document, version, created_at) VALUES ('evenings', :document, 1, :at)"
        " ON CONFLICT DO NOTHING",
        document=TypeAdapter(Series).dump_json(series).decode(),
        at=NOW,
    )
    row = room(
        "evening-2",
        **{
            "title": "Evening breath",
            "scheduled_start": NOW + 86_400_000,
            "series_id": "evenings",
            **changes,
        },
    )
    studio.connection.execute(ROOMS.upsert, **ROOMS.values(row))


def parts(message: EmailMessage) -> list[str]:
    """The text and the HTML."""
    bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
    return [body.get_content().replace("\r\n", "\n") for body in bodies if body is not None]


CALENDAR = "https://breath.example/sessions/evening-2/event.ics"
LETTERS = pytest.mark.parametrize("channel", ["personal", "email", "edited", "test"])


async def letter(studio: Publisher, mail_server: MailServer, channel: str) -> EmailMessage:
    """The own summary, the newsletter, one that somebody has written anew, or the test of it."""
    mara(studio)
    subscribed(studio, "reader@example.org")
    desk = open_draft_desk(studio.data, studio.connection)
    if channel == "edited":
        desk.edit("s-1", "email", {"text": "My own words.\n\n-- \nBreath Room"}, NOW)
    if channel == "test":
        with closing(Keys(studio.database)) as keys:
            keys.create("Mara", at=1)
        desk.send_test("s-1", "Mara", "mara@example.org", NOW)
    else:
        approve(studio, "personal" if channel == "personal" else "email")
    await deliver(studio, mail_server)
    ((_, message),) = mail_server.taken
    return message


@pytest.mark.parametrize("words", [{}, {"text": "My own words."}])
async def test_newsletters_are_told_apart_by_series(
    studio: Publisher, mail_server: MailServer, words: dict[str, str]
) -> None:
    """By a header that filters read, and by the link to the series; a session alone has neither."""
    subscribed(studio, "reader@example.org")
    for session_id, series_id in (("of-series", "evenings"), ("alone", None)):
        studio.publish(snapshot(session_id, series_id=series_id))
        desk = open_draft_desk(studio.data, studio.connection)
        if words:
            desk.edit(session_id, "email", words, NOW)
        assert "series/evenings/" not in desk.draft(session_id, "email")["text"]
        desk.set_state(session_id, "email", "approved", NOW)
    await deliver(studio, mail_server)
    found = {message["Keywords"]: parts(message) for _, message in mail_server.taken}
    assert found.keys() == {"evenings", None}
    counts = {key: [body.count("/series/evenings/") for body in bodies] for key, bodies in found.items()}
    assert counts == {"evenings": [1, 1], None: [0, 0]}


@LETTERS
async def test_a_letter_names_the_next_date_with_its_calendar_file(
    studio: Publisher, mail_server: MailServer, channel: str
) -> None:
    """In text and HTML, in the zone of its series; in the text before the signature, which mail programs fold away."""
    coming(studio)
    message = await letter(studio, mail_server, channel)
    start = datetime.fromtimestamp(NOW / 1000 + 86_400, ZoneInfo("America/New_York"))
    for body in parts(message):
        assert body.count(CALENDAR) == 1
        assert "Evening breath" in body
        assert f"{start:%d %B %Y}, {start:%H:%M} (EDT)" in body
    text = parts(message)[0]
    assert text.index(CALENDAR) < text.index("\n\n-- \n")


@LETTERS
@pytest.mark.parametrize(
    "changes",
    [
        {"visibility": "private"},
        {"visibility": "unlisted"},
        {"cancelled": True, "phase": "cancelled"},
        {"phase": "ended"},
        {"phase": "live", "scheduled_start": NOW - 60_000},
        {"phase": "live", "scheduled_start": NOW + 600_000},
    ],
)
async def test_a_letter_names_no_date_that_nobody_can_come_to(
    studio: Publisher, mail_server: MailServer, channel: str, changes: dict[str, object]
) -> None:
    """A private, unlisted or cancelled one, one that has begun, early too, and one that is over."""
    coming(studio, **changes)
    message = await letter(studio, mail_server, channel)
    for body in parts(message):
        assert "What comes next" not in body
        assert "WHAT COMES NEXT" not in body
    assert "\n\n-- \n" in parts(message)[0]
    for body in parts(message):
        assert "Evening breath" not in body


def test_the_words_that_somebody_edits_have_no_next_date(studio: Publisher) -> None:
    """It would grow old in them, and stand there twice; the preview shows where it will stand."""
    coming(studio)
    desk = open_draft_desk(studio.data, studio.connection)
    assert "Evening breath" not in desk.draft("s-1", "email")["text"]
    for changes in ({}, {"text": "My own words."}):
        shown = desk.preview("s-1", "email", changes, NOW)
        assert [shown[body].count(CALENDAR) for body in ("text", "html")] == [1, 1]


async def test_a_persons_mail_goes_where_they_said_last(studio: Publisher, mail_server: MailServer) -> None:
    """The address was another one when the mail was approved."""
    mara(studio)
    approve(studio, "personal")
    studio.connection.execute("UPDATE people SET email = 'new@example.org'")
    assert await deliver(studio, mail_server) == 1
    assert [address for address, _ in mail_server.taken] == ["new@example.org"]
    assert "mara@" not in everything(studio)


@pytest.mark.parametrize("moment", ["approved", "connecting", "taken", "refused"])
async def test_who_withdraws_while_their_mail_is_on_its_way_is_not_kept_in_the_list(
    studio: Publisher, mail_server: MailServer, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is handed over nothing goes to them any more; after that nothing is left of their address."""
    mara(studio)
    approve(studio, "personal")

    def withdraw() -> None:
        studio.connection.execute("DELETE FROM people WHERE client_id = 'c1'")

    async def connected(client: SMTP, *_: object) -> object:
        withdraw()
        return await connect(client)  # type: ignore[arg-type]

    async def said(_server: object, _session: object, envelope: Envelope, address: str, _: object) -> str:
        withdraw()
        envelope.rcpt_tos.append(address)
        return "250 OK" if moment == "taken" else "550 no such box"

    connect = aiosmtplib.SMTP.connect
    match moment:
        case "approved":
            withdraw()
        case "connecting":
            monkeypatch.setattr(aiosmtplib.SMTP, "connect", connected)
        case _:
            monkeypatch.setattr(mail_server, "handle_RCPT", said)
    await deliver(studio, mail_server)
    assert len(mail_server.taken) == (moment == "taken")
    assert states(studio, "personal") == {}
    assert "mara@" not in everything(studio)


@pytest.mark.parametrize(
    "fault", [ValueError("no paper"), InvalidHeaderDefect("no dot-atom"), RuntimeError()]
)
async def test_a_mail_that_cannot_be_written_holds_no_other_up(
    studio: Publisher, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """It was taken to be sent, is tried again a few times, and then fails; the others leave at once."""
    subscribed(studio, "a@example.org", "b@example.org")
    approve(studio)
    write = message_of

    def broken(*args: Any, to: str, **given: Any) -> bytes:
        if to.startswith("a@"):
            raise fault
        return write(*args, to=to, **given)

    with monkeypatch.context() as patch:
        patch.setattr(messages, "message_of", broken)
        assert await deliver(studio, mail_server) == 2
        assert states(studio) == {"preparing": 1, "submitted": 1}
        assert await deliver(studio, mail_server) == 0
    assert await deliver(studio, mail_server, LATER + MINUTE) == 1
    assert states(studio) == {"submitted": 2}


async def test_a_mail_that_is_never_written_fails_in_the_end(
    studio: Publisher, mail_server: MailServer
) -> None:
    """An address that stands in the database from before it was refused: six attempts, the reason is seen, and no address in the log."""
    subscribed(studio, "a@example.org", "b@example.org")
    approve(studio)
    studio.connection.execute("UPDATE deliveries SET address = 'a.@example.org' WHERE recipient LIKE 'a@%'")
    with capture_logs() as logged:
        for hour in range(6):
            assert states(studio).get("failed") is None
            await deliver(studio, mail_server, LATER + hour * HOUR)
    assert states(studio) == {"failed": 1, "submitted": 1}
    (failed,) = [row for row in list_publications(studio.database, None) if row["state"] == "failed"]
    assert "HeaderDefect" in failed["last_error"]
    assert "example.org" not in str(logged)


async def test_a_mail_whose_database_is_away_is_given_back(
    studio: Publisher, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no attempt: what was read for it is not this mail's."""
    subscribed(studio, "a@example.org")
    approve(studio)
    with monkeypatch.context() as patch:
        patch.setattr(messages, "message_of", Mock(side_effect=DatabaseError("away")))
        with pytest.raises(DatabaseError, match="away"):
            await deliver(studio, mail_server)
    (waiting,) = DueDeliveries(studio.catalogue).due(LATER)
    assert waiting.attempts == 0


async def test_a_fault_while_a_mail_is_handed_over_holds_no_other_up(
    studio: Publisher, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the library raises, before the first byte of the message: that mail is tried again, the next one leaves."""
    subscribed(studio, "a@example.org", "b@example.org")
    approve(studio)
    rcpt = aiosmtplib.SMTP.rcpt

    async def broken(client: aiosmtplib.SMTP, address: str, *rest: Any) -> object:
        if address.startswith("a@"):
            raise UnicodeEncodeError("ascii", address, 0, 1, "no letter")
        return await rcpt(client, address, *rest)

    monkeypatch.setattr(aiosmtplib.SMTP, "rcpt", broken)
    assert await deliver(studio, mail_server) == 2
    assert states(studio) == {"preparing": 1, "submitted": 1}


async def test_the_thread_outlives_every_fault(
    studio: Publisher, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It logs it, waits, and sends after that."""
    subscribed(studio, "a@example.org")
    approve(studio, at=time.time_ns() // 1_000_000 - SEND_DELAY)
    opened: list[object] = []
    left = asyncio.Event()
    take = mail_server.handle_DATA

    def opening(*given: Any) -> object:
        opened.append(given)
        if len(opened) == 1:
            raise RuntimeError("nobody foresaw this of you@example.org")
        return open_draft_desk(*given)

    async def taking(*given: Any) -> str:
        answer = await take(*given)
        left.set()
        return answer

    monkeypatch.setattr("publisher.delivery.mail_thread.open_draft_desk", opening)
    monkeypatch.setattr(mail_server, "handle_DATA", taking)
    delivery = MailDelivery(studio.data, studio.database, mail_server.url, pause_s=0.01)
    with capture_logs() as logged:
        delivery.__enter__()
        await asyncio.wait_for(left.wait(), 20)
        await asyncio.to_thread(delivery.__exit__)
    (fault,) = [line for line in logged if line["event"] == "mail not sent"]
    assert fault["problem"] == "RuntimeError: nobody foresaw this of [address]"
    assert fault["where"].startswith("test_mail.py:")


# king-phisher#448, keila#200: a relay or sender refusal failed each recipient for good, with a connection each.
@pytest.mark.parametrize("refused", ["greeting", "password", "sender", "relay"])
async def test_what_is_refused_to_the_studio_fails_no_recipient(
    studio: Publisher, mail_server: MailServer, refused: str
) -> None:
    """Everybody waits, with one try at growing pauses, and gets the mail once the server is mended."""
    subscribed(studio, *(f"r{n}@example.org" for n in range(30)))
    approve(studio)
    url = mail_server.url
    match refused:
        case "greeting":
            mail_server.greeting_answer = "550 Access denied"
        case "password":
            url = url.replace("://", "://user:right@")
            mail_server.password = b"another"
        case "sender":
            mail_server.sender_answer = "550 5.7.1 Sender address rejected: not owned by user"
        case "relay":
            mail_server.answers = {f"r{n}@example.org": "554 5.7.1 Relay access denied" for n in range(30)}
    outage = Outage()
    texts = open_draft_desk(studio.data, studio.connection).texts

    async def deliver_at(at: Millis) -> int:
        return await deliver_due(texts, studio.catalogue, url, lambda: at, timeout_s=2, outage=outage)

    # A second recipient shows that it is not the first one's mailbox.
    tries = 2 if refused == "relay" else 1
    assert await deliver_at(LATER) == (2 if refused == "relay" else 0)
    assert states(studio) == {"preparing": 30}
    assert len(mail_server.greeted) == tries
    assert await deliver_at(LATER + MINUTE - 1) == 0
    await deliver_at(LATER + MINUTE)
    await deliver_at(LATER + 2 * MINUTE)
    assert len(mail_server.greeted) == 2 * tries
    mail_server.greeting_answer, mail_server.password = "250 HELP", b"right"
    mail_server.sender_answer, mail_server.answers = "250 OK", {}
    assert await deliver_at(LATER + 3 * MINUTE) == 30
    assert states(studio) == {"submitted": 30}
    assert len(mail_server.taken) == 30
    assert set(mail_server.greeted) == {"breath.example"}
    assert mail_server.taken[0][1]["List-Id"] == "<newsletter.breath.example>"


@pytest.mark.parametrize(("readers", "stage"), [(1, ""), (3, "data ")])
async def test_a_studio_that_is_refused_for_hours_loses_no_mail(
    studio: Publisher, mail_server: MailServer, readers: int, stage: str
) -> None:
    """However few readers there are to tell that it is not their mailboxes; what was said is logged, and nobody's address."""
    addresses = [f"r{n}@example.org" for n in range(readers)]
    subscribed(studio, *addresses)
    approve(studio)
    mail_server.answers = {each: f"{stage}554 5.7.1 <{each}>: Relay access denied" for each in addresses}
    said = "554 5.7.1 <[address]>: Relay access denied"
    with capture_logs() as logged:
        for hour in range(12):
            await deliver(studio, mail_server, LATER + hour * HOUR)
    assert states(studio) == {"preparing": readers}
    assert {line["problem"] for line in logged} == {said}
    assert waits_because(studio.connection) == said
    mail_server.answers = {}
    assert await deliver(studio, mail_server, LATER + 12 * HOUR) == readers
    assert states(studio) == {"submitted": readers}


async def test_a_server_that_refuses_a_mail_and_then_the_next_connection_is_one_outage(
    studio: Publisher, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody waits for a minute, and not for the second of two pauses."""

    async def refuse(*_: object) -> str:
        mail_server.greeting_answer = "421 4.7.0 too many connections"
        return "554 5.7.1 too many mails"

    monkeypatch.setattr(mail_server, "handle_RCPT", refuse)
    subscribed(studio, "a@example.org", "b@example.org")
    approve(studio)
    with capture_logs() as logged:
        await deliver(studio, mail_server)
    (waits,) = logged
    assert (waits["event"], waits["waiting"], waits["again_in_s"]) == ("mail waits", 2, 60)


async def test_a_mailbox_closed_to_strangers_holds_nobody_else_up(
    studio: Publisher, mail_server: MailServer
) -> None:
    """Its refusal sounds as if it were the studio's: the next recipient shows that it is not."""
    subscribed(studio, "a@example.org", "b@example.org", "c@example.org")
    approve(studio)
    mail_server.answers["a@example.org"] = "550 5.7.1 authentication required for this group"
    assert await deliver(studio, mail_server) == 3
    assert states(studio) == {"preparing": 1, "submitted": 2}
    assert await deliver(studio, mail_server, LATER + MINUTE) == 1


async def test_mailboxes_closed_to_strangers_starve_nobody(
    studio: Publisher, mail_server: MailServer
) -> None:
    """Two in a row look as if the studio were refused, until another is accepted: then six attempts are final for those two alone."""
    subscribed(studio, *(f"{name}@example.org" for name in "abcd"))
    approve(studio)
    for name in "ab":
        mail_server.answers[f"{name}@example.org"] = "550 5.7.1 authentication required for this group"
    await deliver(studio, mail_server)
    assert states(studio) == {"preparing": 4}
    await deliver(studio, mail_server, LATER + MINUTE)
    assert [address for address, _ in mail_server.taken] == ["c@example.org", "d@example.org"]
    for hour in range(1, 3):
        await deliver(studio, mail_server, LATER + hour * HOUR)
    assert states(studio) == {"preparing": 2, "submitted": 2}
    # What comes meanwhile waits for neither of them.
    subscriptions.subscribe(studio.catalogue, "e@example.org", LATER + 3 * HOUR)
    with capture_logs() as logged:
        assert await deliver(studio, mail_server, LATER + 3 * HOUR) == 3
    assert mail_server.taken[-1][0] == "e@example.org"
    assert "mail waits" not in {line["event"] for line in logged}
    for hour in range(4, 6):
        assert states(studio) == {"preparing": 2, "submitted": 2}
        await deliver(studio, mail_server, LATER + hour * HOUR)
    assert states(studio) == {"failed": 2, "submitted": 2}
    assert await deliver(studio, mail_server, LATER + 6 * HOUR) == 0


async def test_a_mailbox_that_is_full_for_days_gets_its_mail(
    studio: Publisher, mail_server: MailServer
) -> None:
    """A 4xx is tried for five days at growing pauses, though others are accepted; then it fails and says so."""
    subscribed(studio, "a@example.org", "b@example.org", "c@example.org")
    approve(studio)
    for name in "ab":
        mail_server.answers[f"{name}@example.org"] = "452 4.2.2 mailbox full"
    for hour in range(0, 96, 32):
        await deliver(studio, mail_server, LATER + hour * HOUR)
    assert states(studio) == {"preparing": 2, "submitted": 1}
    del mail_server.answers["a@example.org"]
    await deliver(studio, mail_server, LATER + 5 * DAY - 1)
    assert states(studio) == {"preparing": 1, "submitted": 2}
    assert await deliver(studio, mail_server, LATER + 5 * DAY + HOUR) == 1
    assert states(studio) == {"failed": 1, "submitted": 2}
    (failed,) = [row for row in list_publications(studio.database, None) if row["state"] == "failed"]
    assert failed["last_error"] == "not taken in time: 452 4.2.2 mailbox full"


async def test_a_sign_in_mail_does_not_come_hours_later(studio: Publisher, mail_server: MailServer) -> None:
    """It is removed after an hour without a server, and sent where somebody asks anew; a newsletter waits on."""
    with closing(Keys(studio.database)) as keys:
        keys.create("Ivy", 1)
    subscribed(studio, "a@example.org")
    approve(studio)
    mails = Deliveries(studio.catalogue)
    mails.schedule_one("", SIGN_IN_MAIL, "Ivy", "ivy@example.org", LATER, LATER)
    nowhere = MailServer()
    nowhere.url = "smtp://127.0.0.1:9"
    await deliver(studio, nowhere, LATER)
    assert mails.count_by_state("", SIGN_IN_MAIL) == {"preparing": 1}
    assert await deliver(studio, mail_server, LATER + HOUR) == 1
    assert [address for address, _ in mail_server.taken] == ["a@example.org"]
    assert mails.count_by_state("", SIGN_IN_MAIL) == {}
    mails.schedule_one("", SIGN_IN_MAIL, "Ivy", "ivy@example.org", LATER + HOUR, LATER + HOUR)
    assert await deliver(studio, mail_server, LATER + HOUR) == 1
    assert mail_server.taken[-1][0] == "ivy@example.org"


async def test_a_closed_mailbox_is_settled_by_the_next_mail_that_leaves(
    studio: Publisher, mail_server: MailServer
) -> None:
    """A second one after it is again looked at alone."""
    subscribed(studio, *(f"{name}@example.org" for name in "abcd"))
    approve(studio)
    for name in "ac":
        mail_server.answers[f"{name}@example.org"] = "550 5.7.1 authentication required for this group"
    assert await deliver(studio, mail_server) == 4
    assert [address for address, _ in mail_server.taken] == ["b@example.org", "d@example.org"]
    assert states(studio) == {"preparing": 2, "submitted": 2}


async def test_a_mailbox_that_does_not_exist_fails_alone(studio: Publisher, mail_server: MailServer) -> None:
    """What concerns a mailbox is its recipient's."""
    subscribed(studio, "a@example.org", "b@example.org")
    approve(studio)
    mail_server.answers["a@example.org"] = "550 5.1.1 No such user here"
    assert await deliver(studio, mail_server) == 2
    assert states(studio) == {"failed": 1, "submitted": 1}


@pytest.mark.parametrize(
    ("public_url", "name"),
    [
        ("https://breath.example:8443/studio/", "breath.example"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("http://192.0.2.7:8000", "[192.0.2.7]"),
        ("http://[2001:db8::7]:8000", "[IPv6:2001:db8::7]"),
    ],
)
def test_a_mail_server_is_told_the_host_of_the_public_address(public_url: str, name: str) -> None:
    """Servers refuse an IP address without brackets."""
    assert Links(public_url).ehlo_name == name


OF_THE_MAILBOX = [
    "550 5.1.1 <x@example.org>: Recipient address rejected: User unknown in relay recipient table",
    "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)",
    "550 5.1.1 <helo@example.org> does not exist",
    "550 <blocked@example.org> does not exist",
    "552 5.2.2 blocked: over quota",
]
OF_THE_STUDIO = [
    "550 5.1.8 <hello@example.org>: Sender address rejected: Domain not found",
    "553 5.7.1 <hello@example.org>: Sender address rejected: not owned by user",
    "550 Sender rejected",
    "504 5.5.2 <breath>: Helo command rejected: need fully-qualified hostname",
    "554 5.7.1 <x@example.org>: Relay access denied",
    "550 Relaying not allowed",
]


async def test_it_is_told_whose_fault_a_refusal_is(studio: Publisher, mail_server: MailServer) -> None:
    """As Postfix, Exchange and Exim say it; servers that refuse a sender or a greeting often do so at the recipient."""
    answers = OF_THE_MAILBOX + OF_THE_STUDIO
    # Between two of them a mailbox that takes its mail.
    subscribed(studio, *(f"r{n:02}{which}@example.org" for n in range(len(answers)) for which in "ab"))
    approve(studio)
    mail_server.answers = {f"r{n:02}a@example.org": answer for n, answer in enumerate(answers)}
    await deliver(studio, mail_server)
    assert states(studio) == {
        "failed": len(OF_THE_MAILBOX),
        "preparing": len(OF_THE_STUDIO),
        "submitted": len(answers),
    }
    failed = studio.connection.rows("SELECT error FROM deliveries WHERE state = 'failed' ORDER BY recipient")
    assert [row["error"] for row in failed] == OF_THE_MAILBOX


async def test_a_domain_in_another_script_is_written_to(studio: Publisher, mail_server: MailServer) -> None:
    """By its A-label, as mail servers know it."""
    subscribed(studio, "a@bücher.example")
    approve(studio)
    assert await deliver(studio, mail_server) == 1
    ((address, message),) = mail_server.taken
    assert address == "a@xn--bcher-kva.example"
    assert message["To"].addresses[0].addr_spec == "a@xn--bcher-kva.example"


# listmonk#2434: a confirmation that was refused was lost, and asking again within the hour sent nothing.
async def test_a_confirmation_that_failed_is_asked_for_again_at_once(
    studio: Publisher, mail_server: MailServer
) -> None:
    """Whoever asks again has not got it."""
    subscriptions.subscribe(studio.catalogue, "a@example.org", NOW)
    mail_server.answers["a@example.org"] = "550 5.1.1 No such user here"
    assert await deliver(studio, mail_server, NOW) == 1
    mail_server.answers.clear()
    subscriptions.subscribe(studio.catalogue, "a@example.org", NOW + MINUTE)
    assert await deliver(studio, mail_server, NOW + MINUTE) == 1
    assert [address for address, _ in mail_server.taken] == ["a@example.org"]


async def test_a_refused_confirmation_is_seen(studio: Publisher, mail_server: MailServer) -> None:
    """In the log without the address, in the list of publications, and among the counts; one for now is tried again."""
    for name in ("a", "b"):
        subscriptions.subscribe(studio.catalogue, f"{name}@example.org", NOW)
    mail_server.answers["a@example.org"] = "550 5.1.1 <a@example.org> No such user here"
    mail_server.answers["b@example.org"] = "450 later"
    with capture_logs() as log:
        assert await deliver(studio, mail_server, NOW) == 2
    told = [line["problem"] for line in log if line["event"] == "mail failed"]
    assert told == ["550 5.1.1 <[address]> No such user here", "450 later"]
    listed = [row for row in list_publications(studio.database, None) if row["session_id"] == ""]
    assert [(row["channel"], row["state"], row["mails"]) for row in listed] == [
        ("mail: confirmation", "failed", 1),
        ("mail: confirmation", "preparing", 1),
    ]
    assert [(each.state, each.held, each.mails) for each in mail_counts(studio.connection)] == [
        ("failed", False, 1),
        ("preparing", True, 1),
    ]
    mail_server.answers.clear()
    assert await deliver(studio, mail_server, NOW + MINUTE) == 1
    assert [address for address, _ in mail_server.taken] == ["b@example.org"]


async def test_a_test_goes_to_whoever_works_on_it_each_time(
    studio: Publisher, mail_server: MailServer
) -> None:
    """As readers get it, with a subject that says so, before anybody approved it; nobody else gets anything."""
    subscribed(studio, "a@example.org")
    with closing(Keys(studio.database)) as keys:
        keys.create("Mara", at=1)
    desk = studio.jobs.setup.desk
    desk.edit("s-1", "email", {"subject": "How we breathed"}, NOW)
    for at in (NOW, NOW + 1):
        desk.send_test("s-1", "Mara", "mara@example.org", at)
        assert await deliver(studio, mail_server, at) == 1
    (_, first), (address, second) = mail_server.taken
    assert (address, second["Subject"]) == ("mara@example.org", "Test: How we breathed")
    assert first["Message-ID"] != second["Message-ID"]
    assert second["List-Unsubscribe"] is None
    html = second.get_body(("html",))
    assert html is not None
    assert "https://breath.example/subscribe/" in html.get_content()
    assert desk.draft("s-1", "email")["deliveries"] == {}


# listmonk#2623: dead addresses were written to for ever.
async def test_an_address_unknown_twice_in_a_row_is_paused(
    studio: Publisher, mail_server: MailServer
) -> None:
    """Seen at the desk; it comes back when somebody subscribes and confirms it again."""
    subscribed(studio, "a@example.org", "b@example.org")
    desk = studio.jobs.setup.desk
    for number, answer in enumerate(
        ("550 User unknown", "250 OK", "550 5.1.1 gone", "550 No such user here")
    ):
        session = f"n-{number}"
        studio.publish(snapshot(session), ["web", "email"], LATER)
        approved = desk.set_state(session, "email", "approved", LATER)
        assert approved["leaves_at"] == iso(LATER + SEND_DELAY)
        mail_server.answers["a@example.org"] = answer
        assert await deliver(studio, mail_server, LATER + SEND_DELAY) == 2
        assert desk.draft(session, "email")["leaves_at"] is None
        assert desk.draft(session, "email")["paused_addresses"] == (1 if number == 3 else 0)
        assert desk.draft(session, "email")["readers"] == (1 if number == 3 else 2)
    studio.publish(snapshot("last"), ["web", "email"], LATER)
    desk.set_state("last", "email", "approved", LATER)
    mail_server.answers.clear()
    assert await deliver(studio, mail_server, LATER + SEND_DELAY) == 1
    subscriptions.subscribe(studio.catalogue, "a@example.org", LATER)
    assert await deliver(studio, mail_server, LATER + SEND_DELAY) == 1
    reader = subscriptions.subscriber(studio.catalogue, "a@example.org")
    assert reader is not None
    assert subscriptions.confirm(studio.catalogue, reader.token, LATER)
    assert desk.draft("last", "email")["paused_addresses"] == 0


async def test_a_mailbox_that_is_full_or_closed_is_not_unknown(
    studio: Publisher, mail_server: MailServer
) -> None:
    """Only an unknown one is paused."""
    subscribed(studio, "a@example.org", "b@example.org")
    desk = studio.jobs.setup.desk
    for number, answer in enumerate(("552 5.2.2 mailbox full", "550 5.2.1 not found to be active", "550 no")):
        session = f"n-{number}"
        studio.publish(snapshot(session), ["web", "email"], LATER)
        desk.set_state(session, "email", "approved", LATER)
        mail_server.answers["a@example.org"] = answer
        assert await deliver(studio, mail_server, LATER + SEND_DELAY) == 2
    assert desk.draft("n-2", "email")["paused_addresses"] == 0


async def test_the_desk_says_why_mails_wait(studio: Publisher, mail_server: MailServer) -> None:
    """King-phisher#448: what is refused to the studio is nobody's fault, and whoever approved it reads so."""
    subscribed(studio, "a@example.org")
    approve(studio)
    mail_server.sender_answer = "550 5.7.60 not yours"
    await deliver(studio, mail_server)
    desk = open_draft_desk(studio.data, studio.connection)
    assert desk.draft("s-1", "email")["waits_because"] == "550 5.7.60 not yours"
    mail_server.sender_answer = "250 OK"
    assert await deliver(studio, mail_server, LATER + MINUTE) == 1
    assert desk.draft("s-1", "email")["waits_because"] is None


# nasty#560: user and password went out in clear where STARTTLS was not offered.
@pytest.mark.parametrize(
    ("url", "start_tls"),
    [
        ("smtp://user:secret@mail.example.org", True),
        ("smtp://user:secret@127.0.0.1:2525", None),
        ("smtp://user:secret@[::1]", None),
        ("smtp://user:secret@localhost", None),
        ("smtp://user:secret@192.0.2.7", True),
        ("smtp://mail.example.org", None),
        ("smtps://user:secret@mail.example.org", False),
    ],
)
def test_a_password_does_not_travel_in_clear(url: str, start_tls: bool | None) -> None:
    """TLS is required where there is one, but for this machine itself."""
    assert smtp_arguments(url)["start_tls"] is start_tls


async def test_mails_wait_where_a_password_would_travel_in_clear(
    studio: Publisher, mail_server: MailServer
) -> None:
    """A server that must have TLS and offers no STARTTLS is never told it, and the desk says why nothing leaves."""
    subscribed(studio, "a@example.org")
    approve(studio)
    texts = open_draft_desk(studio.data, studio.connection).texts
    # As for a server that is not on this machine.
    url = mail_server.url.replace("smtp://", "smtp+starttls://user:right@")
    await deliver_due(texts, studio.catalogue, url, lambda: LATER, timeout_s=2)
    assert mail_server.told_passwords == []
    assert states(studio) == {"preparing": 1}
    reason = waits_because(studio.connection)
    assert reason is not None
    assert "STARTTLS" in reason


def test_a_scheme_that_says_starttls_always_upgrades() -> None:
    """Also without a password, and never with TLS from the first byte."""
    server = smtp_arguments("smtp+starttls://mail.example.org")
    assert (server["port"], server["use_tls"], server["start_tls"]) == (587, False, True)


async def test_the_operator_reads_that_mails_left_or_failed(
    studio: Publisher, mail_server: MailServer
) -> None:
    """A line per mail, with the session and the reason, and with nobody's address."""
    subscribed(studio, "gone@example.org", "fine@example.org")
    mail_server.answers = {"gone@example.org": "550 <gone@example.org> is no user here"}
    approve(studio)
    with capture_logs() as logged:
        await deliver(studio, mail_server)
    lines = {line["event"]: line for line in logged}
    assert (lines["mail sent"]["session_id"], lines["mail sent"]["kind"]) == ("s-1", "newsletter")
    assert lines["mail sent"]["attempt"] == 1
    assert "550" in lines["mail failed"]["problem"]
    assert lines["mail failed"]["for_good"] is True
    assert "example.org" not in str(logged)


def test_without_a_mail_server_an_approved_draft_is_a_draft(publisher: Publisher) -> None:
    """Nothing is scheduled, and nothing claims to have been delivered."""
    subscribed(publisher, "a@example.org")
    publisher.publish(snapshot())
    approve(publisher)
    draft = open_draft_desk(publisher.data, publisher.connection).draft("s-1", "email")
    assert (draft["state"], draft["deliveries"], draft["sends_mail"]) == ("approved", {}, False)


def test_nobody_is_told_of_what_is_not_listed(studio: Publisher) -> None:
    """An unlisted or private session goes to no subscriber."""
    subscribed(studio, "a@example.org")
    for visibility in ("unlisted", "private"):
        studio.publish(snapshot(visibility=visibility))
        approve(studio)
        assert states(studio) == {}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://u%40x:p@mail.example.org", ("mail.example.org", 587, "u@x", "p", False)),
        ("smtps://mail.example.org", ("mail.example.org", 465, None, None, True)),
        ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, None, None, False)),
    ],
)
def test_the_servers_address(url: str, expected: tuple[object, ...]) -> None:
    """Host, port, credentials and TLS come from one address."""
    server = smtp_arguments(url)
    assert tuple(server[k] for k in ("hostname", "port", "username", "password", "use_tls")) == expected


def test_another_scheme_is_refused() -> None:
    """A web address is no mail server."""
    with pytest.raises(ValueError, match="smtp"):
        smtp_arguments("https://mail.example.org")
