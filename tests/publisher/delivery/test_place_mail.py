"""Mails to those who say that they come, through a real mail server: what they get, when, and that nobody else gets any."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import icalendar
import pytest
from pydantic_core import to_json

from engine.domain.instant import HOUR, MINUTE, Millis
from engine.domain.series import Series
from engine.domain.session import Details
from engine.storage.outbox import schedule_row
from engine.storage.rows import ROOMS, RoomRow
from engine.storage.webhooks import Webhooks
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.catalogue.letters import Letters
from publisher.catalogue.registrar import Registered, Registrar
from publisher.delivery.due_mail import deliver_due
from publisher.drafts.open_draft_desk import open_draft_desk
from tests.protocol.described import check_described
from tests.publisher.delivery.test_mail import MailServer, mail_server
from tests.publisher.samples import NOW
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

__all__ = ["mail_server"]

DAYS = 24 * HOUR
START = NOW + 3 * DAYS
THURSDAYS = Series(
    series_id="thursdays",
    details=Details("Thursdays", "Mara", 0, series_id="thursdays"),
    starts="2024-03-24T18:30",
    time_zone="UTC",
    rule="FREQ=WEEKLY",
    created_at=0,
    updated_at=0,
    timetable_since=0,
)


class Studio:
    """A studio that sends mail, with one session in three days, driven by hand."""

    def __init__(self, publisher: Publisher, server: MailServer) -> None:
        self.publisher = publisher
        self.server = server
        self.connection = publisher.connection
        self.registrar = Registrar(publisher.catalogue)
        self.row: RoomRow = room("evening", title="Evening", scheduled_start=START, max_participants=2)
        self.store(NOW)

    def store(self, at: Millis, **changes: Any) -> None:
        """Write the session's row, and the job that goes with it, as the journal does."""
        self.row = replace(self.row, **changes, sequence=self.row.sequence + 1, updated_at=at)
        with self.connection.transaction():
            self.connection.execute(ROOMS.upsert, **ROOMS.values(self.row))
            self.publisher.outbox.queue([schedule_row("evening", self.row.sequence, at)])
        self.publisher.work(at)

    def come(self, address: str | None, at: Millis = NOW, network: str = "n", **given: Any) -> Registered:
        return self.registrar.register(
            [self.row],
            series_id=None,
            name=given.get("name"),
            address=address,
            mailbox=address,
            network=network,
            at=at,
        )

    async def send(self, at: Millis) -> list[tuple[str, str]]:
        """Deliver what is due; who got which subject."""
        before = len(self.server.taken)
        texts = open_draft_desk(self.publisher.data, self.connection).texts
        await deliver_due(texts, self.publisher.catalogue, self.server.url, lambda: at)
        return [(address, str(message["Subject"])) for address, message in self.server.taken[before:]]

    async def came(self, address: str, at: Millis = NOW, confirmed_at: Millis | None = None) -> Registered:
        """Register an address that confirms."""
        made = self.come(address, at)
        await self.send(at)
        self.registrar.confirm(made.registration, at if confirmed_at is None else confirmed_at)
        return made

    def queued(self) -> list[str]:
        """The kinds of mails that wait."""
        rows = self.connection.rows(
            "SELECT kind FROM deliveries WHERE state = 'preparing' ORDER BY due_at, kind"
        )
        return [row["kind"] for row in rows]


@pytest.fixture
def open_studio(quiet_studio: Path, tmp_path: Path, mail_server: MailServer) -> Iterator[Studio]:
    shutil.copytree(quiet_studio, tmp_path / "data")
    publisher = Publisher(tmp_path / "data")
    yield Studio(publisher, mail_server)
    publisher.close()


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    content: str = part.get_content()
    return content


async def test_one_mail_asks_to_confirm(open_studio: Studio) -> None:
    """With the event as a calendar file and a link that leads to cancelling; what somebody else wrote is not in it."""
    made = open_studio.come("anna@example.org", name="Buy now at evil.example")
    assert await open_studio.send(NOW) == [("anna@example.org", "Please confirm: Evening")]
    _, message = open_studio.server.taken[0]
    text = text_of(message)
    links = re.findall(r"https://\S+", text)
    assert f"https://breath.example/coming/{made.registration.token}" in links
    assert "https://breath.example/sessions/evening/" in links
    assert "evil" not in message.as_string()
    (attached,) = message.iter_attachments()
    assert attached.get_content_type() == "text/calendar"
    (event,) = icalendar.Calendar.from_ical(attached.get_content()).walk("VEVENT")
    assert str(event["summary"]) == "Evening"
    assert await open_studio.send(NOW + 10 * DAYS) == []


