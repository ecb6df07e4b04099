"""When the site cannot be written: states, attempts, pauses, and what mends it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.domain.instant import HOUR, MINUTE, SECOND, Millis
from engine.domain.snapshot import Snapshot
from engine.storage.database import DatabaseLost
from engine.storage.opening import database_of
from publisher import commands
from publisher.jobs import MAX_ATTEMPTS, pause_after
from publisher.rendering.card import card_of
from publisher.rendering.story import Story
from publisher.rendering.studio import Studio
from publisher.worker import Rounds
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher

FAR: Millis = 4_000_000_000_000
"""After whatever the machine's own clock says, by which commands queue."""


class Disk:
    """Stands between the publisher and the disk; ``wrong`` is what every write then meets."""

    def __init__(self) -> None:
        self.wrong: OSError | None = None

    def __call__(self, step: str) -> None:
        if self.wrong is not None and step.startswith(("stage", "replace")):
            raise self.wrong


@pytest.fixture
def disk() -> Disk:
    """A disk that can be filled."""
    return Disk()


@pytest.fixture
def studio(empty_studio: Path, tmp_path: Path, disk: Disk) -> Publisher:
    """A publisher over that disk, its empty site built."""
    shutil.copytree(empty_studio, tmp_path / "data")
    return Publisher(tmp_path / "data", step=disk)


def state(publisher: Publisher, session_id: str, channel: str = "web") -> tuple[str, int, Millis | None]:
    """State, attempts, and when it is tried again."""
    (row,) = (row for row in publisher.outbox.of(session_id) if row.channel == channel)
    return row.state, row.attempts, row.next_attempt_at


def test_pauses_grow_and_end() -> None:
    """2, 4, 8, 16, 32 seconds; then it is for a person."""
    assert [pause_after(n) for n in range(1, MAX_ATTEMPTS + 1)] == [n * SECOND for n in (2, 4, 8, 16, 32)] + [
        None
    ]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_is_waited_for(studio: Publisher, disk: Disk, number: int) -> None:
    """Full or read-only: the job waits with its error and growing pauses, never given up; then the page is there."""
    disk.wrong = OSError(number, "no")
    studio.publish(snapshot())
    assert state(studio, "s-1") == ("pending", 1, NOW + 2 * SECOND)
    at = NOW
    for attempt in range(2, 12):
        at = state(studio, "s-1")[2] or 0
        studio.work(at)
        reply, attempts, again = state(studio, "s-1")
        assert (reply, attempts) == ("pending", attempt)
        assert again is not None
        assert again - at <= 5 * MINUTE
    (row,) = (
        row for row in commands.list_publications(database_of(studio.data), "s-1") if row["channel"] == "web"
    )
    assert row["last_error"].startswith(("OSError", "PermissionError"))
    assert not list(studio.data.glob(".public-*"))
    disk.wrong = None
    studio.work(state(studio, "s-1")[2] or 0)
    assert state(studio, "s-1")[0] == "done"
    assert studio.has("sessions/s-1/index.html")
    assert studio.site() == studio.rebuilt()


def test_a_person_may_try_at_once(studio: Publisher, disk: Disk) -> None:
    """After mending, ``publications retry`` waits for no pause, and queues only what failed."""
    disk.wrong = OSError(errno.ENOSPC, "no space left")
    studio.publish(snapshot())
    disk.wrong = None
    assert commands.retry(database_of(studio.data), "s-1") == ["web"]
    studio.work(FAR)
    assert state(studio, "s-1")[:2] == ("done", 1)


def test_drafts_are_made_while_the_site_cannot_be_written(studio: Publisher, disk: Disk) -> None:
    """One channel that waits holds no other up."""
    disk.wrong = OSError(errno.EROFS, "read-only")
    studio.publish(snapshot())
    assert state(studio, "s-1")[0] == "pending"
    assert {channel: state(studio, "s-1", channel)[0] for channel in ("email", "social", "analytics")} == {
        "email": "done",
        "social": "done",
        "analytics": "done",
    }


def test_what_was_published_before_stays_while_nothing_can_be_written(studio: Publisher, disk: Disk) -> None:
    """Readers keep the site as it was, and both sessions are there once the disk has room."""
    studio.publish(snapshot("first"))
    before = studio.site()
    disk.wrong = OSError(errno.ENOSPC, "no space left")
    studio.publish(snapshot("second"), at=NOW + MINUTE)
    assert studio.site() == before
    disk.wrong = None
    studio.work(NOW + HOUR)
    assert studio.has("sessions/second/index.html")
    assert studio.catalogue.dirty.pages() == {}


