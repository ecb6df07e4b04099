"""Somebody who has kept every figure of a group that was ever shown or stored, and sits down to solve for its people."""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations

import numpy as np

__all__ = ["fewest_told_of"]


def fewest_told_of(groups: Collection[frozenset[str]], most: int) -> int:
    """The size of the smallest set of people of whom something follows; ``most`` when none is smaller.

    ``groups`` are those whose means are known. Nobody's value is taken to change, which is worse than it is.
    """
    if not groups:
        return most
    everybody = sorted(frozenset().union(*groups))
    matrix = np.array([[who in group for who in everybody] for group in groups], dtype=float)
    rank = np.linalg.matrix_rank(matrix)
    places = range(len(everybody))
    for size in range(1, most):
        # Each row leaves some people out: a column of zeros adds as little to the rank as none.
        others = np.array([[place not in some for place in places] for some in combinations(places, size)])
        if (np.linalg.matrix_rank(matrix * others[:, np.newaxis]) < rank).any():
            return size
    return most