async def test_an_address_that_does_not_confirm_hears_nothing_more(open_studio: Studio) -> None:
    """Not when the session is moved, when somebody cancels, or before it begins."""
    first = open_studio.come(None)
    open_studio.come(None)
    open_studio.come("anna@example.org")
    assert len(await open_studio.send(NOW)) == 1
    open_studio.registrar.leave(first.places[0], NOW)
    open_studio.store(NOW + HOUR, scheduled_start=START + HOUR)
    for at in (NOW + HOUR, START - 23 * HOUR, START + 46 * MINUTE):
        assert await open_studio.send(at) == []
    open_studio.store(START, cancelled=True, phase="cancelled")
    assert await open_studio.send(START) == []


def of_series(studio: Studio) -> Registered:
    """Anna, who comes to the series of two sessions, in three days and in ten."""
    rooms = [
        room(
            name,
            title="Thursdays",
            series_id="thursdays",
            occurrence=name[-10:],
            scheduled_start=START + days * DAYS,
        )
        for days, name in ((0, "thursdays-2024-03-24"), (7, "thursdays-2024-03-31"))
    ]
    for row in rooms:
        studio.connection.execute(ROOMS.upsert, **ROOMS.values(row))
    return studio.registrar.register(
        rooms,
        series_id="thursdays",
        name=None,
        address="anna@example.org",
        mailbox="anna@example.org",
        network="n",
        at=NOW,
    )


@pytest.mark.parametrize("how", ["over", "cancelled", "left"])
async def test_the_mail_that_asks_to_confirm_a_series_needs_none_of_its_sessions(
    open_studio: Studio, how: str
) -> None:
    """The first one went while no mail could be sent: the mail is about the next one."""
    made = of_series(open_studio)
    first = made.places[0]
    if how == "left":
        open_studio.registrar.leave(first, NOW)
    else:
        open_studio.connection.execute(
            "UPDATE rooms SET phase = :phase, cancelled = :cancelled WHERE session_id = :id",
            phase="ended" if how == "over" else "cancelled",
            cancelled=how == "cancelled",
            id=first.session_id,
        )
        open_studio.registrar.settle(first.session_id, NOW)
    assert await open_studio.send(NOW + HOUR) == [("anna@example.org", "Please confirm: Thursdays")]
    text = text_of(open_studio.server.taken[-1][1])
    assert "Sunday, 31 March 2024" in text
    assert f"https://breath.example/coming/{made.registration.token}" in text


async def test_nobody_is_asked_to_confirm_a_series_that_nothing_comes_of(open_studio: Studio) -> None:
    """All of its sessions are over."""
    made = of_series(open_studio)
    for place in made.places:
        open_studio.connection.execute(
            "UPDATE rooms SET phase = 'ended' WHERE session_id = :id", id=place.session_id
        )
    assert await open_studio.send(NOW + HOUR) == []
    assert open_studio.queued() == []


@dataclass
class InSeries:
    """Anna, who comes to a series of two sessions in three days and in ten, and has confirmed."""

    studio: Studio
    made: Registered

    def change(self, at: Millis, *session_ids: str, **changes: Any) -> None:
        """Change sessions of the series one after the other, as bringing it to what it says does."""
        for session_id in session_ids:
            for name, value in changes.items():
                self.studio.connection.execute(
                    f"UPDATE rooms SET {name} = :value, sequence = sequence + 1 WHERE session_id = :id",
                    value=value(session_id) if callable(value) else value,
                    id=session_id,
                )
            self.studio.registrar.settle(session_id, at)

    def store_series(self, *, ended_at: Millis | None = None, dropped: tuple[str, ...] = ()) -> None:
        self.studio.connection.execute(
            "INSERT INTO series (series_id, document, version, created_at, ended_at)"
            " VALUES ('thursdays', :document, 1, 0, :ended_at)"
            " ON CONFLICT (series_id) DO UPDATE SET document = excluded.document, ended_at = excluded.ended_at",
            document=to_json(replace(THURSDAYS, dropped=dropped, ended_at=ended_at)).decode(),
            ended_at=ended_at,
        )


