"""The outbox: written with the last event, claimed once, retried, overtaken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from engine.storage.database import Database
from engine.storage.journal import Append
from engine.storage.opening import open_journal
from engine.storage.outbox import SCHEDULE, Outbox, content_hash, schedule_row, story
from engine.storage.story_reader import StoryReader
from tests.storage.rows import outcomes, records, snapshot

CHANNELS = ("web", "email", "social")


@pytest.fixture
def outbox(database: Database) -> Iterator[Outbox]:
    with database.connect() as connection:
        yield Outbox(connection)


def states(outbox: Outbox, session_id: str = "morning") -> dict[str, str]:
    return {row.channel: row.state for row in outbox.of(session_id)}


def test_a_story_is_queued_and_claimed_once(outbox: Outbox) -> None:
    """One job per channel, due at once; a second claim finds nothing."""
    stored = outbox.enqueue(snapshot(), CHANNELS, at=100)

    jobs = outbox.claim(at=100)

    assert stored.version == 1
    assert {job.channel for job in jobs} == set(CHANNELS)
    assert {(job.version, job.attempts) for job in jobs} == {(1, 1)}
    assert outbox.claim(at=100) == []
    assert states(outbox) == dict.fromkeys(CHANNELS, "running")
    assert outbox.stories.snapshot("morning") == stored
    assert outbox.stories.by_content_id("c-1") == stored


def test_a_failure_waits_for_its_next_attempt(outbox: Outbox) -> None:
    """Later it is claimed again with the count risen; without a next attempt it stays failed."""
    outbox.enqueue(snapshot(), ["web"], at=100)
    (job,) = outbox.claim(at=100)

    outbox.failed(job, "disk full", next_attempt_at=500, at=110)
    assert outbox.claim(at=499) == []
    assert outbox.next_attempt() == 500
    (again,) = outbox.claim(at=500)
    assert again.attempts == 2
    outbox.failed(again, "disk still full", next_attempt_at=None, at=510)

    (row,) = outbox.of("morning")
    assert (row.state, row.last_error, row.attempts) == ("failed", "disk still full", 2)
    assert outbox.next_attempt() is None


def test_done_is_done_until_somebody_asks_again(outbox: Outbox) -> None:
    """A retry queues the same job of the same version with its attempts counted anew."""
    outbox.enqueue(snapshot(), ["web"], at=100)
    (job,) = outbox.claim(at=100)
    outbox.done(job, at=120)
    assert outbox.claim(at=10_000) == []

    rows = outbox.retry("morning", ["web"], at=200)

    assert [(row.state, row.attempts, row.version) for row in rows] == [("pending", 0, 1)]
    (again,) = outbox.claim(at=200)
    assert again.id == job.id


def test_the_same_content_again_is_the_same_job(outbox: Outbox) -> None:
    """Another publication of equal content queues the row again under its new version."""
    outbox.enqueue(snapshot(content_id="c-1"), ["web"], at=100)
    (job,) = outbox.claim(at=100)
    outbox.done(job)

    second = outbox.enqueue(snapshot(content_id="c-2"), ["web"], at=200)

    assert second.version == 2
    (again,) = outbox.claim(at=200)
    assert (again.id, again.version) == (job.id, 2)


def test_queued_again_while_running_it_runs_again(outbox: Outbox) -> None:
    """The end of the first run does not finish the second request."""
    outbox.enqueue(snapshot(content_id="c-1"), ["web"], at=100)
    (running,) = outbox.claim(at=100)
    outbox.enqueue(snapshot(content_id="c-2"), ["web"], at=110)

    outbox.done(running)

    assert states(outbox) == {"web": "pending"}


def test_newer_content_overtakes_what_has_not_begun(outbox: Outbox) -> None:
    """Only the newest version is worked on; each version can still be read."""
    outbox.enqueue(snapshot(content_id="c-1"), ["web"], at=100)
    outbox.enqueue(snapshot(content_id="c-2", title="Evening"), ["web"], at=110)

    (job,) = outbox.claim(at=200)

    assert job.version == 2
    first, newest = outbox.stories.snapshot("morning", 1), outbox.stories.snapshot("morning")
    assert first is not None
    assert newest is not None
    assert (first.title, newest.title) == ("Morning", "Evening")
    assert outbox.stories.snapshot("morning", 3) is None
    assert outbox.stories.by_content_id("unknown") is None


def test_a_dead_publisher_leaves_nothing_running(outbox: Outbox) -> None:
    """At the next start its jobs are pending again."""
    outbox.enqueue(snapshot(), CHANNELS, at=100)
    outbox.claim(at=100)

    assert outbox.requeue_interrupted() == 3
    assert len(outbox.claim(at=100)) == 3


def test_the_hash_is_of_what_is_said(outbox: Outbox) -> None:
    """Version and publication id do not count; a changed word does."""
    assert content_hash(snapshot(content_id="c-1")) == content_hash(snapshot(content_id="c-2", version=7))
    assert content_hash(snapshot()) != content_hash(snapshot(title="Evening"))


def test_the_calendar_follows_the_newest_change_of_a_room(outbox: Outbox) -> None:
    """Several changes before the publisher looks are one job, with no snapshot."""
    outbox.queue([schedule_row("morning", 1, at=100), schedule_row("morning", 2, at=101)])

    (job,) = outbox.claim(at=200)

    assert (job.channel, job.version) == (SCHEDULE, 2)
    assert outbox.stories.snapshot("morning") is None


async def test_the_story_goes_with_the_last_event_or_not_at_all(database: Database) -> None:
    """Snapshot and jobs share the transaction of the append; a refused append leaves neither."""
    journal = open_journal(database, asyncio.get_running_loop())
    row, jobs = story(snapshot(), CHANNELS, at=100)
    refused, written = await outcomes(
        journal,
        [
            Append("other", 5, records(6, 6), snapshot=story(snapshot("other", "c-9"), (), 1)[0]),
            Append("morning", 0, records(1, 2), snapshot=row, outbox=jobs),
        ],
    )
    await journal.close()

    assert refused is not None
    assert written is None
    with database.connect() as connection:
        outbox = Outbox(connection)
        assert outbox.stories.snapshot("other") is None
        assert states(outbox) == dict.fromkeys(CHANNELS, "pending")


async def test_a_taken_version_becomes_the_next_one(database: Database) -> None:
    """A summary published over the API for the same session does not stop the session's own."""
    with database.connect() as connection:
        Outbox(connection).enqueue(snapshot(content_id="from-api"), ["web"], at=50)
        journal = open_journal(database, asyncio.get_running_loop())
        row, jobs = story(snapshot(content_id="own", title="Its own"), ["web"], at=100)
        assert await outcomes(journal, [Append("morning", 0, records(1, 1), snapshot=row, outbox=jobs)]) == [
            None
        ]
        await journal.close()

        newest = StoryReader(connection).snapshot("morning")
        (job,) = Outbox(connection).claim(at=200)

    assert newest is not None
    assert (newest.version, newest.content_id) == (2, "own")
    assert job.version == 2


