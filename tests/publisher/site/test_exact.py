"""What is built piece by piece is what a rebuild makes; whatever happens in between."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.domain.instant import HOUR
from engine.storage.outbox import schedule_row
from engine.storage.rows import ROOMS
from publisher.catalogue.quotes import quote_key
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher, digests
from tests.storage.rows import room

IDS = st.sampled_from([f"s{n}" for n in range(6)])
DAY = 24 * HOUR
TECHNIQUES = st.lists(
    st.sampled_from(["Box Breathing", "Resonance", "4-7-8 Breathing", "Own way"]),
    min_size=1,
    max_size=3,
    unique=True,
)


class SiteMachine(RuleBasedStateMachine):
    """Publishes, edits, withdraws, hides and approves in any order."""

    @initialize()
    def begin(self) -> None:
        """An empty site."""
        self.folder = tempfile.TemporaryDirectory()
        self.publisher = Publisher(Path(self.folder.name) / "data")
        self.publisher.work()
        self.at = NOW
        self.numbers = itertools.count()

    @rule(
        session_id=IDS,
        days=st.integers(0, 70),
        techniques=TECHNIQUES,
        instructor=st.sampled_from(["Sarah Chen", "Omar", None]),
        visibility=st.sampled_from(["public", "public", "public", "unlisted", "private"]),
        hrv=st.sampled_from([None, -3.0, 8.0, 20.0]),
        later=st.sampled_from([0, HOUR, 40 * DAY]),
        source=st.sampled_from(["live", "live", "import"]),
        series_id=st.sampled_from([None, "evening", "dawn"]),
    )
    def publish(
        self,
        session_id: str,
        days: int,
        techniques: list[str],
        instructor: str | None,
        visibility: str,
        hrv: float | None,
        later: int,
        source: str,
        series_id: str | None,
    ) -> None:
        """A session ends, or is imported, or is published again with other content."""
        self.at += later
        self.publisher.publish(
            snapshot(
                session_id,
                content_id=f"{session_id}-{self.at}-{next(self.numbers)}",
                session_date=NOW - days * DAY,
                breathing_techniques=tuple(techniques),
                instructor_name=instructor,
                session_type="live" if instructor else "guided",
                visibility=visibility,
                average_hrv_improvement=hrv,
                source=source,
                series_id=series_id,
            ),
            at=self.at,
        )

    @rule(
        session_id=st.sampled_from(["next-1", "next-2"]),
        days=st.integers(1, 9),
        series_id=st.sampled_from([None, "evening", "dawn"]),
        phase=st.sampled_from(["scheduled", "waiting", "ended"]),
    )
    def schedule(self, session_id: str, days: int, series_id: str | None, phase: str) -> None:
        """A session that is still to come is made, moved, or held."""
        row = room(session_id, scheduled_start=NOW + days * DAY, series_id=series_id, phase=phase)
        self.publisher.connection.execute(ROOMS.upsert, **ROOMS.values(row))
        self.publisher.outbox.queue([schedule_row(session_id, next(self.numbers), self.at)])
        self.publisher.work(self.at)

    @rule(session_id=IDS)
    def withdraw(self, session_id: str) -> None:
        """A session is taken off the site."""
        self.at += 1
        self.publisher.catalogue.withdraw(session_id, self.at)
        self.publisher.work(self.at)

    @rule(session_id=IDS, state=st.sampled_from(["approved", "withdrawn"]))
    def decide(self, session_id: str, state: str) -> None:
        """A quote is approved, or taken back."""
        reply = self.publisher.catalogue.snapshot(session_id)
        if reply is not None:
            self.publisher.catalogue.quotes.decide(session_id, quote_key(reply.quotes[0]), state, self.at)
            self.publisher.work(self.at)

    @invariant()
    def is_exact(self) -> None:
        """The live site is byte for byte the rebuilt one."""
        assert self.publisher.site() == self.publisher.rebuilt()

    def teardown(self) -> None:
        """Let go of the folder."""
        self.publisher.close()
        self.folder.cleanup()


TestIncrementalIsExact = SiteMachine.TestCase
TestIncrementalIsExact.settings = settings(
    max_examples=3, stateful_step_count=7, suppress_health_check=list(HealthCheck)
)


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_kill_between_any_two_file_operations_is_mended_by_the_retry(tmp_path: Path) -> None:
    """At every point of a publication: what a page links to exists, and the next start completes the site."""
    steps: list[str] = []
    first = Publisher(tmp_path / "count", step=steps.append)
    first.publish(snapshot("old"), ["web"])
    before = len(steps)
    first.publish(snapshot("new", session_date=NOW - HOUR), ["web"], NOW + HOUR)
    wanted = first.site()
    operations = len(steps) - before
    site_id = first.catalogue.meta("site_id")
    first.close()
    assert operations > 20
    prepared = Publisher(tmp_path / "prepared")
    # Both sites are the same studio's, in all but the random name that a new one gets.
    prepared.catalogue.set_meta("site_id", str(site_id))
    prepared.publish(snapshot("old"), ["web"])
    prepared.outbox.enqueue(snapshot("new", session_date=NOW - HOUR), ["web"], NOW + HOUR)
    prepared.close()
    for fatal in range(operations):
        data = tmp_path / f"kill-{fatal}"
        shutil.copytree(tmp_path / "prepared", data)
        left = {"n": -1}

        def step(_: str, left: dict[str, int] = left) -> None:
            if left["n"] == 0:
                raise Killed
            left["n"] -= 1

        dying = Publisher(data, step=step)
        left["n"] = fatal
        with pytest.raises(Killed):
            dying.work(NOW + HOUR)
        linked = ["sessions/index.html", "index.html", "feed.xml", "sitemap-2024-03.xml"]
        for path in linked:
            if "sessions/new" in dying.read(path):
                assert dying.has("sessions/new/index.html"), (fatal, path)
        dying.close()
        again = Publisher(data)
        assert again.outbox.requeue_interrupted() == 1
        again.work(NOW + 2 * HOUR)
        assert again.site() == wanted, fatal
        assert [row.state for row in again.outbox.of("new")] == ["done"]
        again.close()


def test_the_same_again_touches_no_file(publisher: Publisher) -> None:
    """Publishing the same content again leaves every file's time as it was, so that ETags hold."""
    publisher.publish(snapshot(), ["web"])
    times = {
        file: file.stat().st_mtime_ns
        for file in publisher.data.joinpath("public").rglob("*")
        if file.is_file()
    }
    publisher.outbox.retry("s-1", ["web"], NOW + 1)
    publisher.work(NOW + 1)
    assert times == {file: file.stat().st_mtime_ns for file in times}