FIRST, SECOND = "thursdays-2024-03-24", "thursdays-2024-03-31"
STARTS = {FIRST: START, SECOND: START + 7 * DAYS}


@pytest.fixture
async def in_series(open_studio: Studio) -> InSeries:
    made = of_series(open_studio)
    await open_studio.send(NOW)
    open_studio.registrar.confirm(made.registration, NOW)
    here = InSeries(open_studio, made)
    here.store_series()
    return here


def events(message: EmailMessage) -> list[tuple[str, str]]:
    """The sessions in a mail's calendar file, and whether they take place."""
    (attached,) = message.iter_attachments()
    return [
        (str(event["uid"]).partition("@")[0], str(event["status"]))
        for event in icalendar.Calendar.from_ical(attached.get_content()).walk("VEVENT")
    ]


async def test_an_ended_series_is_told_in_one_mail(in_series: InSeries) -> None:
    """With every date that falls away, once the last of its sessions was cancelled; a second round says nothing."""
    studio = in_series.studio
    in_series.store_series(ended_at=NOW + HOUR, dropped=(FIRST, SECOND))
    in_series.change(NOW + HOUR, FIRST, cancelled=True, phase="cancelled")
    in_series.change(NOW + HOUR + 30_000, SECOND, cancelled=True, phase="cancelled")
    assert await studio.send(NOW + HOUR + MINUTE) == []
    assert await studio.send(NOW + HOUR + 2 * MINUTE) == [("anna@example.org", "Ended: Thursdays")]
    message = studio.server.taken[-1][1]
    text = text_of(message)
    assert "This series has ended." in text
    assert "- Sunday, 24 March 2024, 14:00 (UTC)\r\n- Sunday, 31 March 2024" in text
    assert "/coming/" not in text
    assert events(message) == [(FIRST, "CANCELLED"), (SECOND, "CANCELLED")]
    for session_id in (FIRST, SECOND):
        studio.registrar.settle(session_id, NOW + 2 * HOUR)
    assert await studio.send(START + 20 * DAYS) == []


async def test_a_moved_series_is_told_in_one_mail(in_series: InSeries) -> None:
    """With the new dates; reminders come at the new times."""
    studio = in_series.studio
    in_series.change(NOW + HOUR, FIRST, SECOND, scheduled_start=lambda each: STARTS[each] + HOUR)
    assert await studio.send(NOW + HOUR + MINUTE) == [("anna@example.org", "New dates: Thursdays")]
    message = studio.server.taken[-1][1]
    text = text_of(message)
    assert "These are your dates now:" in text
    assert "- Sunday, 24 March 2024, 15:00 (UTC)\r\n- Sunday, 31 March 2024, 15:00" in text
    assert "fall away" not in text
    assert f"https://breath.example/coming/{in_series.made.registration.token}" in text
    assert events(message) == [(FIRST, "CONFIRMED"), (SECOND, "CONFIRMED")]
    assert await studio.send(START + HOUR - 24 * HOUR) == [("anna@example.org", "Tomorrow: Thursdays")]


async def test_a_series_on_another_weekday_says_what_falls_away_and_what_comes(in_series: InSeries) -> None:
    """Its sessions are cancelled, and others made, to which Anna comes too."""
    studio = in_series.studio
    in_series.store_series(dropped=(FIRST,))
    in_series.change(NOW + HOUR, FIRST, cancelled=True, phase="cancelled")
    made = room(
        "thursdays-2024-03-25", title="Thursdays", series_id="thursdays", scheduled_start=START + DAYS
    )
    studio.connection.execute(ROOMS.upsert, **ROOMS.values(made))
    studio.registrar.settle(made.session_id, NOW + HOUR)
    assert await studio.send(NOW + HOUR + MINUTE) == [("anna@example.org", "New dates: Thursdays")]
    text = text_of(studio.server.taken[-1][1])
    assert "These dates fall away:\r\n\r\n- Sunday, 24 March 2024, 14:00 (UTC)\r\n" in text
    assert "dates now:\r\n\r\n- Monday, 25 March 2024, 14:00 (UTC)\r\n- Sunday, 31 March 2024" in text


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"cancelled": True, "phase": "cancelled"}, "Cancelled: Thursdays"),
        ({"scheduled_start": START + HOUR}, "New time: Thursdays"),
    ],
)
async def test_one_session_of_a_series_is_told_alone(
    in_series: InSeries, changes: dict[str, Any], subject: str
) -> None:
    """A minute later, as there might be more to tell."""
    in_series.change(NOW + HOUR, FIRST, **changes)
    assert await in_series.studio.send(NOW + HOUR + MINUTE - 1) == []
    assert await in_series.studio.send(NOW + HOUR + MINUTE) == [("anna@example.org", subject)]


