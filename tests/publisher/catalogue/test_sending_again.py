"""A mail to one person that is scheduled again while it is being sent, and mails that go out as one, in both databases."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from engine.domain.instant import HOUR, MINUTE, Millis
from engine.storage.keys import Keys
from engine.storage.rows import ROOMS
from publisher.catalogue.deliveries import Deliveries, Delivery
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.catalogue.mail_report import waits_because
from publisher.catalogue.mail_retries import expire, postpone_due
from publisher.catalogue.registrar import Registrar
from tests.publisher.samples import NOW
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

DAY = 24 * HOUR

OUTCOMES: dict[str, Callable[[DueDeliveries, Delivery], object]] = {
    "submitted": lambda sender, mail: sender.submitted(mail, NOW),
    "uncertain": lambda sender, mail: sender.uncertain(mail, "broke", NOW),
    "refused": lambda sender, mail: sender.refused(mail, "no", NOW, for_good=False),
    "failed": lambda sender, mail: sender.refused(mail, "no", NOW, for_good=True),
    "unknown": lambda sender, mail: sender.unknown(mail, "nobody", NOW),
    "given back": lambda sender, mail: sender.give_back(mail, NOW),
    "server died": lambda sender, _: sender.recover(NOW),
}


@pytest.fixture
def table(publisher: Publisher) -> Deliveries:
    publisher.catalogue.set_meta("sends_mail", "yes")
    with closing(Keys(publisher.database)) as keys:
        for owner in ("ann", *OUTCOMES):
            keys.create(owner, at=1)
    return Deliveries(publisher.catalogue)


@pytest.fixture
def sender(publisher: Publisher) -> DueDeliveries:
    return DueDeliveries(publisher.catalogue)


def begun(table: Deliveries, sender: DueDeliveries, who: str) -> Delivery:
    table.schedule_one("", "sign_in", who, "a@x.example", NOW, NOW)
    (due,) = sender.due(NOW)
    mail = sender.begin(due, NOW)
    assert mail is not None
    return mail


def comer_of_series(publisher: Publisher, *session_ids: str) -> str:
    """The registration of somebody who comes to every session of a series, and was told so."""
    rooms = [room(name, series_id="weekly", scheduled_start=NOW + HOUR) for name in session_ids]
    for row in rooms:
        publisher.connection.execute(ROOMS.upsert, **ROOMS.values(row))
    registrar = Registrar(publisher.catalogue)
    made = registrar.register(
        rooms, series_id="weekly", name=None, address="a@x.example", mailbox="a", network="n", at=NOW
    )
    registrar.confirm(made.registration, NOW)
    publisher.connection.execute("DELETE FROM deliveries")
    return made.registration.registration


def test_it_is_due_once_more_whatever_became_of_the_first(
    publisher: Publisher, table: Deliveries, sender: DueDeliveries
) -> None:
    """To the newest address, at the time asked for, with no attempt counted yet; no mail server keeps it waiting."""
    for outcome, ends in OUTCOMES.items():
        mail = begun(table, sender, outcome)
        table.schedule_one("", "sign_in", outcome, "b@x.example", NOW + MINUTE, NOW)
        assert sender.due(NOW + MINUTE) == [], outcome
        ends(sender, mail)
        assert sender.due(NOW + MINUTE - 1) == [], outcome
        assert waits_because(publisher.connection) is None, outcome
        (again,) = sender.due(NOW + MINUTE)
        assert again == Delivery("", "sign_in", outcome, "b@x.example", 0)
        second = sender.begin(again, NOW + MINUTE)
        assert second is not None
        sender.submitted(second, NOW + MINUTE)
    assert table.count_by_state("", "sign_in") == {"submitted": len(OUTCOMES)}


def test_what_is_dropped_meanwhile_is_not_sent_again(table: Deliveries, sender: DueDeliveries) -> None:
    """What is on its way is not stopped."""
    mail = begun(table, sender, "ann")
    table.schedule_one("", "sign_in", "ann", "a@x.example", NOW, NOW)
    table.drop("ann")
    sender.submitted(mail, NOW)
    assert table.count_by_state("", "sign_in") == {"submitted": 1}


def test_what_changes_in_a_series_is_taken_and_noted_together(
    publisher: Publisher, table: Deliveries, sender: DueDeliveries
) -> None:
    """Once the last of it has come; what is not true any more is left out; one attempt counts for all."""
    who = comer_of_series(publisher, "one", "two", "three")
    for number, (session_id, kind) in enumerate(
        [("one", "place_moved"), ("two", "place_moved"), ("three", "place_cancelled")]
    ):
        table.schedule_one(session_id, kind, who, "a@x.example", NOW + number * MINUTE, NOW)
    for at in (NOW, NOW + MINUTE):
        for due in sender.due(at):
            assert sender.begin(due, at) is None
    at = NOW + 2 * MINUTE
    taken = [mail for mail in (sender.begin(due, at) for due in sender.due(at)) if mail is not None]
    assert taken == [Delivery("one", "place_moved", who, "a@x.example", 0, others=(("two", "place_moved"),))]
    assert table.count_by_state("three", "place_cancelled") == {}
    sender.refused(taken[0], "later", at, for_good=False)
    (again, _) = sender.due(at + MINUTE)
    second = sender.begin(again, at + MINUTE)
    assert second is not None
    assert (second.attempts, second.others) == (1, (("two", "place_moved"),))
    sender.submitted(second, at + MINUTE)
    for session_id in ("one", "two"):
        assert table.count_by_state(session_id, "place_moved") == {"submitted": 1}


def test_what_changed_of_late_is_not_given_up_with_what_changed_before(
    publisher: Publisher, table: Deliveries, sender: DueDeliveries
) -> None:
    """One mail tells of both dates: it is tried for as long as either of them would be."""
    who = comer_of_series(publisher, "one", "two")

    def refused(at: Millis) -> tuple[int, bool]:
        (mail,) = [mail for mail in (sender.begin(due, at) for due in sender.due(at)) if mail is not None]
        return len(mail.rows), sender.refused(mail, "later", at)

    table.schedule_one("one", "place_moved", who, "a@x.example", NOW, NOW)
    assert refused(NOW) == (1, False)
    table.schedule_one("two", "place_moved", who, "a@x.example", NOW + 5 * DAY, NOW + 5 * DAY)
    assert refused(NOW + 5 * DAY) == (2, False)
    assert refused(NOW + 10 * DAY) == (2, True)


def test_whose_time_is_over_is_given_up(
    publisher: Publisher, table: Deliveries, sender: DueDeliveries
) -> None:
    """A mail for signing in or a test is removed, also where it was never tried; asked for anew, its time begins anew."""
    mail = begun(table, sender, "ann")
    sender.refused(mail, "later", NOW)
    table.schedule_one("", "newsletter_test", "ann", "a@x.example", NOW, NOW)
    table.schedule_one("one", "place_confirm", "r", "a@x.example", NOW, NOW)
    assert expire(publisher.connection, NOW + HOUR - 1) == 0
    assert expire(publisher.connection, NOW + HOUR) == 2
    assert table.by_kind_and_state("") == []
    table.schedule_one("", "sign_in", "ann", "a@x.example", NOW + HOUR, NOW + HOUR)
    assert expire(publisher.connection, NOW + 2 * HOUR - 1) == 0
    assert expire(publisher.connection, NOW + 3 * DAY) == 2
    (confirm,) = table.by_kind_and_state("one")
    assert (confirm["state"], confirm["error"]) == ("failed", "could not be sent in time")


def test_whose_time_is_over_fails_only_where_a_try_after_it_fails(
    publisher: Publisher, table: Deliveries, sender: DueDeliveries
) -> None:
    """Its time begins with the first try that fails: the server may have been off for a week before it, and after it.

    When it starts again there is an hour for more than one try.
    """
    for kind in ("confirmation", "summary"):
        table.schedule_one("one", kind, "ann", "a@x.example", NOW, NOW)
    start = NOW + 7 * DAY
    assert expire(publisher.connection, start) == 0
    assert postpone_due(publisher.connection, "away", start, start + MINUTE) == 2
    (first, second) = sender.due(start + 5 * DAY - 1)
    mail = sender.begin(first, start + 5 * DAY - 1)
    assert mail is not None
    assert not sender.refused(mail, "later", start + 5 * DAY - 1)
    again = start + 7 * DAY
    assert expire(publisher.connection, again) == 0
    assert postpone_due(publisher.connection, "no network", again, again + MINUTE) == 2
    for at in (again + MINUTE, again + HOUR):
        assert expire(publisher.connection, at) == 0
        mail = sender.begin(replace(mail, attempts=1), at)
        assert mail is not None
        assert sender.refused(mail, "later", at) == (at == again + HOUR)
    assert sender.due(again + HOUR) == [second]
    assert postpone_due(publisher.connection, "away still", again + HOUR, again + 2 * HOUR) == 0
    assert [each["error"] for each in table.by_kind_and_state("one")] == [
        "not taken in time: later",
        "not taken in time: away still",
    ]


def test_in_an_outage_a_mail_for_signing_in_is_tried_every_ten_minutes(
    publisher: Publisher, table: Deliveries, sender: DueDeliveries
) -> None:
    """Its time is over in an hour, which is the longest pause of others."""
    table.schedule_one("", "sign_in", "ann", "a@x.example", NOW, NOW)
    table.schedule_one("one", "summary", "ann", "a@x.example", NOW, NOW)
    postpone_due(publisher.connection, "away", NOW, NOW + HOUR)
    (due,) = sender.due(NOW + 10 * MINUTE)
    assert due.kind == "sign_in"
    mail = sender.begin(replace(due, attempts=8), NOW + 10 * MINUTE)
    assert mail is not None
    sender.refused(mail, "later", NOW + 10 * MINUTE)
    assert [each.kind for each in sender.due(NOW + 20 * MINUTE)] == ["sign_in"]


def test_what_an_older_server_schedules_has_its_time(
    publisher: Publisher, table: Deliveries, sender: DueDeliveries
) -> None:
    """One of 0.2.0 beside this one writes no ``first_due_at``, nor moves it when it schedules a mail again."""
    for owner in ("ann", "failed"):
        table.schedule_one("", "sign_in", owner, "a@x.example", NOW, NOW)
    publisher.connection.execute("UPDATE deliveries SET first_due_at = NULL WHERE recipient = 'ann'")
    publisher.connection.execute(
        "UPDATE deliveries SET due_at = :at, error = 'no' WHERE recipient = 'failed'", at=NOW + 3 * HOUR
    )
    assert expire(publisher.connection, NOW + HOUR - 1) == 0
    assert expire(publisher.connection, NOW + HOUR) == 1
    assert expire(publisher.connection, NOW + 4 * HOUR - 1) == 0
    assert expire(publisher.connection, NOW + 4 * HOUR) == 1


def test_refusals_of_the_studio_are_no_attempts(table: Deliveries, sender: DueDeliveries) -> None:
    """What was accepted before the last of them says nothing of this recipient, who goes last next time."""
    mail = begun(table, sender, "ann")
    assert not sender.note_refusal(mail, NOW)
    sender.refused_to_studio(mail, "quota", NOW)
    table.schedule_one("", "sign_in", "unknown", "b@x.example", NOW, NOW)
    (other, again) = sender.due(NOW)
    assert (other.recipient, again) == ("unknown", mail)
    taken = sender.begin(other, NOW + 1)
    assert taken is not None
    sender.submitted(taken, NOW + 1)
    assert sender.begin(again, NOW + 2) is not None
    sender.refused_to_studio(mail, "quota", NOW + 2)
    assert not sender.note_refusal(mail, NOW + 3)


def test_a_refusal_is_its_recipients_own_once_another_was_accepted(
    table: Deliveries, sender: DueDeliveries
) -> None:
    """Since it was refused first: what was accepted before says nothing of a server that refuses the studio now."""
    sender.submitted(begun(table, sender, "failed"), NOW)
    mail = begun(table, sender, "ann")
    assert not sender.note_refusal(mail, NOW + 1)
    sender.refused(mail, "no", NOW + 1)
    table.schedule_one("", "sign_in", "unknown", "b@x.example", NOW, NOW)
    (other,) = sender.due(NOW)
    taken = sender.begin(other, NOW + 2)
    assert taken is not None
    sender.submitted(taken, NOW + 2)
    assert sender.note_refusal(mail, NOW + 3)
