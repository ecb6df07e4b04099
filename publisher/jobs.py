"""The jobs of the outbox, done: each channel by itself, so that one that fails holds no other up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from engine.domain.instant import MINUTE, SECOND, Millis
from engine.domain.snapshot import Snapshot
from engine.storage.database import scrub
from engine.storage.outbox import SCHEDULE, Job, Outbox
from publisher import analytics
from publisher.card import card_of
from publisher.catalogue import Catalogue
from publisher.changes import DRAFTS, ROOMS
from publisher.drafts import Desk
from publisher.feed import Feeds
from publisher.forgetting import forget_recipients, takes_back
from publisher.hub import Hub
from publisher.links import Links
from publisher.press import Press, Progress, fingerprint
from publisher.rooms import visibility_of
from publisher.story import story_of
from publisher.studio import Studio, StudioWrong, load
from publisher.templates import Templates

__all__ = ["ATTEMPTS", "Finished", "Jobs", "pause_after"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)

ATTEMPTS = 6
DEFAULT_URL = "http://127.0.0.1:8000"

_PAGES = ("web", SCHEDULE)
# So many in one transaction: a live session beside this writes its journal into the same file.
_PORTION = 50
# Each takes a tenth of a second, and the next session may have ended meanwhile.
_REDRAFTED = 20
_FIRST_PAUSE: Millis = 2 * SECOND
_LONGEST_PAUSE: Millis = 5 * MINUTE


def pause_after(attempts: int) -> Millis | None:
    """How long to wait after so many attempts: 2, 4, 8 … seconds; None when it was the last one."""
    if attempts >= ATTEMPTS:
        return None
    return min(_LONGEST_PAUSE, _FIRST_PAUSE << (attempts - 1))


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of a job."""

    session_id: str
    channel: str
    state: str
    content_id: str


@dataclass(frozen=True, slots=True)
class _Tried:
    """A story that can be told, what was stored of it then, and when it was first said; of the rooms only the last."""

    at: Millis
    snapshot: Snapshot | None = None
    document: str | None = None