async def test_places_in_several_sessions_of_a_series_are_told_in_one_mail(in_series: InSeries) -> None:
    """Where a series gets more of them; who waits on is told so."""
    studio, connection = in_series.studio, in_series.studio.connection
    connection.execute("UPDATE places SET state = 'waiting'")
    in_series.change(NOW + HOUR, FIRST, SECOND, max_participants=3)
    assert await studio.send(NOW + HOUR + MINUTE) == [("anna@example.org", "You have a place: Thursdays")]
    assert "on these dates:\r\n\r\n- Sunday, 24 March" in text_of(studio.server.taken[-1][1])
    connection.execute("UPDATE places SET state = 'waiting', told_start = 0")
    connection.execute("UPDATE rooms SET max_participants = 0")
    in_series.change(NOW + 2 * HOUR, FIRST, SECOND, phase="waiting")
    assert await studio.send(NOW + 2 * HOUR + MINUTE) == [("anna@example.org", "New dates: Thursdays")]
    assert "14:00 (UTC), on the waiting list\r\n" in text_of(studio.server.taken[-1][1])


async def test_a_mail_about_a_series_that_is_refused_is_tried_again_as_one(in_series: InSeries) -> None:
    """And what is new by then is in it."""
    studio = in_series.studio
    in_series.store_series(ended_at=NOW + HOUR, dropped=(FIRST, SECOND))
    in_series.change(NOW + HOUR, FIRST, scheduled_start=START + HOUR)
    in_series.change(NOW + HOUR, SECOND, cancelled=True, phase="cancelled")
    studio.server.answers["anna@example.org"] = "450 4.2.1 later"
    assert await studio.send(NOW + HOUR + MINUTE) == []
    del studio.server.answers["anna@example.org"]
    in_series.change(NOW + HOUR + MINUTE, FIRST, cancelled=True, phase="cancelled")
    assert await studio.send(NOW + HOUR + 3 * MINUTE) == [("anna@example.org", "Ended: Thursdays")]
    assert len(events(studio.server.taken[-1][1])) == 2
    states = studio.connection.rows("SELECT DISTINCT state FROM deliveries WHERE kind = 'place_cancelled'")
    assert [row["state"] for row in states] == ["submitted"]


async def test_who_comes_to_one_session_of_a_series_is_told_of_that_one_at_once(in_series: InSeries) -> None:
    """Nothing of others is in the mail."""
    studio = in_series.studio
    row = studio.registrar.places.room(SECOND)
    assert row is not None
    ben = studio.registrar.register(
        [row], series_id=None, name=None, address="ben@example.org", mailbox="b", network="n", at=NOW
    )
    await studio.send(NOW)
    studio.registrar.confirm(ben.registration, NOW)
    in_series.change(NOW + HOUR, FIRST, SECOND, cancelled=True, phase="cancelled")
    assert await studio.send(NOW + HOUR) == [("ben@example.org", "Cancelled: Thursdays")]


async def test_an_address_that_nobody_confirms_goes_after_three_days(open_studio: Studio) -> None:
    """With the mail that waits for it; its place stays, and so does one that was confirmed, as long as its series."""
    forgotten = of_series(open_studio)
    kept = of_series(open_studio)
    open_studio.registrar.confirm(kept.registration, NOW)
    registrations = open_studio.registrar.registrations
    assert registrations.forget_unconfirmed(NOW) == 0
    assert registrations.forget_unconfirmed(NOW + 1) == 1
    open_studio.registrar.forget_mails()
    rows = open_studio.connection.rows("SELECT DISTINCT recipient FROM deliveries")
    assert [row["recipient"] for row in rows] == [kept.registration.registration]
    (gone, stays) = (registrations.get(each.registration.registration) for each in (forgotten, kept))
    assert gone is not None
    assert stays is not None
    assert (gone.address, stays.address) == (None, "anna@example.org")
    assert len(open_studio.registrar.places.places_of(forgotten.registration.registration)) == 2


