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
    for size in range(1, most):
        for some in combinations(range(len(everybody)), size):
            if np.linalg.matrix_rank(np.delete(matrix, some, axis=1)) < rank:
                return size
    return most
