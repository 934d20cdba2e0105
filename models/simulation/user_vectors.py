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

from models.interactions import Histories
from models.knowledge import ItemKnowledge
from models.simulation.running_tastes import RunningTastes, in_units

BLOCKS = ("pro", "con", "category")
_MAX_CATEGORIES = 32


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
        self.items = in_units(np.concatenate(blocks, axis=1))
        self.sizes = tuple(block.shape[1] for block in blocks)

    def users(self, histories: Histories) -> NDArray[np.float32]:
        """What the users of b histories like: float32 array of shape (b, t)."""
        return self.running(len(histories)).users(histories)

    def running(self, b: int) -> RunningTastes:
        """`users` of b sessions, for histories that are asked about again and again as they grow."""
        return RunningTastes(self.items, np.cumsum(self.sizes), b)


def principal_axes(vectors: NDArray[np.float32], rank: int) -> NDArray[np.float32]:
    """Eigenvectors of the vectors' (n, v) inner products by falling eigenvalue, the largest entry of each positive."""
    _, eigenvectors = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    axes = eigenvectors[:, ::-1][:, :rank]
    largest = np.abs(axes).argmax(axis=0)
    return (axes * np.sign(axes[largest, np.arange(axes.shape[1])])).astype(np.float32)