def test_an_older_version_of_a_live_story_keeps_facts_alone(outbox: Outbox) -> None:
    """Figures before and after a withdrawal would tell whose share it was; what a summary stated stays."""
    said: dict[str, Any] = {
        "average_hrv_improvement": 12.0,
        "average_rating": 4.5,
        "key_achievements": ("Together",),
    }
    figures: dict[str, Any] = {
        "curves": ({"t_s": 30.0, "participants": 9, "measured": 9, "hrv_improvement": 12.0},)
    }
    outbox.enqueue(snapshot(**said, **figures), CHANNELS, at=100)
    outbox.enqueue(snapshot(content_id="c-2", source="api", **said), CHANNELS, at=200)
    assert outbox.stories.snapshot("morning", 1) == snapshot(**said, **figures)
    outbox.enqueue(snapshot(content_id="c-3"), CHANNELS, at=300)
    assert outbox.stories.snapshot("morning", 1) == snapshot()
    stated = outbox.stories.snapshot("morning", 2)
    assert stated is not None
    assert stated.average_hrv_improvement == 12.0


def test_a_retold_story_leaves_standing_what_was_published_over_it(outbox: Outbox) -> None:
    """The summary keeps the channels that it has; what was taken back goes from the story beneath, and from its rest."""
    said = {"text": "I slept", "name": "Ann"}
    outbox.enqueue(snapshot(quotes=(said,), average_rating=4.5), CHANNELS, at=100)
    outbox.enqueue(
        snapshot(content_id="c-2", source="api", title="Theirs", participant_count=9), ["web"], at=200
    )
    for job in outbox.claim(at=200):
        outbox.done(job, at=210)

    stored = outbox.enqueue(snapshot(content_id="c-3", title="Its own"), CHANNELS, at=300)

    newest = outbox.stories.snapshot("morning")
    assert newest is not None
    assert (newest.version, newest.content_id, newest.title, newest.participant_count) == (
        2,
        "c-2",
        "Theirs",
        9,
    )
    assert (stored.version, outbox.stories.snapshot("morning", 1)) == (1, snapshot(title="Its own"))
    assert states(outbox) == {"web": "done", "email": "pending", "social": "pending"}
    assert {(job.channel, job.version) for job in outbox.claim(at=300)} == {("email", 1), ("social", 1)}


