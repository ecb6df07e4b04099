"""A mail to one person that is scheduled again while it is being sent, and mails that go out as one, in both databases."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from engine.domain.instant import HOUR, MINUTE
from engine.storage.keys import Keys
from engine.storage.rows import ROOMS
from publisher.catalogue.coming import Coming
from publisher.catalogue.deliveries import Deliveries, Delivery
from publisher.catalogue.due_deliveries import DueDeliveries
from tests.publisher.samples import NOW
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

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


def test_it_is_due_once_more_whatever_became_of_the_first(table: Deliveries, sender: DueDeliveries) -> None:
    """To the newest address, at the time asked for, with no attempt counted yet."""
    for outcome, ends in OUTCOMES.items():
        mail = begun(table, sender, outcome)
        table.schedule_one("", "sign_in", outcome, "b@x.example", NOW + MINUTE, NOW)
        assert sender.due(NOW + MINUTE) == [], outcome
        ends(sender, mail)
        assert sender.due(NOW + MINUTE - 1) == [], outcome
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
    rooms = [room(name, series_id="weekly", scheduled_start=NOW + HOUR) for name in ("one", "two", "three")]
    for row in rooms:
        publisher.connection.execute(ROOMS.upsert, **ROOMS.values(row))
    coming = Coming(publisher.catalogue)
    made = coming.register(
        rooms, series_id="weekly", name=None, address="a@x.example", mailbox="a", network="n", at=NOW
    )
    coming.confirm(made.registration, NOW)
    publisher.connection.execute("DELETE FROM deliveries")
    who = made.registration.registration
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


def test_whose_time_is_over_fails_with_what_was_said_last(table: Deliveries, sender: DueDeliveries) -> None:
    """Also what was never tried; asked for anew, its time begins anew."""
    mail = begun(table, sender, "ann")
    sender.refused(mail, "later", NOW)
    table.schedule_one("", "newsletter_test", "ann", "a@x.example", NOW, NOW)
    assert sender.expire(NOW + HOUR - 1) == 0
    assert sender.expire(NOW + HOUR) == 2
    (test, sign_in) = table.by_kind_and_state("")
    assert (test["state"], test["error"]) == ("failed", "could not be sent in time")
    assert (sign_in["state"], sign_in["error"]) == ("failed", "not taken in time: later")
    table.schedule_one("", "sign_in", "ann", "a@x.example", NOW + HOUR, NOW + HOUR)
    assert sender.expire(NOW + 2 * HOUR - 1) == 0


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
