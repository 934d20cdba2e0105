"""What the votes of keyword matching and similarity rest on, by name: categories, shared keywords, nearest items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.explanation.explanation_parts import NamedItem, Neighbour, SharedKeyword
from models.explanation.keyword_removal import KeywordRecord, Side, of_side
from models.knowledge import ItemKnowledge

_NEIGHBOURS = 3


def known_categories(knowledge: ItemKnowledge, item: int, items: NDArray[np.int64]) -> tuple[str, ...]:
    """Names of the item's categories that any of `items` (n,) has."""
    known = {column for other in items for column in _members(knowledge.categories, int(other)).tolist()}
    return tuple(
        knowledge.category_names[column] for column in _members(knowledge.categories, item).tolist() if column in known
    )


def shared_keywords(
    knowledge: ItemKnowledge, side: Side, item: int, items: NDArray[np.int64], record: KeywordRecord | None
) -> tuple[SharedKeyword, ...]:
    """Keywords of a side that the item shares with any of `items` (n,), most shared first; evidence as recorded."""
    matrix, evidence = of_side(knowledge, side), record.evidence if record else {}
    sharers: dict[int, list[NamedItem]] = {column: [] for column in _members(matrix, item).tolist()}
    for other in items.tolist():
        for column in _members(matrix, other).tolist():
            if column in sharers:
                sharers[column].append(NamedItem(other, knowledge.item_names[other]))
    shared = [
        SharedKeyword(keyword, tuple(found), evidence.get((item, side, keyword), ""))
        for column, found in sharers.items()
        for keyword in (knowledge.keywords[column],)
        if found
    ]
    return tuple(sorted(shared, key=lambda match: (-len(match.items), match.keyword)))


def nearest(
    knowledge: ItemKnowledge, vectors: NDArray[np.float32], item: int, items: NDArray[np.int64]
) -> tuple[Neighbour, ...]:
    """The three of `items` (n,) that are nearest to the item by vectors (n_items, d), nearest first."""
    items = items[np.any(vectors[items] != 0, axis=1)]
    if not np.any(vectors[item]) or not len(items):
        return ()
    cosines = vectors[items] @ vectors[item]
    return tuple(
        Neighbour(int(items[row]), knowledge.item_names[items[row]], float(cosines[row]))
        for row in np.argsort(-cosines, kind="stable")[:_NEIGHBOURS]
    )


def _members(matrix: csr_array, row: int) -> NDArray[np.int64]:
    """Columns of the row's positive entries, ascending."""
    return np.sort(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]).astype(np.int64)