def test_a_story_that_is_told_first_follows_a_summary_that_came_before(outbox: Outbox) -> None:
    """The session ended after it; from then on it is retold as a newer version again."""
    outbox.enqueue(snapshot(source="api"), ["web"], at=100)
    for number in (2, 3):
        stored = outbox.enqueue(snapshot(content_id=f"c-{number}"), ["web"], at=number * 100)
        assert stored.version == number
    newest = outbox.stories.snapshot("morning")
    assert newest is not None
    assert newest.content_id == "c-3"


def test_what_is_overtaken_is_not_tried_again(outbox: Outbox) -> None:
    """The first version failed after the second had been queued: it must not come after it."""
    outbox.enqueue(snapshot(), ["web", "email"], at=100)
    web, _ = sorted(outbox.claim(at=100), key=lambda job: job.channel, reverse=True)
    outbox.enqueue(snapshot(title="Another", content_id="c-2"), ["web"], at=101)
    outbox.failed(web, "no paper", 300)
    assert [(job.channel, job.version) for job in outbox.claim(at=101)] == [("web", 2)]
    outbox.requeue_interrupted()
    assert sorted((job.channel, job.version) for job in outbox.claim(at=400)) == [("email", 1), ("web", 2)]


def test_a_clock_set_back_keeps_no_job_waiting(outbox: Outbox) -> None:
    """What was due is due, and a pause is what was left of it; jobs of the present wait as ever."""
    day = 86_400_000
    outbox.enqueue(snapshot(), ["web", "email"], at=2 * day)
    (web,) = [job for job in outbox.claim(at=2 * day) if job.channel == "web"]
    outbox.failed(web, "disk full", next_attempt_at=2 * day + 60_000, at=2 * day)
    outbox.requeue_interrupted()

    assert [job.channel for job in outbox.claim(at=day)] == ["email"]
    assert outbox.next_attempt() == day + 60_000
    assert outbox.claim(at=day + 59_999) == []
    assert [job.channel for job in outbox.claim(at=day + 60_000)] == ["web"]


def test_publishers_that_share_an_outbox_leave_each_others_jobs_alone(database: Database) -> None:
    """What one has claimed nobody else claims or gives back; a dead one's jobs are queued again by name."""
    with database.connect() as connection:
        one, two = Outbox(connection, "one"), Outbox(connection, "two")
        one.enqueue(snapshot("a"), ("web",), 100)
        assert len(one.claim(at=100)) == 1
        assert two.claim(at=100) == []
        assert two.requeue_interrupted() == 0
        assert two.give_back() == 0
        assert two.other_claimers() == ["one"]
        assert two.requeue_interrupted("one") == 1
        assert [job.session_id for job in two.claim(at=100)] == ["a"]


def test_a_patient_publisher_leaves_new_jobs_to_others(database: Database) -> None:
    """Until they have been due for as long as it waits."""
    with database.connect() as connection:
        outbox = Outbox(connection, "one")
        outbox.enqueue(snapshot("a"), ("web",), 1_000)
        assert outbox.claim(at=1_000, patience=500) == []
        assert outbox.claim(at=1_499, patience=500) == []
        assert len(outbox.claim(at=1_500, patience=500)) == 1
