"""A mail to one person that is scheduled again while it is being sent, in both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.domain.instant import MINUTE
from publisher.catalogue.deliveries import Deliveries, Delivery
from tests.publisher.samples import NOW
from tests.publisher.studio_data import Publisher

OUTCOMES: dict[str, Callable[[Deliveries, Delivery], object]] = {
    "submitted": lambda table, mail: table.submitted(mail, NOW),
    "uncertain": lambda table, mail: table.uncertain(mail, "broke", NOW),
    "refused": lambda table, mail: table.refused(mail, "no", NOW, for_good=False),
    "failed": lambda table, mail: table.refused(mail, "no", NOW, for_good=True),
    "unknown": lambda table, mail: table.unknown(mail, "nobody", NOW),
    "given back": lambda table, mail: table.give_back(mail, NOW),
    "server died": lambda table, _: table.recover(NOW),
}


@pytest.fixture
def table(publisher: Publisher) -> Deliveries:
    publisher.catalogue.set_meta("sends_mail", "yes")
    return Deliveries(publisher.catalogue)


def begun(table: Deliveries) -> Delivery:
    table.schedule_one("", "sign_in", "ann", "a@x.example", NOW, NOW)
    (due,) = table.due(NOW)
    mail = table.begin(due, NOW)
    assert mail is not None
    return mail


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_it_is_due_once_more_whatever_became_of_the_first(table: Deliveries, outcome: str) -> None:
    """To the newest address, at the time asked for, with no attempt counted yet."""
    mail = begun(table)
    table.schedule_one("", "sign_in", "ann", "b@x.example", NOW + MINUTE, NOW)
    assert table.due(NOW + MINUTE) == []
    OUTCOMES[outcome](table, mail)
    assert table.due(NOW + MINUTE - 1) == []
    assert table.due(NOW + MINUTE) == [Delivery("", "sign_in", "ann", "b@x.example", 0)]
    (again,) = table.due(NOW + MINUTE)
    second = table.begin(again, NOW + MINUTE)
    assert second is not None
    table.submitted(second, NOW + MINUTE)
    assert table.count_by_state("", "sign_in") == {"submitted": 1}


def test_what_is_dropped_meanwhile_is_not_sent_again(table: Deliveries) -> None:
    """What is on its way is not stopped."""
    mail = begun(table)
    table.schedule_one("", "sign_in", "ann", "a@x.example", NOW, NOW)
    table.drop("ann")
    table.submitted(mail, NOW)
    assert table.count_by_state("", "sign_in") == {"submitted": 1}