async def test_reminders_come_a_day_and_a_quarter_of_an_hour_before(open_studio: Studio) -> None:
    """At the minute, once each, with one's own link."""
    made = await open_studio.came("anna@example.org")
    assert open_studio.queued() == ["place_day", "place_soon"]
    assert await open_studio.send(START - 24 * HOUR - 1) == []
    assert await open_studio.send(START - 24 * HOUR) == [("anna@example.org", "Tomorrow: Evening")]
    assert await open_studio.send(START - 15 * MINUTE - 1) == []
    assert await open_studio.send(START - 15 * MINUTE) == [("anna@example.org", "In 15 minutes: Evening")]
    own = f"https://breath.example/coming/{made.registration.token}/join/evening"
    assert own in text_of(open_studio.server.taken[-1][1])
    assert await open_studio.send(START + HOUR) == []


async def test_who_confirms_late_is_reminded_once(open_studio: Studio) -> None:
    """36 hours before it is no news that it is tomorrow."""
    await open_studio.came("anna@example.org", START - 36 * HOUR)
    assert open_studio.queued() == ["place_soon"]


async def test_a_reminder_that_comes_too_late_is_not_sent(open_studio: Studio) -> None:
    """The mail server was away, and the session has begun."""
    await open_studio.came("anna@example.org")
    assert await open_studio.send(START - 10 * MINUTE) == [("anna@example.org", "In 15 minutes: Evening")]
    await open_studio.came("ben@example.org", START - 20 * MINUTE)
    assert await open_studio.send(START + MINUTE) == []
    assert open_studio.queued() == []


async def test_a_moved_session_tells_and_reminds_at_its_new_time(open_studio: Studio) -> None:
    """Each move once; the old reminders do not come."""
    await open_studio.came("anna@example.org")
    for days in (1, 2):
        open_studio.store(NOW + HOUR, scheduled_start=START + days * DAYS)
        assert await open_studio.send(NOW + HOUR) == [("anna@example.org", "New time: Evening")]
    open_studio.store(NOW + 2 * HOUR, title="Night")
    assert await open_studio.send(START - 15 * MINUTE) == []
    assert await open_studio.send(START + DAYS) == [("anna@example.org", "Tomorrow: Night")]


@pytest.mark.parametrize("ending", ["250 OK", "550 5.1.1 nobody here"])
async def test_what_changes_while_a_mail_is_on_its_way_is_told_after_it(
    open_studio: Studio, ending: str
) -> None:
    """Moved again while the mail about the first move is handed over: the second start is told too, once."""
    await open_studio.came("anna@example.org")
    open_studio.store(NOW + HOUR, scheduled_start=START + DAYS)
    deliveries = DueDeliveries(open_studio.publisher.catalogue)
    (waiting,) = deliveries.due(NOW + HOUR)
    begun = deliveries.begin(waiting, NOW + HOUR)
    assert begun is not None
    open_studio.store(NOW + HOUR, scheduled_start=START + 2 * DAYS)
    if ending.startswith("250"):
        deliveries.submitted(begun, NOW + HOUR)
    else:
        deliveries.refused(begun, ending, NOW + HOUR, for_good=ending.startswith("5"))
    assert await open_studio.send(NOW + HOUR) == [("anna@example.org", "New time: Evening")]
    assert "Tuesday, 26 March 2024" in text_of(open_studio.server.taken[-1][1])
    assert await open_studio.send(NOW + 2 * HOUR) == []


async def test_a_mail_that_a_dead_server_was_sending_is_sent_again_where_something_changed(
    open_studio: Studio,
) -> None:
    """Nobody knows whether the first one left, and it said what is not true any more."""
    await open_studio.came("anna@example.org")
    open_studio.store(NOW + HOUR, scheduled_start=START + DAYS)
    deliveries = DueDeliveries(open_studio.publisher.catalogue)
    assert deliveries.begin(deliveries.due(NOW + HOUR)[0], NOW + HOUR) is not None
    open_studio.store(NOW + HOUR, scheduled_start=START + 2 * DAYS)
    assert deliveries.recover(NOW + 2 * HOUR) == 1
    assert await open_studio.send(NOW + 2 * HOUR) == [("anna@example.org", "New time: Evening")]


