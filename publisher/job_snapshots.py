"""The snapshot that a job is about, as it may be published now: with its room's visibility, unless withdrawn."""

from __future__ import annotations

from engine.domain.instant import Millis
from engine.domain.snapshot import Snapshot
from engine.storage.outbox import Job, Outbox
from publisher.catalogue.published import Catalogue
from publisher.catalogue.upcoming import series_of, visibility_of

__all__ = ["JobSnapshots"]


class JobSnapshots:
    """Reads the snapshots of jobs from the outbox, and judges them by what room and catalogue say now."""

    def __init__(self, catalogue: Catalogue, outbox: Outbox) -> None:
        self._catalogue = catalogue
        self._outbox = outbox

    def load(self, job: Job) -> tuple[Snapshot, Millis]:
        """The snapshot of a job with its present visibility and its zone, and when it was stored.

        Raises:
            LookupError: it is not there.
        """
        snapshot = self._outbox.stories.snapshot(job.session_id, job.version)
        at = self._outbox.stories.written_at(job.session_id, job.version)
        if snapshot is None or at is None:
            raise LookupError(f"version {job.version} of the story is not there")
        return self._catalogue.in_own_zone(self._with_present_visibility(snapshot)), at

    def with_changed_visibility(self, session_id: str) -> Snapshot | None:
        """The published snapshot with its room's visibility; None where the page has that already, or there is none."""
        snapshot = self._catalogue.snapshot(session_id)
        if snapshot is None:
            return None
        changed = self._with_present_visibility(snapshot)
        return None if changed.visibility == snapshot.visibility else changed

    def may_publish(self, snapshot: Snapshot, at: Millis) -> bool:
        """Whether the session was not withdrawn since; recomputing a withdrawn live session does not bring it back."""
        withdrawn_at = self._catalogue.withdrawn_at(snapshot.session_id)
        if withdrawn_at is None:
            return True
        is_retold = snapshot.source == "live" and snapshot.origin is None
        return (snapshot.ended_at if is_retold else at) > withdrawn_at

    def content_id(self, job: Job) -> str:
        """The content's id of a job, whatever is wrong with its snapshot; empty where there is none."""
        return self._outbox.stories.content_id(job.session_id, job.version) or ""

    def _with_present_visibility(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the visibility that its room has now: that may have changed after it was stored.

        Of a summary that came over the API the room alone knows the series.
        """
        visibility = visibility_of(self._catalogue, snapshot.session_id)
        if visibility is None:
            return snapshot
        series_id = series_of(self._catalogue, snapshot.session_id)
        return snapshot.model_copy(update={"visibility": visibility, "series_id": series_id})