class Jobs:
    """Does what is due. One of them at a time per data folder: whoever makes one holds the lock."""

    def __init__(
        self,
        data: Path,
        catalogue: Catalogue,
        outbox: Outbox,
        *,
        report: Callable[[Finished], None] = lambda _: None,
        step: Callable[[str], None] = lambda _: None,
        durable: bool = True,
    ) -> None:
        self._data = data
        self._catalogue = catalogue
        self._outbox = outbox
        self._report = report
        self._step = step
        self._durable = durable
        self._made_of = ""
        self._failures = 0
        self._not_before: Millis = 0
        self._hub = Hub()
        self._seen: tuple[object, ...] = ()
        self._scrub = False
        """Somebody took something back that stands in the log beside the database."""
        self.refresh()

    def refresh(self) -> None:
        """Take up the studio, address and templates as they are now; where they changed, all is to be built."""
        studio_file = self._data / "studio.toml"
        kept = tuple(self._catalogue.meta(key) for key in ("public_url", "retention_days", "sends_mail"))
        own = self._data / "templates"
        files = (studio_file, own, *(own.rglob("*") if own.is_dir() else ()))
        seen = (*kept, *(file.stat().st_mtime_ns for file in files if file.exists()))
        if seen == self._seen:
            return
        try:
            studio = load(self._data)
        except StudioWrong as error:
            _log.error("studio_wrong", problem=str(error), kept="the settings from before")
            before, self._seen = self._seen, seen
            if before:
                return
            studio = Studio()
        self._seen = seen
        public_url = kept[0] or DEFAULT_URL
        made_of = fingerprint(studio, kept, own)
        if made_of == self._made_of:
            return
        self._made_of = made_of
        links = Links(public_url)
        templates = Templates(own)
        self.studio = studio
        self.links = links
        self.templates = templates
        self.press = Press(
            self._data, self._catalogue, studio, links, templates, step=self._step, durable=self._durable
        )
        self.desk = Desk(self._data, self._catalogue, studio, links, templates)
        self._feeds = Feeds(self._catalogue, studio, links, templates)
        if self._catalogue.meta("site_made_of") != made_of:
            self._catalogue.rezone(studio.zone)
            self._catalogue.mark_everything()

    def work(self, now: Millis, *, limit: int = 100, progress: Progress | None = None) -> int:
        """One round: claim what is due, do it, build what is marked. Returns how many jobs were claimed."""
        self.refresh()
        jobs = self._outbox.claim(now, limit)
        if jobs and forget_recipients(self._catalogue.connection):
            self._scrub = True
        pages: list[tuple[Job, str]] = []
        for some in _portions([job for job in jobs if job.channel in _PAGES]):
            pages += self._enter(some, now)
        self._clear_withdrawn()
        error = self._build(now, progress, asked=bool(pages))
        if error is None:
            self._finish(pages, now)
        else:
            for job, content_id in pages:
                self._hold(job, content_id, error, now)
        for some in _portions([job for job in jobs if job.channel not in _PAGES]):
            made = ((job, self._attempt(job, now, self._make)) for job in some)
            self._finish([(job, content_id) for job, content_id in made if content_id is not None], now)
        if self._scrub:
            self._scrub = not scrub(self._catalogue.connection)
        return len(jobs)

    def _build(self, now: Millis, progress: Progress | None, *, asked: bool) -> str | None:
        if not self._catalogue.marked() and (self._data / "public").is_dir():
            return None
        if now < self._not_before and not asked:
            return None
        tells = "feed" in self._catalogue.marked()
        try:
            self.press.build_marked(progress or (lambda _done, _total: None))
        except Exception as error:  # noqa: BLE001
            # Whatever it was, the pages stay marked and the jobs come again; the process goes on with the rest.
            self._failures += 1
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE << min(self._failures - 1, 10))
            self._not_before = now + pause
            _log.exception("build_failed", again_in_s=pause / 1000)
            return _told(error)
        self._failures = 0
        self._not_before = 0
        if tells and self.studio.websub_hub:
            feeds = (self.links.absolute("feed.xml"), self.links.absolute("feed.json"))
            self._hub.tell(self.studio.websub_hub, feeds)
        if self._catalogue.meta("site_made_of") not in (None, self._made_of):
            self._redraft()
        self._catalogue.set_meta("site_made_of", self._made_of)
        return None

    def _redraft(self) -> None:
        """Drafts that wait for somebody say what the site says. Those that were used, or are old, stay as they are."""
        for session_id in self.desk.waiting(_REDRAFTED):
            try:
                self.desk.rewrite(session_id)
            except Exception:  # noqa: BLE001
                # The site is built; a draft that cannot be written is told at the desk.
                _log.exception("draft_not_rewritten", session_id=session_id)

    def _enter(self, jobs: Sequence[Job], now: Millis) -> list[tuple[Job, str]]:
        """Bring sessions and rooms into what is to be built; returns the jobs that are, with their content's ids."""
        told = [(job, self._attempt(job, now, partial(self._tried, now))) for job in jobs]
        entered = []
        with self._catalogue.transaction():
            for job, story in told:
                if story is not None and self._attempt(job, now, partial(self._take, story)):
                    entered.append((job, story.snapshot.content_id if story.snapshot else ""))
        return entered

    def _attempt(self, job: Job, now: Millis, action: Callable[[Job], T]) -> T | None:
        try:
            return action(job)
        except Exception as error:  # noqa: BLE001
            # A story that cannot be told must not keep the next one from being told.
            _log.exception("job_failed", session_id=job.session_id, channel=job.channel)
            self._fail(job, self._content_id(job), _told(error), now)
            return None

    def _tried(self, now: Millis, job: Job) -> _Tried:
        """The story of a job, told once before it enters: the catalogue's stories stand in feed and home page too."""
        if job.channel == SCHEDULE:
            changed = self._shown_otherwise(job.session_id)
            if changed is not None and changed.visibility == "private":
                self.desk.withhold_posts(changed, now)
            return _Tried(now)
        document = self._outbox.document(job.session_id, job.version)
        snapshot, at = self._story(job)
        story = story_of(snapshot, self.studio, quotes=snapshot.quotes)
        self._feeds.html(story)
        self.templates.render("site/article.html", story=story, studio=self.studio, href=self.links.absolute)
        if snapshot.source != "import":
            # Kept for the page, which shows the same one.
            card_of(story, self.studio)
        return _Tried(at, snapshot, document)

    def _take(self, tried: _Tried, job: Job) -> bool:
        """Bring a story, or the rooms, into the catalogue and mark what that touches.

        Inside the transaction that writes it, so that nothing comes back which somebody took back since it was tried.
        """
        snapshot, at = tried.snapshot, tried.at
        if job.channel == SCHEDULE:
            self._catalogue.mark(ROOMS)
            changed = self._shown_otherwise(job.session_id)
            if changed is not None:
                self._catalogue.publish(changed, self.studio.zone, at)
            return True
        if self._outbox.document(job.session_id, job.version) != tried.document:
            snapshot, at = self._story(job)
        if snapshot is not None and self._may_be_told(snapshot, at):
            before = self._catalogue.snapshot(snapshot.session_id)
            self._scrub = self._scrub or (before is not None and takes_back(before, snapshot))
            self._catalogue.publish(snapshot, self.studio.zone, at)
            if self.studio.automatic.quotes:
                for key in self._catalogue.quote_states(snapshot.session_id):
                    self._catalogue.decide_quote(snapshot.session_id, key, "approved", at)
        return True

    def _make(self, job: Job) -> str:
        """Make the artefacts of a channel that is no page."""
        snapshot, at = self._story(job)
        if not self._may_be_told(snapshot, at):
            return snapshot.content_id
        match job.channel:
            case "email":
                self.desk.prepare(snapshot, "email", at)
            case "social":
                # A private session is not spoken of.
                if snapshot.visibility != "private":
                    self.desk.prepare(snapshot, "social", at)
            case "analytics":
                with self._catalogue.transaction():
                    if self._may_be_told(snapshot, at):
                        analytics.record(self._catalogue, snapshot)
            case _:
                raise ValueError(f"no channel is called {job.channel!r}")
        return snapshot.content_id

    def _story(self, job: Job) -> tuple[Snapshot, Millis]:
        snapshot = self._outbox.snapshot(job.session_id, job.version)
        at = self._catalogue.said_at(job.session_id, job.version)
        if snapshot is None or at is None:
            raise LookupError(f"version {job.version} of the story is not there")
        return self._as_the_room_says(snapshot), at

    def _as_the_room_says(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot for those who may see the session now, where that was changed after it was told."""
        visibility = visibility_of(self._catalogue.connection, snapshot.session_id)
        return snapshot if visibility is None else snapshot.model_copy(update={"visibility": visibility})

    def _shown_otherwise(self, session_id: str) -> Snapshot | None:
        """What is published of a session as it is to be shown now; None where it is shown so already."""
        snapshot = self._catalogue.snapshot(session_id)
        if snapshot is None:
            return None
        changed = self._as_the_room_says(snapshot)
        return None if changed.visibility == snapshot.visibility else changed

    def _may_be_told(self, snapshot: Snapshot, at: Millis) -> bool:
        """Not what the studio took off the site; a live session's story that is retold does not bring it back."""
        withdrawn_at = self._catalogue.withdrawn_at(snapshot.session_id)
        if withdrawn_at is None:
            return True
        return (snapshot.ended_at if snapshot.source == "live" else at) > withdrawn_at

    def _content_id(self, job: Job) -> str:
        row = self._catalogue.connection.execute(
            "SELECT content_id FROM snapshots WHERE session_id = ? AND version = ?",
            (job.session_id, job.version),
        ).fetchone()
        return str(row["content_id"]) if row else ""

    def _clear_withdrawn(self) -> None:
        """Drafts of what was withdrawn go before its page does."""
        marks = self._catalogue.marked_drafts()
        for mark in marks:
            self.desk.remove(mark.removeprefix(DRAFTS))
        if marks:
            self._catalogue.built(marks)

    def _finish(self, jobs: Sequence[tuple[Job, str]], now: Millis) -> None:
        for some in _portions(jobs):
            with self._catalogue.transaction():
                for job, _ in some:
                    self._outbox.done(job, now)
            for job, content_id in some:
                self._report(Finished(job.session_id, job.channel, "done", content_id))

    def _hold(self, job: Job, content_id: str, error: str, now: Millis) -> None:
        """The site cannot be written at present: no story's fault, so none is given up however long that is."""
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE << min(job.attempts - 1, 10))
        self._outbox.failed(job, error, now + pause, now)
        self._report(Finished(job.session_id, job.channel, "failed", content_id))

    def _fail(self, job: Job, content_id: str, error: str, now: Millis) -> None:
        pause = pause_after(job.attempts)
        self._outbox.failed(job, error, None if pause is None else now + pause, now)
        self._report(Finished(job.session_id, job.channel, "failed", content_id))


def _portions(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _PORTION):
        yield items[start : start + _PORTION]


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]