async def test_what_was_to_be_said_after_a_mail_on_its_way_goes_with_a_cancelled_session(
    open_studio: Studio,
) -> None:
    """The new start is not told any more."""
    await open_studio.came("anna@example.org")
    open_studio.store(NOW + HOUR, scheduled_start=START + DAYS)
    deliveries = DueDeliveries(open_studio.publisher.catalogue)
    begun = deliveries.begin(deliveries.due(NOW + HOUR)[0], NOW + HOUR)
    assert begun is not None
    open_studio.store(NOW + HOUR, scheduled_start=START + 2 * DAYS)
    open_studio.store(NOW + HOUR, cancelled=True, phase="cancelled")
    deliveries.submitted(begun, NOW + HOUR)
    assert await open_studio.send(NOW + HOUR) == [("anna@example.org", "Cancelled: Evening")]


async def test_a_cancelled_session_tells_once_and_reminds_no_more(open_studio: Studio) -> None:
    """The job may be run again."""
    await open_studio.came("anna@example.org")
    open_studio.store(NOW + HOUR, cancelled=True, phase="cancelled")
    assert await open_studio.send(NOW + HOUR) == [("anna@example.org", "Cancelled: Evening")]
    open_studio.registrar.settle("evening", NOW + 2 * HOUR)
    assert await open_studio.send(START) == []
    calendar = next(iter(open_studio.server.taken[-1][1].iter_attachments())).get_content()
    assert "STATUS:CANCELLED" in calendar


async def test_who_comes_up_from_the_waiting_list_is_told(open_studio: Studio) -> None:
    """And reminded then; while waiting nobody is."""
    first = open_studio.come(None)
    open_studio.come(None)
    await open_studio.came("anna@example.org")
    await open_studio.came("ben@example.org")
    assert await open_studio.send(START - 24 * HOUR) == []
    open_studio.registrar.leave(first.places[0], START - 20 * HOUR)
    assert await open_studio.send(START - 20 * HOUR) == [("anna@example.org", "You have a place: Evening")]
    assert await open_studio.send(START - 15 * MINUTE) == [("anna@example.org", "In 15 minutes: Evening")]


@pytest.mark.parametrize("how", ["leave", "forget_address", "withdraw", "retention"])
async def test_addresses_go(open_studio: Studio, how: str) -> None:
    """When their owner cancels, by the link, with a withdrawal, at the end of retention; and their mails with them."""
    made = await open_studio.came("anna@example.org")
    registrar, connection = open_studio.registrar, open_studio.connection
    ends: dict[str, Callable[[], object]] = {
        "leave": lambda: registrar.leave(made.places[0], NOW),
        "forget_address": lambda: registrar.forget_address(made.registration),
        "withdraw": lambda: registrar.registrations.remove(made.registration.registration),
        "retention": lambda: registrar.registrations.forget(START + 1),
    }
    ends[how]()
    registrar.forget_mails()
    kept = str([dict(row) for row in connection.rows("SELECT * FROM registrations")])
    kept += str([dict(row) for row in connection.rows("SELECT * FROM deliveries")])
    assert "anna@" not in kept
    assert await open_studio.send(START - 15 * MINUTE) == []
    assert len(registrar.places.places("evening")) == (how == "forget_address")


async def test_what_is_cancelled_twice_at_once_is_told_once(open_studio: Studio) -> None:
    """Both requests have found the place before either gave it up: one webhook, and nobody comes up for it twice."""
    registrar = open_studio.registrar
    webhooks = Webhooks(open_studio.connection)
    webhook, _ = webhooks.add("https://x.example/", ["registration.cancelled"], None, 0)
    anna, _ben = [await open_studio.came(f"{name}@example.org") for name in ("anna", "ben")]
    for name in ("cleo", "dan"):
        await open_studio.came(f"{name}@example.org")
    (place,) = anna.places
    for _ in range(2):
        registrar.leave(place, NOW)
    told = [webhooks.claim(webhook.id, NOW) for _ in range(2)]
    assert [each is not None for each in told] == [True, False]
    assert await open_studio.send(NOW) == [("cleo@example.org", "You have a place: Evening")]

    weekly = room("weekly", series_id="series", scheduled_start=START)
    open_studio.connection.execute(ROOMS.upsert, **ROOMS.values(weekly))
    every = registrar.register(
        [weekly], series_id="series", name=None, address=None, mailbox=None, network="n", at=NOW
    )
    (place,) = every.places
    for _ in range(2):
        registrar.leave(place, NOW)
    for _ in range(2):
        registrar.leave_series(every.registration, NOW)
    told = [webhooks.claim(webhook.id, NOW) for _ in range(2)]
    assert [each is not None for each in told] == [True, False]


