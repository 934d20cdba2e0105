"""What a user likes and dislikes, in the same few numbers that describe an item: how an agent sees a user's taste.

SASRec's state says how a user rates; which items' reasons the user agreed with it hardly says, and that is what two of
the simulated user's three votes turn on. So an item is described by its pro and con keyword embeddings on their
principal axes and by its categories, and a user by what was liked and disliked of the history on the same axes:

    user = (liked items' pros, - disliked items' cons, surplus of likes by category), each a mean over the history

An item matches a user by their inner product, block by block. That is content-based filtering (Pazzani and Billsus
2007) with nothing of the simulator's own rules: no maxima, no history by category, no votes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, Histories
from models.kernels.compiled import vector_loop
from models.kernels.threads import by_blocks
from models.knowledge import ItemKnowledge

BLOCKS = ("pro", "con", "category")
_MAX_CATEGORIES = 32
_PSEUDO_REACTIONS = np.float32(1.0)


@dataclass(frozen=True)
class TasteAxes:
    """Principal axes of the keyword embeddings of each side.

    Parameters
    ----------
    pro, con
        float32 arrays of shape (v, r): orthogonal unit columns.
    """

    pro: NDArray[np.float32]
    con: NDArray[np.float32]

    @classmethod
    def of(cls, knowledge: ItemKnowledge, rank: int) -> Self:
        """The `rank` axes on which most of the items' inner products lie."""
        return cls(*(principal_axes(side, rank) for side in (knowledge.pro_vectors, knowledge.con_vectors)))


class Tastes:
    """Items and users of one dataset on these axes.

    Parameters
    ----------
    knowledge
        Keyword embeddings and categories of all items.
    axes
        Of the embeddings.

    Attributes
    ----------
    items
        float32 array of shape (n_items, t): pro block, con block, shares of the most common categories.
    """

    def __init__(self, knowledge: ItemKnowledge, axes: TasteAxes) -> None:
        sizes = np.asarray(knowledge.categories.sum(axis=0)).ravel()
        chosen = np.sort(np.argsort(-sizes, kind="stable")[:_MAX_CATEGORIES])
        categories = knowledge.categories.tocsc()[:, chosen].toarray()
        shares = categories / np.maximum(categories.sum(axis=1, keepdims=True), 1)
        blocks = (knowledge.pro_vectors @ axes.pro, knowledge.con_vectors @ axes.con, shares)
        self.items = np.ascontiguousarray(np.concatenate(blocks, axis=1), dtype=np.float32)
        self.sizes = tuple(block.shape[1] for block in blocks)

    def users(self, histories: Histories) -> NDArray[np.float32]:
        """What the users of b histories like: float32 array of shape (b, t)."""
        items, likes, _ = histories.arrays()
        ends = np.cumsum(self.sizes)
        parts = by_blocks(lambda rows: _user_vectors(self.items, ends, items[rows], likes[rows]), len(items))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def principal_axes(vectors: NDArray[np.float32], rank: int) -> NDArray[np.float32]:
    """Eigenvectors of the vectors' (n, v) inner products by falling eigenvalue, the largest entry of each positive."""
    _, eigenvectors = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    axes = eigenvectors[:, ::-1][:, :rank]
    largest = np.abs(axes).argmax(axis=0)
    return (axes * np.sign(axes[largest, np.arange(axes.shape[1])])).astype(np.float32)


@vector_loop
def _user_vectors(
    described: NDArray[np.float32], ends: NDArray[np.int64], items: NDArray[np.int64], likes: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Means over the history: liked items in the pro block, disliked ones off the con block, both in the categories."""
    users = np.empty((len(items), described.shape[1]), dtype=np.float32)
    sums = np.empty((2, described.shape[1]), dtype=np.float32)  # over disliked and over liked items
    for row in range(len(items)):
        n = liked = 0
        sums[:] = 0
        for t in range(items.shape[1]):
            if items[row, t] != NO_ITEM:
                n += 1
                liked += likes[row, t]
                own, item = sums[int(likes[row, t])], described[items[row, t]]
                for k in range(len(own)):
                    own[k] += item[k]
        usual, share = np.float32(liked / max(n, 1)), np.float32(1) / (np.float32(n) + _PSEUDO_REACTIONS)
        for k in range(ends[0]):
            users[row, k] = sums[1, k] * share
        for k in range(ends[0], ends[1]):
            users[row, k] = -sums[0, k] * share
        for k in range(ends[1], ends[2]):
            users[row, k] = (sums[1, k] - usual * (sums[0, k] + sums[1, k])) * share
    return users
