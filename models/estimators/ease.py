"""EASE on reactions: what a like or a dislike of one item says of another, over everything else that is known of it.

Source: Steck (arXiv 1905.03375). B = I - P / diag(P) with P = (X'X + penalty I)^-1; a score is an entry of X B. X holds
1 for a like and -1 for a dislike, so that both speak; with likes alone it is the recommender of the paper.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from models.interactions import NO_ITEM, Histories, Interactions
from models.kernels.compiled import loop


class EASESettings(BaseModel):
    """How large the model is and how far it trusts its data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_items: int = Field(default=2048, gt=0, description="items with most reactions that are known; others score 0")
    penalty: float = Field(default=200.0, gt=0, description="L2 penalty of the weights between items")


class EASE:
    """A closed-form regression of each item on all others.

    Parameters
    ----------
    items
        int64 array of shape (m,): the items that are known, such as `most_frequent`.
    n_items
        Size of the catalogue.
    penalty
        See `EASESettings`.

    Attributes
    ----------
    places
        int64 array of shape (n_items,): an item's place among the known ones, -1 for others.
    weights
        float32 array of shape (m, m): in row i what a reaction to each known item says of item i; 0 before `fit`.
    """

    def __init__(self, items: NDArray[np.int64], n_items: int, penalty: float) -> None:
        self.items, self._penalty = items, penalty
        self.places = np.full(n_items, -1, dtype=np.int64)
        self.places[items] = np.arange(len(items))
        self.weights = np.zeros((len(items), len(items)), dtype=np.float32)

    def fit(self, reactions: csr_array) -> Self:
        """Learn the weights.

        Parameters
        ----------
        reactions
            Sparse (n_users, n_items): what each user's reactions count, such as `signed_reactions`.
        """
        x = reactions[:, self.items]
        gram = (x.T @ x).toarray().astype(np.float32)
        gram[np.diag_indices_from(gram)] += self._penalty
        inverse = np.linalg.inv(gram)
        self.weights = -inverse / np.diag(inverse)[:, None]
        self.weights[np.diag_indices_from(self.weights)] = 0
        return self

    def scores(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """What the reactions of each history say of its candidate, together.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories; their likes count 1 and their dislikes -1.

        Returns
        -------
        float32 array of shape (b,): 0 for a candidate that is not known.
        """
        items, likes = np.ascontiguousarray(histories.items), np.ascontiguousarray(histories.likes)
        return _scores(self.places, self.weights, candidates, items, likes)


def most_frequent(items: NDArray[np.int64], n_items: int, n: int) -> NDArray[np.int64]:
    """The n items of a catalogue of `n_items` that occur most often among `items` (r,), most frequent first."""
    return np.argsort(-np.bincount(items, minlength=n_items), kind="stable")[:n]


def signed_reactions(train: Interactions) -> csr_array:
    """Sparse float32 (n_users, n_items): 1 for a like, -1 for a dislike."""
    signs = np.where(train.likes, 1, -1).astype(np.float32)
    return csr_array((signs, (train.users, train.items)), shape=(train.n_users, train.n_items))


@loop
def _scores(
    places: NDArray[np.int64],
    weights: NDArray[np.float32],
    candidates: NDArray[np.int64],
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
) -> NDArray[np.float32]:
    scores = np.zeros(len(candidates), dtype=np.float32)
    for row, candidate in enumerate(candidates):
        if places[candidate] < 0:
            continue
        own, score = weights[places[candidate]], np.float32(0)
        for t in range(items.shape[1]):
            place = -1 if items[row, t] == NO_ITEM else places[items[row, t]]
            if place >= 0:
                score += own[place] if likes[row, t] else -own[place]
        scores[row] = score
    return scores