async def test_leaving_a_series_touches_no_session_that_has_begun(open_studio: Studio) -> None:
    """Who came last week is still known, without their address; webhooks hear of the sessions to come alone."""
    registrar, connection = open_studio.registrar, open_studio.connection
    rows = [
        room(f"weekly-{phase}", series_id="weekly", scheduled_start=START + at, phase=phase)
        for at, phase in enumerate(("ended", "live", "waiting", "scheduled"))
    ]
    for row in rows:
        connection.execute(ROOMS.upsert, **ROOMS.values(row))
    webhooks = Webhooks(connection)
    webhook, _ = webhooks.add("https://x.example/", ["registration.cancelled"], None, 0)
    made = registrar.register(
        rows, series_id="weekly", name="Anna", address="anna@example.org", mailbox="m", network="n", at=NOW
    )
    registrar.confirm(made.registration, NOW)

    for _ in range(2):
        registrar.leave_series(made.registration, NOW)

    expected = {
        "weekly-ended": ["Anna"],
        "weekly-live": ["Anna"],
        "weekly-waiting": [],
        "weekly-scheduled": [],
    }
    for session_id, names in expected.items():
        assert [each.registration.name for each in registrar.places.places(session_id)] == names
    assert registrar.registrations.of_series("weekly") == []
    assert registrar.registrations.with_addresses() == set()
    assert await open_studio.send(START - 15 * MINUTE) == []
    told = [webhooks.claim(webhook.id, NOW) for _ in range(3)]
    assert [each is not None for each in told] == [True, True, False]
    later = room("weekly-later", series_id="weekly", scheduled_start=START + 9)
    connection.execute(ROOMS.upsert, **ROOMS.values(later))
    registrar.settle("weekly-later", NOW)
    assert registrar.places.places("weekly-later") == []
    assert registrar.registrations.forget(START + 1000) == 1


async def test_webhooks_are_told_who_comes_without_addresses(open_studio: Studio) -> None:
    """And who cancels; a name that is gone is not told any more."""
    webhooks = Webhooks(open_studio.connection)
    webhook, _ = webhooks.add(
        "https://x.example/", ["registration.created", "registration.cancelled"], None, 0
    )
    made = open_studio.come("anna@example.org", name="Anna")
    taken = webhooks.claim(webhook.id, NOW)
    assert taken is not None
    assert '"name":"Anna","state":"coming"' in taken.payload
    assert "example.org" not in taken.payload
    open_studio.come(None, name="Ben")
    open_studio.registrar.leave(made.places[0], NOW)
    waiting = [webhooks.claim(webhook.id, NOW) for _ in range(2)]
    assert [each.event for each in waiting if each] == ["registration.created", "registration.cancelled"]
    assert "Anna" not in "".join(each.payload for each in waiting if each)
    assert all(check_described(json.loads(each.payload), "notice") for each in (taken, *waiting) if each)


async def test_a_letter_goes_to_those_who_come_with_their_own_link(open_studio: Studio) -> None:
    """In paragraphs, once; nothing to who did not confirm."""
    made = await open_studio.came("anna@example.org")
    open_studio.come("ben@example.org")
    await open_studio.send(NOW)
    letters = Letters(open_studio.publisher.catalogue)
    letters.write("evening", "Before we <meet>", "Bring a blanket.\nAnd a cushion.\n\nSee you & yours.", NOW)
    assert await open_studio.send(NOW) == [("anna@example.org", "Before we <meet>")]
    _, message = open_studio.server.taken[-1]
    text = text_of(message).replace("\r\n", "\n")
    assert "Bring a blanket.\nAnd a cushion.\n\nSee you & yours.\n" in text
    own = f"https://breath.example/coming/{made.registration.token}"
    assert f"{own}/join/evening" in text
    assert re.search(rf"{own}$", text, re.M)
    assert "you come to this session" in text
    html = message.get_body(("html",))
    assert html is not None
    assert "Bring a blanket.<br>And a cushion." in html.get_content()
    assert "See you &amp; yours." in html.get_content()
    assert letters.became_of("evening") == {"submitted": 1}
    assert await open_studio.send(NOW + HOUR) == []
