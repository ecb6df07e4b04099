"""A data folder with a publisher in it, without a process."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.domain.instant import Millis
from engine.domain.snapshot import Snapshot
from engine.storage.opening import database_of
from engine.storage.outbox import Outbox
from publisher.catalogue.published import Catalogue
from publisher.jobs import FinishedJob, JobRunner
from tests.publisher.samples import NOW

ALL = ("web", "email", "social", "analytics")


class Publisher:
    """Everything that the process has, driven by hand."""

    def __init__(
        self, data: Path, *, url: str | None = None, step: Callable[[str], None] = lambda _: None
    ) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self.database = database_of(data, url)
        self.connection = self.database.connect()
        self.catalogue = Catalogue(self.connection)
        self.outbox = Outbox(self.connection)
        self.finished: list[FinishedJob] = []
        self.jobs = JobRunner(
            data, self.catalogue, self.outbox, on_finished=self.finished.append, step=step, durable=False
        )

    def publish(self, snapshot: Snapshot, channels: Sequence[str] = ALL, at: Millis = NOW) -> Snapshot:
        """Queue a snapshot and do what is due."""
        stored = self.outbox.enqueue(snapshot, channels, at)
        self.work(at)
        return stored

    def work(self, at: Millis = NOW) -> int:
        """One round."""
        return self.jobs.run_due(at)

    def read(self, path: str) -> str:
        """A file of the site."""
        return (self.data / "public" / path).read_text(encoding="utf-8")

    def has(self, path: str) -> bool:
        """Whether the site has a file."""
        return (self.data / "public" / path).exists()

    def searchable(self) -> str:
        """What the search can show of all pages."""
        fragments = (self.data / "public/pagefind").rglob("*.pf_fragment")
        return "".join(gzip.decompress(each.read_bytes()).decode() for each in fragments)

    def site(self) -> dict[str, str]:
        """Every file of the site with a digest of its bytes."""
        return digests(self.data / "public")

    def rebuilt(self) -> dict[str, str]:
        """The same of the site made from nothing."""
        output = self.data / "rebuilt"
        self.jobs.setup.site_builder.rebuild(output)
        return digests(output)

    def close(self) -> None:
        """Let go of the file, and of processes that draw cards."""
        self.jobs.close()
        self.connection.close()


def digests(root: Path) -> dict[str, str]:
    """Every file below a folder with a digest of its bytes."""
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }
