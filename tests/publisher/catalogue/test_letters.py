"""The letter to those who come, on both databases: to whom, once, and that it goes with what it belongs to."""

from __future__ import annotations

import threading

import pytest

from engine.domain.instant import HOUR
from engine.storage.rows import ROOMS
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.catalogue.forgetting import enforce_retention
from publisher.catalogue.letters import Letters, LetterWritten, NobodyToWriteTo
from publisher.catalogue.published import Catalogue
from publisher.catalogue.registrar import Registered, Registrar
from tests.publisher.samples import NOW
from tests.publisher.studio_data import Publisher
from tests.storage.rows import room

START = NOW + 48 * HOUR
EVENING = room("evening", title="Evening", scheduled_start=START, max_participants=2)


def come(publisher: Publisher, address: str | None, *, confirms: bool = True) -> Registered:
    registrar = Registrar(publisher.catalogue)
    made = registrar.register(
        [EVENING], series_id=None, name=None, address=address, mailbox=address, network="n", at=NOW
    )
    if confirms and address is not None:
        registrar.confirm(made.registration, NOW)
    return made


@pytest.fixture
def letters(publisher: Publisher) -> Letters:
    """Of a studio that sends mail, with a session of two places to come."""
    publisher.catalogue.set_meta("sends_mail", "yes")
    publisher.connection.execute(ROOMS.upsert, **ROOMS.values(EVENING))
    return Letters(publisher.catalogue)


def waiting(publisher: Publisher) -> list[str]:
    rows = publisher.connection.rows(
        "SELECT address FROM deliveries WHERE kind = 'place_letter' AND state = 'preparing' ORDER BY address"
    )
    return [row["address"] for row in rows]


def test_those_with_a_place_and_a_confirmed_address_get_one_each(
    publisher: Publisher, letters: Letters
) -> None:
    """Not who waits, did not confirm or left none; a mailbox that came twice gets one, and there is one letter."""
    publisher.connection.execute("UPDATE rooms SET max_participants = 4")
    with pytest.raises(NobodyToWriteTo):
        letters.write("evening", "Hello", "Bring a blanket.", NOW)
    assert letters.of("evening") is None
    come(publisher, "anna@example.org")
    come(publisher, "Anna@example.org")
    come(publisher, "ben@example.org", confirms=False)
    come(publisher, None)
    come(publisher, "waits@example.org")
    assert letters.readers("evening") == 1
    written = letters.write("evening", "Hello", "Bring a blanket.", NOW)
    assert (written.recipients, waiting(publisher)) == (1, ["anna@example.org"])
    with pytest.raises(LetterWritten) as refused:
        letters.write("evening", "Again", "And a cushion.", NOW + 1)
    assert refused.value.letter == letters.of("evening") == written
    assert letters.became_of("evening") == {"preparing": 1}


def test_of_two_who_write_at_once_one_is_refused(publisher: Publisher, letters: Letters) -> None:
    """Each over a connection of its own; the mails are those of one letter."""
    come(publisher, "anna@example.org")
    start, outcomes = threading.Barrier(2), []

    def write(text: str) -> None:
        with publisher.database.connect() as connection:
            start.wait()
            try:
                outcomes.append(Letters(Catalogue(connection)).write("evening", "Hello", text, NOW).text)
            except LetterWritten as refused:
                outcomes.append(f"refused for {refused.letter.text}")

    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    kept = letters.of("evening")
    assert kept is not None
    assert sorted(outcomes) == sorted([kept.text, f"refused for {kept.text}"])
    assert waiting(publisher) == ["anna@example.org"]


def test_a_letter_is_not_sent_any_more_to_who_left_or_of_a_session_that_is_cancelled(
    publisher: Publisher, letters: Letters
) -> None:
    """Until it is on its way."""
    left = come(publisher, "anna@example.org")
    come(publisher, "ben@example.org")
    letters.write("evening", "Hello", "Bring a blanket.", NOW)
    Registrar(publisher.catalogue).leave(left.places[0], NOW + 1)
    assert waiting(publisher) == ["ben@example.org"]
    publisher.connection.execute("UPDATE rooms SET cancelled = 1, phase = 'cancelled'")
    due = [each for each in DueDeliveries(publisher.catalogue).due(NOW + 2) if each.kind == "place_letter"]
    assert [DueDeliveries(publisher.catalogue).begin(each, NOW + 2) for each in due] == [None]
    assert waiting(publisher) == []


def test_a_letter_goes_with_retention(publisher: Publisher, letters: Letters) -> None:
    """Once its session is over for that long, and not before, however early it was written."""
    come(publisher, "anna@example.org")
    letters.write("evening", "Hello", "Bring a blanket.", NOW)
    enforce_retention(publisher.database, START)
    assert letters.of("evening") is not None
    publisher.connection.execute("UPDATE rooms SET phase = 'ended', ended_at = :at", at=START + HOUR)
    enforce_retention(publisher.database, START + HOUR)
    assert letters.of("evening") is not None
    enforce_retention(publisher.database, START + HOUR + 1)
    assert letters.of("evening") is None
