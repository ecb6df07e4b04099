"""What somebody took back, and whose time is over: in the tables of the publisher."""

from __future__ import annotations

import json
from contextlib import closing

from engine.domain.instant import HOUR
from engine.domain.snapshot import Quote
from engine.storage.keys import Keys
from engine.storage.sign_ins import SIGN_IN_MAIL
from publisher.catalogue.deliveries import NEWSLETTER_TEST, Deliveries
from publisher.catalogue.due_deliveries import DueDeliveries
from publisher.catalogue.forgetting import enforce_retention, forget_recipients, strip_quotes
from publisher.catalogue.quotes import quote_key
from publisher.drafts.open_draft_desk import open_draft_desk
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher

APPROVED = Quote(text="Quiet at last.", name="Ann")
WAITING = Quote(text="My telltale words.", name="Bob Unforgotten")


def test_quotes_that_nobody_approved_go_with_their_authors_rows(publisher: Publisher) -> None:
    """At the end of retention, from every stored story and from the desk; the approved one stays on the page."""
    publisher.publish(snapshot("old", quotes=(APPROVED, WAITING)))
    publisher.publish(snapshot("new", quotes=(WAITING,), ended_at=NOW + HOUR))
    desk = open_draft_desk(publisher.data, publisher.connection)
    desk.set_state("old", f"quote-{quote_key(APPROVED)}", "approved", NOW)
    publisher.work()
    database = publisher.database
    assert enforce_retention(database, NOW + 1) == 2
    assert enforce_retention(database, NOW + 1) == 0
    reply = publisher.catalogue.snapshot("old")
    assert reply is not None
    assert reply.quotes == (APPROVED,)
    assert publisher.catalogue.quotes.states("old") == {quote_key(APPROVED): "approved"}
    left = publisher.catalogue.snapshot("new")
    assert left is not None
    assert left.quotes == (WAITING,)
    publisher.catalogue.dirty.mark_all()
    publisher.work()
    page = (publisher.data / "public/sessions/old/index.html").read_text()
    assert "Quiet at last." in page
    stored = publisher.connection.rows(
        "SELECT document FROM snapshots WHERE session_id = 'old' UNION ALL"
        " SELECT document FROM published WHERE session_id = 'old'"
    )
    assert not any("Unforgotten" in row["document"] or "telltale" in row["document"] for row in stored)


def test_retention_that_removes_nothing_waits_for_no_writer(publisher: Publisher) -> None:
    """It looks through every story once a day, and a live session writes beside it."""
    publisher.publish(snapshot("old", quotes=(APPROVED,)))
    publisher.publish(snapshot("new", quotes=(WAITING,), ended_at=NOW + HOUR))
    desk = open_draft_desk(publisher.data, publisher.connection)
    desk.set_state("old", f"quote-{quote_key(APPROVED)}", "approved", NOW)
    publisher.work()
    with publisher.database.connect() as other, other.transaction():
        assert strip_quotes(publisher.catalogue, NOW + 1) == 0
    assert strip_quotes(publisher.catalogue, NOW + HOUR + 1) == 2


def test_mail_to_people_who_are_gone_is_forgotten(publisher: Publisher) -> None:
    """Their addresses stood in the list of mails too."""
    for who, email in (("here", "here@example.org"), ("asks-no-more", None)):
        publisher.connection.execute(
            "INSERT INTO people (session_id, client_id, consents, email, publish_quote, publish_name, vouched,"
            " updated_at) VALUES ('s', :who, '{}', :email, 0, 0, 0, 0)",
            who=who,
            email=email,
        )
    for who in ("here", "asks-no-more", "withdrew"):
        publisher.connection.execute(
            "INSERT INTO deliveries (session_id, kind, recipient, address, state, attempts, due_at, error, updated_at)"
            " VALUES ('s', 'personal', :who, :address, 'submitted', 1, 0, NULL, 0)",
            who=who,
            address=f"{who}@example.org",
        )
    publisher.connection.execute(
        "INSERT INTO deliveries (session_id, kind, recipient, address, state, attempts, due_at, error, updated_at)"
        " VALUES ('s', 'newsletter', 'r@example.org', 'r@example.org', 'submitted', 1, 0, NULL, 0)"
    )
    assert forget_recipients(publisher.catalogue) == 2
    left = publisher.connection.rows("SELECT recipient FROM deliveries ORDER BY recipient")
    assert [row["recipient"] for row in left] == ["here", "r@example.org"]


def test_mails_to_the_owners_of_keys_go_with_their_keys_and_in_time(publisher: Publisher) -> None:
    """Links that sign in, and tests of a newsletter: each row has an address. One that waits does not leave after its key."""
    deliveries = Deliveries(publisher.catalogue)
    publisher.catalogue.set_meta("sends_mail", "yes")
    with closing(Keys(publisher.database)) as keys:
        for name in ("Mara", "Tom", "Uli"):
            keys.create(name, at=1)
        for name, at in (("Mara", NOW), ("Tom", NOW), ("Uli", NOW - 2 * HOUR)):
            deliveries.schedule_one("s", NEWSLETTER_TEST, name, f"{name}@example.org", at, at)
        keys.revoke("Tom", at=2)
    due = DueDeliveries(publisher.catalogue)
    (revoked,) = (each for each in due.due(NOW) if each.recipient == "Tom")
    assert due.begin(revoked, NOW) is None
    deliveries.schedule_one("", SIGN_IN_MAIL, "Tom", "tom@example.org", NOW, NOW)
    enforce_retention(publisher.database, NOW - HOUR)
    left = publisher.connection.rows("SELECT recipient FROM deliveries ORDER BY recipient")
    assert [row["recipient"] for row in left] == ["Mara"]


def test_a_session_taken_off_the_site_stays_off_when_it_is_retold(publisher: Publisher) -> None:
    """Somebody withdraws, or speaks, after the studio withdrew the page: that brings nothing back."""
    publisher.publish(snapshot("s-1"))
    publisher.catalogue.withdraw("s-1", NOW + 1)
    publisher.work()
    assert not (publisher.data / "public/sessions/s-1").exists()
    publisher.publish(snapshot("s-1", version=2, curves=()), at=NOW + HOUR)
    assert not (publisher.data / "public/sessions/s-1").exists()
    assert not (publisher.data / "drafts/s-1").exists()
    assert publisher.connection.rows("SELECT * FROM analytics") == []


def test_words_of_the_studios_own_stay_in_a_draft(publisher: Publisher) -> None:
    """A post that somebody wrote anew is theirs, with a note when figures changed; the others tell the new ones."""
    publisher.publish(snapshot("s-1"))
    desk = open_draft_desk(publisher.data, publisher.connection)
    desk.edit("s-1", "twitter", {"content": "Words of our own."}, NOW)
    publisher.publish(snapshot("s-1", version=2, curves=(), average_hrv_improvement=None))
    posts = json.loads((publisher.data / "drafts/s-1/social.json").read_text())
    assert posts["twitter"]["content"] == "Words of our own."
    notes = {draft["channel"]: draft.get("note") for draft in desk.list_drafts("s-1")}
    assert "worked out anew" in str(notes.pop("twitter"))
    assert set(notes.values()) == {None}
    desk.edit("s-1", "twitter", {"content": "Words that are right."}, NOW)
    assert "note" not in desk.draft("s-1", "twitter")
    assert "8%" not in posts["facebook"]["content"]
