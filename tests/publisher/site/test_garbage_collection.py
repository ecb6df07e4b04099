"""Garbage of a long build: gone when it is over, and what stays is looked through once."""

from __future__ import annotations

import gc
import weakref

from publisher.site.garbage_collection import collect, manual_collection


class Circle:
    """Refers to itself, as MkDocs' pages do."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_of_every_portion_is_gone_at_the_end() -> None:
    """What a portion left to the next one, too."""
    with manual_collection():
        assert not gc.isenabled()
        kept, dropped = Circle(), Circle()
        seen = [weakref.ref(kept), weakref.ref(dropped)]
        del dropped
        collect()
        assert [each() is None for each in seen] == [False, True]
        del kept
    assert gc.isenabled()
    assert [each() for each in seen] == [None, None]


def test_what_stays_is_left_out_of_later_collections() -> None:
    """A build after a long one collects what it made itself, and nothing else."""
    with manual_collection():
        stays = Circle()
    assert gc.get_freeze_count() > 0
    assert not any(each is stays for each in gc.get_objects())
