"""How the workers of a run share its tests: what measures time comes first, while all other workers wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

__all__ = ["AloneFirst"]

_ALONE: Final = "alone"
"""The name of the folders with tests that need the machine to themselves."""


class AloneFirst(LoadFileScheduling):  # type: ignore[misc]  # It comes without types.
    """Files as the workers take them; but those in a folder ``alone`` are for the first worker, and come before all others."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        self._alone: set[str] = set()
        """Tests that need the machine to themselves and have not ended."""

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        if not self.collection_is_completed:
            self._alone = {nodeid for nodeid in collection if f"/{_ALONE}/" in nodeid}
        super().add_node_collection(node, collection)

    def schedule(self) -> None:
        """Give each worker two files, as at the beginning of a run: one that has a single test left waits for another."""
        first = self.collection is None
        super().schedule()
        if not first:
            super().schedule()

    def _assign_work_unit(self, node: WorkerController) -> None:
        if (self._alone and node is not self.nodes[0]) or node not in self.registered_collections:
            return
        first = {self._split_scope(nodeid) for nodeid in self._alone} & self.workqueue.keys()
        for file in sorted(first, reverse=True):
            self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        ended = self.registered_collections[node][item_index]
        if ended in self._alone:
            self._alone.remove(ended)
            if not self._alone:
                self.schedule()
