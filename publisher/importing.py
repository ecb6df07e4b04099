"""Takes the sessions of a file in: decides for each whether it is new here, and publishes them in one pass over the site."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from engine.domain.channels import IMPORT_CHANNELS
from engine.domain.instant import Millis
from engine.domain.snapshot import Snapshot
from engine.storage.database import Database
from engine.storage.outbox import Outbox
from engine.storage.session_reader import SessionReader
from engine.storage.stories import COMPUTED
from publisher.catalogue.batches import in_batches
from publisher.catalogue.published import Catalogue
from publisher.catalogue.sites import site_for
from publisher.catalogue.upcoming import visibility_of
from publisher.exported_line import snapshot_of_line
from publisher.import_reader import Doubled, read_sessions
from publisher.single_round import run_single_round
from publisher.worker import Busy

__all__ = ["Imported", "Progress", "import_file"]

Progress = Callable[[int, int], None]

_LINES_IN_MEMORY = 500
_ALL_JOBS = 1_000_000
_LOOK_EVERY_S = 0.2
_RECORDED = {
    "timeline": "timeline",
    "curves": "curves",
    "milestones": "milestones",
    "achievements": "achievements",
    "quotes": "quotes",
    "completion_rate": "completion rate",
    "engagement_rate": "engagement rate",
    "average_rating": "rating",
}
"""What is recorded of a session, and cannot be stated again."""
_NO_FIGURES = {name: () if value == [] else value for name, value in COMPUTED.items()}
"""What a live session's story has where a figure is not told: a withdrawal may change each of them."""
_PLACE = re.compile(r"(\w+) (\d+)")


@dataclass(slots=True)
class Imported:
    """What became of the lines of a file: the place of each, such as ``line 3``; of refused and doubled ones with why."""

    new: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    """Published here just so already: nothing was done."""
    replaced: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    """An earlier line has the same id, and that one counts."""

    @property
    def published(self) -> int:
        """How many sessions were published or changed."""
        return len(self.new) + len(self.replaced)

    def counted(self) -> list[str]:
        """How many lines became what, and which: ``new: 3 (lines 1–2, 5)``."""
        kinds = {
            "new": self.new,
            "the same already": self.same,
            "replaced": self.replaced,
            "refused": self.refused,
            "doubled": self.doubled,
        }
        return [f"{kind}: {len(places)} ({_together(places)})" for kind, places in kinds.items() if places]


def import_file(
    data: Path, database: Database, file: Path, progress: Progress, *, replace: bool = False
) -> Imported:
    """Publish the sessions of a file, of any age, in one pass over the site; returns what became of each.

    What was recorded of a session here is replaced by a line that has less, or something else, only with ``replace``.

    Raises:
        UnreadableImport: nothing of the file can be read.
    """
    imported = Imported()
    with database.connect() as connection:
        site = site_for(data, database)
        catalogue, outbox = Catalogue(connection, site), Outbox(connection, site)
        snapshots: list[Snapshot] = []
        taken: set[str] = set()
        for place, found in read_sessions(file):
            if isinstance(found, Doubled):
                imported.doubled.append(f"{place}: {found}")
                continue
            snapshot = found if isinstance(found, str) else snapshot_of_line(found)
            if isinstance(snapshot, str):
                imported.refused.append(f"{place}: {snapshot}")
                continue
            snapshot, outcome = _judged(catalogue, outbox, snapshot, taken, replace=replace)
            match outcome:
                case "same":
                    imported.same.append(place)
                    continue
                case "new":
                    imported.new.append(place)
                case "replaced":
                    imported.replaced.append(place)
                case reason:
                    imported.refused.append(f"{place}: {reason}")
                    continue
            snapshots.append(snapshot)
            if len(snapshots) == _LINES_IN_MEMORY:
                _queue(outbox, catalogue, snapshots)
                snapshots = []
        _queue(outbox, catalogue, snapshots)
        _publish_queued(data, database, catalogue, outbox, progress)
    return imported


