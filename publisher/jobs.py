"""Runs the jobs of the outbox: each channel by itself, so that one that fails holds no other up.

One round, from top to bottom: claim what is due → rehearse each story → publish it in the catalogue → build the dirty
pages → write drafts and figures → settle each job in the outbox.
One module, although a long one: the round is read from top to bottom, and a job that fails in any step is settled in the last.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from engine.domain.instant import MINUTE, SECOND, Millis, iso
from engine.domain.snapshot import Snapshot
from engine.storage.database import DatabaseLocked, DatabaseLost
from engine.storage.notices import Notice, queue_notice
from engine.storage.outbox import SCHEDULE, Job, Outbox
from publisher.catalogue import analytics
from publisher.catalogue.batches import in_batches
from publisher.catalogue.changes import DRAFTS_PREFIX, ROOM_PAGES
from publisher.catalogue.forgetting import forget_recipients, retracts
from publisher.catalogue.published import Catalogue
from publisher.catalogue.registrar import Registrar
from publisher.catalogue.sites import register_site
from publisher.catalogue.upcoming import pages_naming_next
from publisher.job_snapshots import JobSnapshots
from publisher.rendering.card import card_of
from publisher.rendering.story import story_of
from publisher.site.builder import Progress
from publisher.site.card_workers import CardWorkers
from publisher.studio_setup import StudioSetupLoader
from publisher.syndication.websub import HubNotifier

__all__ = ["MAX_ATTEMPTS", "FinishedJob", "JobRunner", "pause_after"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 6
"""How often a job is tried before it is left to the operator."""

_FEEDS = ("feed.xml", "feed.json")
_HUB_NOTIFIED = "hub_told"
_PAGE_CHANNELS = ("web", SCHEDULE)
_MOST_REWRITTEN = 20
"""Drafts rewritten at once. Each takes a tenth of a second, and the next session may have ended meanwhile."""
_MOST_LINES = 5
"""Sessions published in one round that get a line of the log each."""
_FIRST_PAUSE: Millis = 2 * SECOND
_LONGEST_PAUSE: Millis = 5 * MINUTE


def pause_after(attempts: int) -> Millis | None:
    """How long to wait after so many attempts: 2, 4, 8 … seconds; None when it was the last one."""
    return None if attempts >= MAX_ATTEMPTS else _backoff(attempts)


def _backoff(attempts: int) -> Millis:
    """Exponential, from two seconds to five minutes."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE << min(attempts - 1, 10))


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """The outcome of a job; ``state`` is ``done`` or ``failed``."""

    session_id: str
    channel: str
    state: str
    content_id: str


@dataclass(frozen=True, slots=True)
class _Story:
    """A job with the snapshot it is about, stored ``at``; no snapshot where a room changed that has no page."""

    job: Job
    snapshot: Snapshot | None
    at: Millis
    document: str | None = None
    """What was stored of the snapshot when it was rehearsed."""

    @property
    def content_id(self) -> str:
        return self.snapshot.content_id if self.snapshot else ""


