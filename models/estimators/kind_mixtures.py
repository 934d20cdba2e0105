"""How kinds of users are learned: mixtures of ridge regressions by expectation and maximisation.

In turn, each user's P(kind) follows from the reactions by Bayes' rule, and each kind's regression from the reactions
weighted by P(kind) (Dempster, Laird and Rubin 1977). models/estimators/user_kinds.py has the formula and the use.
"""

from __future__ import annotations

from typing import NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array, hstack
from scipy.special import softmax

from models.interactions import Interactions
from models.knowledge import ItemKnowledge

PSEUDO_REACTIONS = np.float32(5.0)


class KindSettings(BaseModel):
    """How kinds of users are learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[int, ...] = Field(
        default=(2, 4, 8), min_length=1, description="numbers of kinds in a mixture; validation pairs choose one"
    )
    in_all: int = Field(
        default=32, gt=0, description="kinds of all mixtures together; mixtures from other starts are averaged"
    )
    content_penalty: float = Field(default=10.0, gt=0, description="L2 penalty of a keyword's or category's weight")
    item_penalty: float = Field(default=10.0, gt=0, description="L2 penalty of an item's own departure")
    evidence: float = Field(
        default=0.6, gt=0, le=1, description="how much a reaction counts in telling the kind: reactions repeat another"
    )
    rounds: int = Field(default=30, gt=0, description="of expectation and maximisation")
    most_keywords: int = Field(default=400, gt=0, description="keywords with weights, those of most train rows")
    seed: int = Field(default=0, ge=0, description="of where the mixtures start")


class Content(NamedTuple):
    """What the regressions are on.

    Parameters
    ----------
    pros, cons
        int64 arrays: columns of the vocabulary.
    matrix
        Sparse binary matrix of shape (n_items, f): those pros, those cons, all categories.
    """

    pros: NDArray[np.int64]
    cons: NDArray[np.int64]
    matrix: csr_array

    @classmethod
    def of(cls, knowledge: ItemKnowledge, item_counts: NDArray[np.int64], settings: KindSettings) -> Self:
        """Content of items (n_items,) of so many train rows."""
        pros, cons = (_most_met(sets, item_counts, settings.most_keywords) for sets in (knowledge.pro, knowledge.con))
        parts = [knowledge.pro[:, pros], knowledge.con[:, cons], knowledge.categories]
        return cls(pros, cons, csr_array(hstack(parts, format="csr"), dtype=np.float64))


def _most_met(sets: csr_array, item_counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Keywords of at least two items, at most `most`, those that most train rows have met: ascending."""
    met, items = sets.T @ item_counts, np.asarray(sets.sum(axis=0)).ravel()
    met = np.where(items >= 2, met, 0)
    chosen = np.argsort(-met, kind="stable")[:most]
    return np.sort(chosen[met[chosen] > 0])


class Mixtures(NamedTuple):
    """s mixtures of k kinds each, m = s k in all; float32.

    Parameters
    ----------
    own
        Of shape (n_items, m): what each kind expects of an item without its content.
    weights
        Of shape (f, m): what content adds.
    shares
        Of shape (s, k): of users in each kind.
    precisions
        Of shape (s,): what a squared error counts in telling the kind.
    """

    own: NDArray[np.float32]
    weights: NDArray[np.float32]
    shares: NDArray[np.float32]
    precisions: NDArray[np.float32]


