"""Item knowledge as arrays: the curated keywords of every item, their mean embeddings, categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Side = Literal["pro", "con"]
"""Whether a keyword speaks for an item or against it."""
SIDES: tuple[Side, ...] = ("pro", "con")


def members(sets: csr_array, row: int) -> NDArray[np.int64]:
    """Columns of a row's entries, ascending: the members of an item's set."""
    return np.sort(sets.indices[sets.indptr[row] : sets.indptr[row + 1]]).astype(np.int64)


@dataclass(frozen=True)
class ItemKnowledge:
    """Curated keywords and their embeddings for all items of a catalogue.

    Parameters
    ----------
    keywords
        The vocabulary: v keywords.
    keyword_vectors
        float32 array of shape (v, d): their embeddings, of unit length.
    pro, con
        Sparse binary float32 matrices of shape (n_items, v): which keywords speak for and against an item.
    pro_vectors, con_vectors
        float32 arrays of shape (n_items, d): mean embedding of an item's pro (con) keywords scaled to unit length;
        a zero row where an item has none; see `models.keywords.embeddings.item_vectors`.
    categories
        Sparse binary float32 matrix of shape (n_items, n_categories).
    category_names
        Names of the columns of `categories`.
    item_names
        One name an item, for explanations.
    """

    keywords: tuple[str, ...]
    keyword_vectors: NDArray[np.float32]
    pro: csr_array
    con: csr_array
    pro_vectors: NDArray[np.float32]
    con_vectors: NDArray[np.float32]
    categories: csr_array
    category_names: tuple[str, ...]
    item_names: tuple[str, ...]

    @property
    def n_items(self) -> int:
        """Number of items in the catalogue."""
        return len(self.item_names)

    def keyword_sets(self, side: Side) -> csr_array:
        """Which keywords of a side each item has: `pro` or `con`."""
        return self.pro if side == "pro" else self.con

    def item_vectors(self, side: Side) -> NDArray[np.float32]:
        """Mean keyword embedding of each item on a side: `pro_vectors` or `con_vectors`."""
        return self.pro_vectors if side == "pro" else self.con_vectors
