"""Near-duplicates: texts so like a test item that training on them would leak it."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse

#: Jaccard similarity from which a text counts as a near-duplicate.
NEAR = 0.8
_ROWS = 1000  # texts compared at a time: a block of similarities of this height fits in memory


class Neighbourhood:
    """The texts like one of a fixed set: Jaccard similarity of their units (words, or slots) of 0.8 or more."""

    def __init__(self, items: Iterable[frozenset[str]]):
        distinct = sorted(set(items), key=sorted)
        self._column = {unit: i for i, unit in enumerate(sorted(frozenset().union(*distinct)))}
        self._items = self._matrix(distinct).T.tocsc()
        self._sizes = np.array([len(item) for item in distinct])

    def holds(self, texts: Sequence[frozenset[str]]) -> list[bool]:
        """Return for each text, given as its units, whether it is near to an item; a text without units is not."""
        found: list[bool] = []
        for start in range(0, len(texts), _ROWS):
            block = texts[start : start + _ROWS]
            shared = (self._matrix(block) @ self._items).tocoo()
            sizes = np.array([len(text) for text in block])
            union = sizes[shared.row] + self._sizes[shared.col] - shared.data
            near = np.zeros(len(block), bool)
            near[shared.row[shared.data >= NEAR * union]] = True
            found += near.tolist()
        return found

    def _matrix(self, texts: Sequence[frozenset[str]]) -> sparse.csr_array:
        """Return the 0-1 matrix ``(texts, units of the items)``."""
        columns = [[self._column[unit] for unit in text if unit in self._column] for text in texts]
        ends = np.cumsum([0, *map(len, columns)])
        flat = np.array([c for row in columns for c in row], dtype=np.int32)
        return sparse.csr_array((np.ones(len(flat), np.int32), flat, ends), shape=(len(texts), len(self._column)))