def fit_mixtures(
    train: Interactions, surprises: NDArray[np.float32], content: csr_array, n_kinds: int, settings: KindSettings
) -> Mixtures:
    """Expectation and maximisation of all mixtures at once; parameters as in `UserKinds.fit`."""
    reactions = _Reactions.of(train, surprises)
    regression = _Regression(content, settings)
    ones = np.ones((train.n_users, 1))
    everybody = regression.fit(reactions.counts.T @ ones, reactions.sums.T @ ones, regression.nothing())
    n_mixtures = max(1, settings.in_all // n_kinds)
    rng = np.random.default_rng(settings.seed)
    kinds = rng.dirichlet(np.full(n_kinds, 0.5), size=(train.n_users, n_mixtures))  # (n_users, s, k): P(kind)

    def maximised() -> tuple[_Lines, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Regressions, shares, precisions, and how well each user's reactions fit each kind."""
        flat = kinds.reshape(train.n_users, -1)
        lines = regression.fit(reactions.counts.T @ flat, reactions.sums.T @ flat, everybody)
        levels = regression.levels(lines)
        # -(rest - level)^2 = -rest^2 + 2 rest level - level^2, summed over a user's items
        fits = (reactions.sums @ levels - 0.5 * (reactions.counts @ levels**2)).reshape(kinds.shape)
        errors = reactions.squares - 2 * (kinds * fits).sum(axis=(0, 2))  # (s,)
        shares = (kinds.mean(axis=0) + 1e-3) / (1 + 1e-3 * n_kinds)
        return lines, shares, settings.evidence * len(train) / np.maximum(errors, 1e-6), fits

    for _ in range(settings.rounds):
        _, shares, precisions, fits = maximised()
        kinds = softmax(fits * precisions[:, None] + np.log(shares), axis=2)
    lines, shares, precisions, _ = maximised()
    own = (lines.weights[-1] + lines.own).astype(np.float32)
    return Mixtures(
        own, lines.weights[:-1].astype(np.float32), shares.astype(np.float32), precisions.astype(np.float32)
    )


class _Reactions(NamedTuple):
    """Reactions by user and item (n_users, n_items): how many, the sum of what is to be told; and its squares' sum."""

    counts: csr_array
    sums: csr_array
    squares: float

    @classmethod
    def of(cls, train: Interactions, surprises: NDArray[np.float32]) -> Self:
        n = np.bincount(train.users, minlength=train.n_users)
        usual = np.bincount(train.users, surprises, train.n_users) / (n + PSEUDO_REACTIONS)
        rest = surprises - usual[train.users]
        places, shape = (train.users, train.items), (train.n_users, train.n_items)
        counts, sums = (csr_array((values, places), shape=shape) for values in (np.ones(len(rest)), rest))
        return cls(counts, sums, float((rest**2).sum()))


class _Lines(NamedTuple):
    """Regressions: weights of the content and, last, a constant (f + 1, m); each item's own departure (n_items, m)."""

    weights: NDArray[np.float64]
    own: NDArray[np.float64]


class _Regression:
    """Ridge regressions of weighted reactions on content, a constant and each item's own departure."""

    def __init__(self, content: csr_array, settings: KindSettings) -> None:
        n_items, f = cast("tuple[int, int]", content.shape)  # scipy declares no type for it
        self._shape = n_items, f
        self._x = csr_array(hstack([content, csr_array(np.ones((n_items, 1)))], format="csr"))
        self._penalty = np.diag(np.append(np.full(f, settings.content_penalty), 1e-3))
        self._item_penalty = settings.item_penalty

    def nothing(self) -> _Lines:
        """All 0."""
        n_items, f = self._shape
        return _Lines(np.zeros((f + 1, 1)), np.zeros((n_items, 1)))

    def levels(self, lines: _Lines) -> NDArray[np.float64]:
        """What regressions expect of each item: float64 (n_items, m)."""
        return self._x @ lines.weights + lines.own

    def fit(self, counts: NDArray[np.float64], sums: NDArray[np.float64], around: _Lines) -> _Lines:
        """m regressions of each item's weighted number of reactions and their sum (n_items, m), held to `around`.

        With penalty d of its own departure, which is solved for given the weights, an item of weight n counts as
        n d / (n + d): many reactions to one item do not pass for many items.
        """
        x, d = self._x, self._item_penalty
        left = sums - counts * self.levels(around)
        counted = d / (counts + d)
        weights = np.empty((self._shape[1] + 1, counts.shape[1]))
        for j in range(counts.shape[1]):
            scale = csr_array((counted[:, j] * counts[:, j], (np.arange(len(counts)),) * 2))
            gram = (x.T @ scale @ x).toarray() + self._penalty
            weights[:, j] = np.linalg.solve(gram, x.T @ (counted[:, j] * left[:, j]))
        own = around.own + (left - counts * (x @ weights)) / (counts + d)
        return _Lines(around.weights + weights, own)