def test_rebuilding_in_place_leaves_the_same_bytes(publisher: Publisher) -> None:
    """The whole site is made anew beside the live one and takes its place."""
    publisher.publish(snapshot(), ["web"])
    before = publisher.site()
    publisher.catalogue.dirty.mark_all()
    publisher.work()
    assert publisher.site() == before
    assert publisher.catalogue.dirty.pages() == {}


def test_a_rebuild_keeps_the_files_that_stay_as_they_are(publisher: Publisher) -> None:
    """The same bytes are the same file with its time, so ETags outlive a rebuild; the other ones are new."""
    publisher.publish(snapshot(), ["web"])
    public = publisher.data / "public"
    page, stale = public / "sessions/s-1/index.html", public / "feed.xml"
    before = page.stat()
    stale.write_text("not the feed", encoding="utf-8")
    publisher.catalogue.dirty.mark_all()
    publisher.work()
    after = page.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_nlink) == (before.st_ino, before.st_mtime_ns, 1)
    assert stale.read_text(encoding="utf-8").startswith("<?xml")


def test_a_site_built_elsewhere_is_a_site_of_its_own(publisher: Publisher, tmp_path: Path) -> None:
    """A later publication changes the live site and leaves the copy's bytes alone."""
    publisher.publish(snapshot(), ["web"])
    publisher.jobs.setup.site_builder.rebuild(tmp_path / "copy")
    before = digests(tmp_path / "copy")
    shared = (publisher.data / "public/index.html").stat().st_ino == (
        tmp_path / "copy/index.html"
    ).stat().st_ino
    assert not shared, "whoever edits the copy must not edit the live site"
    publisher.publish(snapshot(title="Another title", version=2), ["web"], NOW + HOUR)
    assert digests(tmp_path / "copy") == before
    assert publisher.site() != before