class JobRunner:
    """Runs due jobs. Only one may work on a data folder at a time: whoever makes one holds the publisher lock."""

    def __init__(
        self,
        data: Path,
        catalogue: Catalogue,
        outbox: Outbox,
        *,
        on_finished: Callable[[FinishedJob], None] = lambda _: None,
        step: Callable[[str], None] = lambda _: None,
        durable: bool = True,
    ) -> None:
        register_site(catalogue, time.time_ns() // 1_000_000)
        self._data = data
        self._catalogue = catalogue
        self._outbox = outbox
        self._on_finished = on_finished
        self._card_workers = CardWorkers()
        self._loader = StudioSetupLoader(data, catalogue, self._card_workers, step=step, durable=durable)
        self._snapshots = JobSnapshots(catalogue, outbox)
        self._hub = HubNotifier()
        self._hub_notified = catalogue.meta(_HUB_NOTIFIED)
        self._hub_requested = False
        self._build_failures = 0
        self._no_build: tuple[Millis, Millis] = (0, 0)
        """From a failed build to the end of the pause after it."""
        self._no_cards: tuple[Millis, Millis] = (0, 0)
        """The same of cards that could not be written."""
        self._must_discard = False
        """Somebody took something back that may still be on the disk."""
        self.setup = self._loader.load()

    def run_due(
        self, now: Millis, *, limit: int = 100, progress: Progress | None = None, patience: Millis = 0
    ) -> int:
        """Run one round; returns how many jobs were claimed. ``patience``: as ``Outbox.claim`` says."""
        self.setup = self._loader.load()
        jobs = self._outbox.claim(now, limit, patience=patience)
        if jobs and forget_recipients(self._catalogue):
            self._must_discard = True
        began = time.monotonic()
        published: list[tuple[Job, str]] = []
        for batch in in_batches([job for job in jobs if job.channel in _PAGE_CHANNELS]):
            published += self._publish(self._rehearse(batch, now), now)
        self._remove_withdrawn_drafts()
        error = self._build(now, progress, requested=bool(published))
        done: list[Job] = []
        if not self._hub_requested:
            self._hub_requested = True
            self._notify_hub()
        self._store_hub_state()
        if error is None:
            self._settle_done(published, now)
            done += [job for job, _ in published]
        else:
            self._settle_postponed(published, error, now)
        for batch in in_batches([job for job in jobs if job.channel not in _PAGE_CHANNELS]):
            drafted = self._draft(batch, now)
            self._settle_done(drafted, now)
            done += [job for job, _ in drafted]
        _log_published(done, time.monotonic() - began)
        if self._must_discard:
            self._must_discard = not self._catalogue.connection.discard_deleted()
        return len(jobs)

    @property
    def build_failed(self) -> bool:
        """Whether the newest build failed."""
        return self._build_failures > 0

    def setup_changed(self) -> bool:
        """Whether files that pages are made of changed since the last round. Asks no database."""
        return self._loader.files_changed()

    def draw_cards(self, now: Millis, *, wait_s: float = 0.0) -> bool:
        """Put cards that follow the pages into the site, as far as they are drawn; whether others will soon be there.

        Waits so long for the first one.
        """
        failed_at, pause_ends = self._no_cards
        if failed_at <= now < pause_ends:
            return False
        try:
            return self.setup.site_builder.draw_cards(wait_s=wait_s)
        except OSError:
            # The disk is full, or there is no room for a process. The cards stay marked, and others stand in for them.
            _log.exception("cards not drawn", again_in_s=_LONGEST_PAUSE / 1000)
            self._no_cards = (now, now + _LONGEST_PAUSE)
            return False

    def close(self) -> None:
        """End the processes that draw cards; what is not drawn yet follows at the next start."""
        self._card_workers.close()

    # Rehearse: the catalogue's stories stand in feed and home page too, so one that cannot be rendered never enters it.

    def _rehearse(self, jobs: Sequence[Job], now: Millis) -> list[_Story]:
        """Render the story of each job once; those that cannot be rendered have failed and are left out."""
        rehearsed = [self._attempt(job, now, partial(self._rehearse_one, job, now)) for job in jobs]
        return [story for story in rehearsed if story is not None]

    def _rehearse_one(self, job: Job, now: Millis) -> _Story:
        if job.channel == SCHEDULE:
            changed = self._snapshots.with_changed_visibility(job.session_id)
            if changed is not None and changed.visibility == "private":
                self.setup.desk.withdraw_posts(changed, now)
            return _Story(job, None, now)
        document = self._outbox.stories.document(job.session_id, job.version)
        snapshot, at = self._snapshots.load(job)
        setup = self.setup
        story = story_of(snapshot, setup.studio, quotes=snapshot.quotes)
        setup.feeds.item_html(story)
        setup.templates.render(
            "site/article.html", story=story, studio=setup.studio, href=setup.links.absolute
        )
        if snapshot.source != "import":
            # Cached for the page, which shows the same picture.
            card_of(story, setup.studio)
        return _Story(job, snapshot, at, document)

    # Publish: into the catalogue, which marks every page that the story touches.

    def _publish(self, stories: Sequence[_Story], now: Millis) -> list[tuple[Job, str]]:
        """Publish rehearsed stories in one transaction; returns the jobs that did not fail with their content's ids.

        The stories are let go: a round may have tens of thousands.
        """
        with self._catalogue.transaction():
            return [
                (story.job, story.content_id)
                for story in stories
                if self._attempt(story.job, now, partial(self._publish_whole, story, now))
            ]

    def _publish_whole(self, story: _Story, now: Millis) -> bool:
        # A part of its own: half a story that failed must not be committed, and the rest of the transaction goes on.
        with self._catalogue.transaction():
            return self._publish_one(story, now)

    def _publish_one(self, story: _Story, now: Millis) -> bool:
        job, snapshot, zone = story.job, story.snapshot, self.setup.studio.zone
        if job.channel == SCHEDULE:
            self._catalogue.dirty.mark(ROOM_PAGES | pages_naming_next(self._catalogue, job.session_id))
            changed = self._snapshots.with_changed_visibility(job.session_id)
            if changed is not None:
                self._catalogue.publish(changed, zone, story.at)
            Registrar(self._catalogue).settle(job.session_id, now)
            return True
        if self._outbox.stories.document(job.session_id, job.version) != story.document:
            # Somebody took something back since it was rehearsed: it must not come back with what was read then.
            snapshot, _ = self._snapshots.load(job)
        if snapshot is not None and self._snapshots.may_publish(snapshot, story.at):
            before = self._catalogue.snapshot(snapshot.session_id)
            self._must_discard = self._must_discard or (before is not None and retracts(before, snapshot))
            self._catalogue.publish(snapshot, zone, story.at)
            if self.setup.studio.automatic.quotes:
                for key, state in self._catalogue.quotes.states(snapshot.session_id).items():
                    # What somebody decided stays.
                    if state == "waiting":
                        self._catalogue.quotes.decide(snapshot.session_id, key, "approved", story.at)
        return True

    # Build: the dirty pages, and what follows from a site that changed.

    def _remove_withdrawn_drafts(self) -> None:
        """Remove the drafts of withdrawn sessions; they go before their page does."""
        dirty = self._catalogue.dirty.drafts()
        for key in dirty:
            self.setup.desk.remove(key.removeprefix(DRAFTS_PREFIX))
        if dirty:
            self._catalogue.dirty.clear(dirty)

    def _build(self, now: Millis, progress: Progress | None, *, requested: bool) -> str | None:
        """Build the dirty pages; returns the error where that failed.

        After a failure there is a pause, which only a new publication (``requested``) cuts short.
        """
        dirty = self._catalogue.dirty.pages()
        if not dirty and (self._data / "public").is_dir():
            return None
        failed_at, pause_ends = self._no_build
        # Before it failed: the clock was set back, and nobody knows how long ago that was.
        if failed_at <= now < pause_ends and not requested:
            return None
        try:
            self.setup.site_builder.build_dirty(progress or (lambda _done, _total: None))
        except Exception as error:  # noqa: BLE001
            # Whatever it was, the pages stay dirty and the jobs come again; the process goes on with the rest.
            self._build_failures += 1
            pause = _backoff(self._build_failures)
            self._no_build = (now, now + pause)
            _log.exception("build failed", again_in_s=pause / 1000)
            return _described(error)
        self._build_failures = 0
        self._no_build = (0, 0)
        self._notify_hub()
        if self._catalogue.dirty.made_of() not in (None, self.setup.fingerprint):
            self._rewrite_waiting_drafts()
        self._catalogue.dirty.set_made_of(self.setup.fingerprint)
        return None

    def _notify_hub(self) -> None:
        """Notify the hub where the feeds are others than those it was last told of, before a restart perhaps."""
        hub, absolute, public = self.setup.studio.websub_hub, self.setup.links.absolute, self._data / "public"
        if not hub:
            return
        digest = hashlib.sha256(hub.encode())
        for name in _FEEDS:
            if (public / name).is_file():
                digest.update((public / name).read_bytes())
        state = digest.hexdigest()
        if state not in (self._hub.wanted, self._hub_notified):
            self._hub.notify(hub, tuple(absolute(name) for name in _FEEDS), state)

    def _store_hub_state(self) -> None:
        settled = self._hub.settled
        if settled is not None and settled != self._hub_notified:
            self._catalogue.set_meta(_HUB_NOTIFIED, settled)
            self._hub_notified = settled

    def _rewrite_waiting_drafts(self) -> None:
        """Rewrite the newest drafts that wait for a decision with the new setup; used and older ones stay as they are."""
        for session_id in self.setup.desk.sessions_waiting(_MOST_REWRITTEN):
            try:
                self.setup.desk.rewrite_files(session_id)
            except (DatabaseLocked, DatabaseLost):
                raise
            except Exception:  # noqa: BLE001
                # The site is built; a draft that cannot be written is reported at the desk.
                _log.exception("draft not rewritten", session_id=session_id)

    # Draft: what the channels other than pages make of a snapshot.

    def _draft(self, jobs: Sequence[Job], now: Millis) -> list[tuple[Job, str]]:
        """Write the drafts or figures of each job; returns those that did not fail with their content's ids."""
        made = [(job, self._attempt(job, now, partial(self._draft_one, job))) for job in jobs]
        return [(job, content_id) for job, content_id in made if content_id is not None]

    def _draft_one(self, job: Job) -> str:
        snapshot, at = self._snapshots.load(job)
        if not self._snapshots.may_publish(snapshot, at):
            return snapshot.content_id
        match job.channel:
            case "email":
                self.setup.desk.prepare(snapshot, "email", at)
            case "social":
                # Nothing about a private session is posted.
                if snapshot.visibility != "private":
                    self.setup.desk.prepare(snapshot, "social", at)
            case "analytics":
                with self._catalogue.transaction():
                    if self._snapshots.may_publish(snapshot, at):
                        analytics.record(self._catalogue, snapshot)
            case _:
                raise ValueError(f"no channel is called {job.channel!r}")
        return snapshot.content_id

    # Settle: write the outcome into the outbox and report it.

    def _settle_done(self, jobs: Sequence[tuple[Job, str]], now: Millis) -> None:
        for batch in in_batches(jobs):
            with self._catalogue.transaction():
                for job, content_id in batch:
                    self._outbox.done(job, now)
                    self._tell_webhooks(job, content_id, now)
            for job, content_id in batch:
                self._on_finished(FinishedJob(job.session_id, job.channel, "done", content_id))

    def _tell_webhooks(self, job: Job, content_id: str, now: Millis) -> None:
        """Queue the notice of a story whose page is there now, in the transaction that says that its job is done."""
        published = self._catalogue.snapshot(job.session_id) if job.channel == "web" else None
        if published is not None and published.content_id == content_id:
            data = {
                "title": published.title,
                "content_id": content_id,
                "version": published.version,
                "visibility": published.visibility,
                "instructor": published.instructor_name,
                "session_date": iso(published.session_date),
            }
            notice = Notice("story.published", job.session_id, data, now)
            queue_notice(self._catalogue.connection, notice)

    def _settle_postponed(self, jobs: Sequence[tuple[Job, str]], error: str, now: Millis) -> None:
        """The site cannot be written at present: no story's fault, so none is given up however long that lasts."""
        for job, content_id in jobs:
            self._settle_failed(job, content_id, error, now + _backoff(job.attempts), now)

    def _settle_failed(
        self, job: Job, content_id: str, error: str, again_at: Millis | None, now: Millis
    ) -> None:
        self._outbox.failed(job, error, again_at, now)
        _log.warning(
            "not published",
            session_id=job.session_id,
            channel=job.channel,
            problem=error,
            again_in_s=None if again_at is None else max(0, again_at - now) // 1000,
        )
        self._on_finished(FinishedJob(job.session_id, job.channel, "failed", content_id))

    def _attempt(self, job: Job, now: Millis, action: Callable[[], T]) -> T | None:
        """The result of ``action``; None where it raised, and the job is then settled as failed."""
        try:
            return action()
        except (DatabaseLocked, DatabaseLost):
            # Held or away: no fault of this job. The round ends, and its jobs are claimed again.
            raise
        except Exception as error:  # noqa: BLE001
            # A story that cannot be published must not keep the next one from it.
            _log.exception("job failed", session_id=job.session_id, channel=job.channel)
            pause = pause_after(job.attempts)
            again_at = None if pause is None else now + pause
            self._settle_failed(job, self._snapshots.content_id(job), _described(error), again_at, now)
            return None


def _log_published(done: Sequence[Job], seconds: float) -> None:
    """One line per session with the channels of this round, which took so long; one for all where an import is large."""
    channels: dict[str, list[str]] = {}
    for job in done:
        if job.channel != SCHEDULE:
            channels.setdefault(job.session_id, []).append(job.channel)
    if len(channels) > _MOST_LINES:
        _log.info("sessions published", sessions=len(channels), seconds=round(seconds, 2))
        return
    for session_id, names in channels.items():
        _log.info("session published", session_id=session_id, channels=names, seconds=round(seconds, 2))


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]