def test_a_story_that_cannot_be_drawn_fails_alone(studio: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that will not be drawn is that session's own failure, and the next session is published."""

    def picky(story: Story, studio_: Studio) -> bytes:
        if "poison" in story.title:
            raise ValueError("cannot draw this")
        return card_of(story, studio_)

    monkeypatch.setattr("publisher.jobs.card_of", picky)
    studio.outbox.enqueue(snapshot("bad", title="poison"), ["web"], NOW)
    studio.publish(snapshot("good"))
    assert studio.has("sessions/good/index.html")
    assert not studio.has("sessions/bad/index.html")
    assert state(studio, "bad")[:2] == ("pending", 1)
    monkeypatch.undo()
    assert commands.retry(database_of(studio.data), "bad") == ["web"]
    studio.work(FAR)
    assert studio.has("sessions/bad/index.html")


def test_a_database_that_goes_away_is_held_against_no_job(
    studio: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round ends with the database's error, and its jobs are as if they had not been claimed."""
    studio.outbox.enqueue(snapshot("a"), ("web",), NOW)

    def away(*_: object) -> None:
        raise DatabaseLost("the server closed the connection")

    monkeypatch.setattr(studio.catalogue, "publish", away)
    for _ in range(MAX_ATTEMPTS + 1):
        with pytest.raises(DatabaseLost):
            studio.jobs.run_due(NOW)
        studio.outbox.give_back()
    monkeypatch.undo()
    assert studio.jobs.run_due(NOW) == 1
    assert state(studio, "a")[:2] == ("done", 1)


def test_what_was_claimed_is_given_back_once_the_database_answers(
    studio: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim was carried out, its answer lost, and the database away for a moment more: no job stays running for ever."""
    studio.outbox.enqueue(snapshot("a"), ("web",), NOW)
    rounds = Rounds(studio.jobs, studio.catalogue, studio.outbox, None)
    claim = studio.outbox.claim

    def unanswered(*given: Any, **named: Any) -> Any:
        claim(*given, **named)
        raise DatabaseLost("the answer was lost")

    def away() -> int:
        raise DatabaseLost("connection refused")

    monkeypatch.setattr(studio.outbox, "claim", unanswered)
    monkeypatch.setattr(studio.outbox, "give_back", away)
    assert rounds.run(0) == (False, False)
    assert rounds.left_running
    assert state(studio, "a")[0] == "running"
    monkeypatch.undo()
    assert rounds.run(0)[0]
    assert state(studio, "a")[:2] == ("done", 1)


def test_half_a_publication_that_failed_is_not_kept(
    studio: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had written before it failed goes, and its neighbours of the same transaction stay."""
    studio.outbox.enqueue(snapshot("a"), ("web",), NOW)
    studio.outbox.enqueue(snapshot("b"), ("web",), NOW)
    catalogue = studio.catalogue
    publish = catalogue.publish

    def half(told: Snapshot, *rest: Any) -> None:
        publish(told, *rest)
        if told.session_id == "a":
            catalogue.connection.execute("INSERT INTO meta (key, value) VALUES ('a', NULL)")

    monkeypatch.setattr(catalogue, "publish", half)
    studio.jobs.run_due(NOW)
    assert catalogue.snapshot("a") is None
    assert catalogue.snapshot("b") is not None
    assert state(studio, "a")[0] == "pending"


def test_the_operator_reads_what_was_published_and_what_was_not(studio: Publisher, disk: Disk) -> None:
    """A line per session with its channels and how long that took; a warning with the reason where it failed."""
    with capture_logs() as logged:
        studio.publish(snapshot("calm"))
    (line,) = [line for line in logged if line["event"] == "session published"]
    assert line["session_id"] == "calm"
    assert sorted(line["channels"]) == ["analytics", "email", "social", "web"]
    assert 0 < line["seconds"] < 60
    disk.wrong = OSError(errno.ENOSPC, "No space left on device")
    with capture_logs() as logged:
        studio.publish(snapshot("full"), ["web"])
    (line,) = [line for line in logged if line["event"] == "not published"]
    assert (line["session_id"], line["channel"], line["log_level"]) == ("full", "web", "warning")
    assert "No space left" in line["problem"]


def test_many_sessions_of_one_round_are_one_line(studio: Publisher) -> None:
    """An archive that is taken in does not fill the log."""
    for number in range(6):
        studio.outbox.enqueue(snapshot(f"old-{number}"), ["analytics"], NOW)
    with capture_logs() as logged:
        studio.work()
    assert [(line["event"], line.get("sessions")) for line in logged if "published" in line["event"]] == [
        ("sessions published", 6)
    ]