def _judged(
    catalogue: Catalogue, outbox: Outbox, snapshot: Snapshot, taken: set[str], *, replace: bool
) -> tuple[Snapshot, Literal["new", "same", "replaced"] | str]:
    """The snapshot as it may be published here, and what it is here; any other text says why it is refused.

    ``taken``: the ids in the feed, and of contents, that earlier lines of the file have.
    """
    session_id = snapshot.session_id
    other = catalogue.id_differing_by_case(session_id)
    if other is not None:
        return (
            snapshot,
            f"session_id: differs from {other} by case alone, which many hosts take for one folder",
        )
    phase = SessionReader(catalogue.connection).unfinished_phase(session_id)
    if phase is not None:
        return snapshot, f"session_id: {session_id} is {phase} here, and a line is taken once it is over"
    snapshot = _as_allowed_now(catalogue, outbox, snapshot)
    published = catalogue.snapshot(session_id)
    if published is not None:
        # An export names no series, and an older one no zone: those of the page stay.
        snapshot = snapshot.model_copy(
            update={
                "series_id": published.series_id,
                "time_zone": snapshot.time_zone or published.time_zone,
            }
        )
        if published.source == "api" and snapshot.source == "live":
            # A summary stands over what was led here, and what is retold of that would leave it standing.
            snapshot = snapshot.model_copy(update={"source": "api"})
        if _content_of(snapshot) == _content_of(published):
            return snapshot, "same"
        lost = _lost(published, snapshot)
        if lost and not replace:
            return snapshot, (
                f"session_id: {session_id} was recorded here, and the line would take its {', '.join(lost)}: "
                "it is replaced with --replace alone"
            )
    origin = snapshot.origin
    guid = origin.guid if origin is not None else None
    if published is None and guid is not None:
        if guid in taken or catalogue.has_guid(guid, besides=session_id):
            return snapshot, f"guid: {guid} is another session's"
        taken.add(guid)
    if snapshot.content_id in taken or outbox.stories.by_content_id(snapshot.content_id) is not None:
        snapshot = snapshot.model_copy(update={"content_id": str(uuid4())})
    taken.add(snapshot.content_id)
    return snapshot, "new" if published is None else "replaced"


def _as_allowed_now(catalogue: Catalogue, outbox: Outbox, snapshot: Snapshot) -> Snapshot:
    """A line without what people took back since the file was written, where the session was led here."""
    visibility = visibility_of(catalogue, snapshot.session_id)
    if visibility is None:
        return snapshot
    published = catalogue.snapshot(snapshot.session_id)
    snapshot = _without_withdrawn_quotes(snapshot, outbox.stories.snapshot(snapshot.session_id))
    is_summarised = published is not None and published.source == "api"
    current = published if is_summarised else outbox.stories.own_story(snapshot.session_id)
    if current is not None:
        snapshot = _without_withdrawn_figures(snapshot, current)
    return snapshot.model_copy(update={"visibility": visibility})


def _without_withdrawn_quotes(snapshot: Snapshot, current: Snapshot | None) -> Snapshot:
    """A line with those of its quotes alone that the newest story has."""
    present = set() if current is None else set(current.quotes)
    return snapshot.model_copy(
        update={"quotes": tuple(quote for quote in snapshot.quotes if quote in present)}
    )


def _without_withdrawn_figures(snapshot: Snapshot, current: Snapshot) -> Snapshot:
    """A line with the figures that are told now, or fewer: others were computed before somebody withdrew."""
    kept: dict[str, Any] = {}
    if snapshot.source == "live":
        kept = {
            name: getattr(current, name)
            for name, nothing in _NO_FIGURES.items()
            if getattr(snapshot, name) not in (nothing, getattr(current, name))
        }
    if "live" in (snapshot.source, current.source) and snapshot.source != current.source:
        # A withdrawal leaves a summary as it is: that may have no figure that a later one would have to change.
        kept |= {name: nothing for name, nothing in _NO_FIGURES.items() if name in _RECORDED}
    return snapshot.model_copy(update=kept)


def _content_of(snapshot: Snapshot) -> Snapshot:
    """A snapshot without what says nothing about the session."""
    neutral = {
        "content_id": "",
        "version": 0,
        "source": "api",
        "approved": False,
        "channels": (),
        "origin": None,
    }
    return snapshot.model_copy(update=neutral)


def _lost(published: Snapshot, snapshot: Snapshot) -> list[str]:
    """What was recorded and would be gone, or be something else."""
    lost = [
        name
        for part, name in _RECORDED.items()
        if getattr(published, part) not in ((), None) and getattr(snapshot, part) != getattr(published, part)
    ]
    if not lost and published.source == "live" and snapshot.source != "live":
        return ["card"]
    return lost


def _queue(outbox: Outbox, catalogue: Catalogue, snapshots: list[Snapshot]) -> None:
    now = _now()
    for batch in in_batches(snapshots):
        with catalogue.transaction():
            for snapshot in batch:
                # Somebody may have taken something back since the line was judged.
                allowed = _as_allowed_now(catalogue, outbox, snapshot)
                outbox.enqueue(allowed, IMPORT_CHANNELS, now, on_top=True)


def _publish_queued(
    data: Path, database: Database, catalogue: Catalogue, outbox: Outbox, progress: Progress
) -> None:
    """Run the queued jobs, or wait until the running publisher has."""
    try:
        run_single_round(data, database, catalogue, _now(), limit=_ALL_JOBS, progress=progress)
    except Busy:
        total = outbox.unfinished(_now())
        while waiting := outbox.unfinished(_now()):
            progress(max(0, total - waiting), total)
            time.sleep(_LOOK_EVERY_S)
        progress(total, total)


def _now() -> Millis:
    return time.time_ns() // 1_000_000


def _together(places: Sequence[str]) -> str:
    """Places in few words: ``lines 1–4, 7``."""
    runs: list[list[int]] = []
    kind = "line"
    for place in places:
        match = _PLACE.match(place)
        assert match is not None
        kind, number = match[1], int(match[2])
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    named = ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
    return f"{kind}{'' if len(places) == 1 else 's'} {named}"
