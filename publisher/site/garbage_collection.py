"""Garbage collection by hand during a long build: by itself the collector would look through everything a hundred times."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collect", "manual_collection"]


@contextmanager
def manual_collection() -> Iterator[None]:
    """Leave garbage to whoever calls ``collect`` after each portion. What is left at the end stays out of later collections."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        # What a portion left for the next one may be garbage by now.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        gc.enable()


def collect() -> None:
    """Collect what refers to itself in circles, as MkDocs' pages do: it would stay until the collector's own time."""
    gc.collect()
    if not gc.isenabled():
        # What is left stays: the next time need not look through it.
        gc.freeze()
