"""Kinds of users: how people with the same reactions react to an item's keywords, its categories and the item itself.

A mixture of ridge regressions (De Veaux 1989), in the manner of latent classes for recommendation (Hofmann and Puzicha
1999) with the content of items in the regression: each kind k expects of item i

    m_ik = a_k + <c_k, categories_i> + <p_k, pros_i> + <q_k, cons_i> + b_ik,

a departure from what item and user usually get, in standard deviations of a rating. All kinds are held to one
regression of all users, and b_ik, what the item is to a kind beyond its content, to 0. A user's kind is not learned but
follows from the history by Bayes' rule for each answer, so a reaction of a minute ago counts like any other. What a
single user's few reactions cannot tell of a keyword, those of the same kind can.

Several mixtures from other starts are averaged: each alone depends on where it started.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array, hstack
from scipy.special import softmax

from models.interactions import NO_ITEM, Histories, Interactions
from models.kernels.compiled import loop
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


@dataclass(frozen=True)
class UserKinds:
    """s mixtures of k kinds each, m = s k kinds in all, those of a mixture side by side.

    Parameters
    ----------
    keywords
        The vocabulary, v keywords.
    own
        float32 array of shape (n_items, m): what each kind expects of an item without its keywords.
    pro, con
        float32 arrays of shape (v, m): what each keyword of a side adds.
    shares
        float32 array of shape (s, k): of users in each kind; a row adds up to 1.
    precisions
        float32 array of shape (s,): what a squared error counts in telling the kind.
    levels
        float32 array of shape (n_items, m): what each kind expects of an item, m_ik above.
    """

    keywords: tuple[str, ...]
    own: NDArray[np.float32]
    pro: NDArray[np.float32]
    con: NDArray[np.float32]
    shares: NDArray[np.float32]
    precisions: NDArray[np.float32]
    levels: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        train: Interactions,
        surprises: NDArray[np.float32],
        knowledge: ItemKnowledge,
        n_kinds: int,
        settings: KindSettings,
    ) -> UserKinds:
        """Learn from training interactions.

        Parameters
        ----------
        train
            n training interactions.
        surprises
            float32 array of shape (n,): `ReactionStatistics.training_surprises`.
        knowledge
            Keywords and categories of the items.
        n_kinds
            Of each mixture.
        settings
            How to learn.
        """
        content = _Content.of(knowledge, np.bincount(train.items, minlength=train.n_items), settings)
        mixtures = _fit(train, surprises, content.matrix, n_kinds, settings)
        v, m = len(knowledge.keywords), mixtures.own.shape[1]
        pro, con = np.zeros((v, m), dtype=np.float32), np.zeros((v, m), dtype=np.float32)
        of_pros, of_cons, of_categories = np.split(mixtures.weights, np.cumsum([len(content.pros), len(content.cons)]))
        pro[content.pros], con[content.cons] = of_pros, of_cons
        own = (mixtures.own + knowledge.categories @ of_categories).astype(np.float32)
        learned = cls(knowledge.keywords, own, pro, con, mixtures.shares, mixtures.precisions, own)
        return learned.knowing(knowledge)

    def knowing(self, knowledge: ItemKnowledge, items: NDArray[np.int64] | None = None) -> UserKinds:
        """The same kinds where other keywords speak for and against items.

        Parameters
        ----------
        knowledge
            Of n items; keywords that nothing was learned of add nothing.
        items
            int64 array of shape (n,): which items these are; all, in their order, by default.
        """
        own = self.own if items is None else self.own[items]
        pro, con = self.pro, self.con
        if knowledge.keywords != self.keywords:
            place = {keyword: row for row, keyword in enumerate(self.keywords)}
            rows = np.array([place.get(keyword, -1) for keyword in knowledge.keywords], dtype=np.int64)
            nothing = np.zeros((1, pro.shape[1]), dtype=np.float32)
            pro, con = np.concatenate([pro, nothing])[rows], np.concatenate([con, nothing])[rows]
        levels = own + knowledge.pro @ pro + knowledge.con @ con
        return replace(
            self,
            keywords=knowledge.keywords,
            own=own,
            pro=pro,
            con=con,
            levels=np.ascontiguousarray(levels, np.float32),
        )

    def matches(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """What the kind of each user expects of a candidate, in standard deviations of a rating: float32 (b,).

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        surprises
            float32 array of shape (b, l): `ReactionStatistics.surprises`.
        """
        kinds = self.posteriors(histories, surprises)
        return np.einsum("bm,bm->b", kinds, self.levels[candidates]) / np.float32(len(self.shares))

    def posteriors(self, histories: Histories, surprises: NDArray[np.float32]) -> NDArray[np.float32]:
        """P(kind) of the user of each history: float32 (b, m), adding up to 1 in each mixture."""
        items, surprises = np.ascontiguousarray(histories.items), np.ascontiguousarray(surprises)
        return _posteriors(self.levels, np.log(self.shares), self.precisions, items, surprises)

    def tastes(self, kinds: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """How far users' kinds lie from everybody in what a keyword adds: float32 (b, v) for `pro` and for `con`.

        Parameters
        ----------
        kinds
            float32 array of shape (b, m): `posteriors`.
        """
        apart = (kinds - self.shares.ravel()) / np.float32(len(self.shares))
        return {"pro": apart @ self.pro.T, "con": apart @ self.con.T}

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All that was learned, for a checkpoint."""
        return {
            "own": self.own,
            "pro": self.pro,
            "con": self.con,
            "shares": self.shares,
            "precisions": self.precisions,
        }

    @staticmethod
    def shapes(n_items: int, n_keywords: int, n_mixtures: int, n_kinds: int) -> dict[str, tuple[int, ...]]:
        """Shapes of `arrays`."""
        m = n_mixtures * n_kinds
        return {
            "own": (n_items, m),
            "pro": (n_keywords, m),
            "con": (n_keywords, m),
            "shares": (n_mixtures, n_kinds),
            "precisions": (n_mixtures,),
        }


@loop
def _posteriors(
    levels: NDArray[np.float32],
    log_shares: NDArray[np.float32],
    precisions: NDArray[np.float32],
    items: NDArray[np.int64],
    surprises: NDArray[np.float32],
) -> NDArray[np.float32]:
    """P(kind), float32 (b, m), of histories (b, l): shares times the normal density of each surprise, softened."""
    s, k = log_shares.shape
    posteriors = np.empty((len(items), s * k), dtype=np.float32)
    for row in range(len(items)):
        own = posteriors[row]
        own[:] = 0
        count, usual = 0, np.float32(0)
        for t in range(items.shape[1]):
            if items[row, t] != NO_ITEM:
                count += 1
                usual += surprises[row, t]
        usual /= np.float32(count) + PSEUDO_REACTIONS
        for t in range(items.shape[1]):
            item = items[row, t]
            if item != NO_ITEM:
                rest = surprises[row, t] - usual
                expected = levels[item]
                for j in range(s * k):
                    own[j] += expected[j] * (rest - np.float32(0.5) * expected[j])
        for mixture in range(s):
            first = mixture * k
            highest = np.float32(-np.inf)
            for j in range(k):
                own[first + j] = own[first + j] * precisions[mixture] + log_shares[mixture, j]
                highest = max(highest, own[first + j])
            total = np.float32(0)
            for j in range(k):
                own[first + j] = np.exp(own[first + j] - highest)
                total += own[first + j]
            for j in range(k):
                own[first + j] /= total
    return posteriors


class _Content(NamedTuple):
    """Columns of the regression: pros and cons by their columns of the vocabulary, then all categories."""

    pros: NDArray[np.int64]
    cons: NDArray[np.int64]
    matrix: csr_array

    @classmethod
    def of(cls, knowledge: ItemKnowledge, item_counts: NDArray[np.int64], settings: KindSettings) -> _Content:
        pros, cons = (_most_met(sets, item_counts, settings.most_keywords) for sets in (knowledge.pro, knowledge.con))
        parts = [knowledge.pro[:, pros], knowledge.con[:, cons], knowledge.categories]
        return cls(pros, cons, csr_array(hstack(parts, format="csr"), dtype=np.float64))


def _most_met(sets: csr_array, item_counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Keywords of at least two items, at most `most`, those that most train rows have met: ascending."""
    met, items = sets.T @ item_counts, np.asarray(sets.sum(axis=0)).ravel()
    met = np.where(items >= 2, met, 0)
    chosen = np.argsort(-met, kind="stable")[:most]
    return np.sort(chosen[met[chosen] > 0])


class _Mixtures(NamedTuple):
    """`own` (n_items, m) without content, `weights` (f, m) of the content, `shares` (s, k), `precisions` (s,)."""

    own: NDArray[np.float32]
    weights: NDArray[np.float32]
    shares: NDArray[np.float32]
    precisions: NDArray[np.float32]


def _fit(
    train: Interactions, surprises: NDArray[np.float32], content: csr_array, n_kinds: int, settings: KindSettings
) -> _Mixtures:
    """Expectation and maximisation of all mixtures at once."""
    n = np.bincount(train.users, minlength=train.n_users)
    usual = np.bincount(train.users, surprises, train.n_users) / (n + PSEUDO_REACTIONS)
    rest = surprises - usual[train.users]
    shape = (train.n_users, train.n_items)
    met = csr_array((np.ones(len(rest)), (train.users, train.items)), shape=shape)
    rests = csr_array((rest, (train.users, train.items)), shape=shape)
    n_mixtures = max(1, settings.in_all // n_kinds)
    start = np.random.default_rng(settings.seed).dirichlet(np.full(n_kinds, 0.5), size=(train.n_users, n_mixtures))
    regression = _Regression(content, settings)
    usual_one = regression.fit(met.sum(axis=0)[:, None], rests.sum(axis=0)[:, None], None)
    kinds = start  # (n_users, s, k): P(kind)
    for _ in range(settings.rounds):
        flat = kinds.reshape(train.n_users, -1)
        weights, constants, own = regression.fit(met.T @ flat, rests.T @ flat, usual_one)
        levels = content @ weights + constants + own
        # -(rest - level)^2 = -rest^2 + 2 rest level - level^2, summed over a user's items
        fits = (rests @ levels - 0.5 * (met @ levels**2)).reshape(kinds.shape)
        errors = (rest**2).sum() - 2 * (kinds * fits).sum(axis=(0, 2))  # (s,)
        precisions = settings.evidence * len(rest) / np.maximum(errors, 1e-6)
        shares = (kinds.mean(axis=0) + 1e-3) / (1 + 1e-3 * n_kinds)
        kinds = softmax(fits * precisions[:, None] + np.log(shares), axis=2)
    f32 = (array.astype(np.float32) for array in (constants + own, weights, shares, precisions))
    return _Mixtures(*f32)


class _Regression:
    """Ridge regressions of weighted reactions on content, a constant and each item's own departure."""

    def __init__(self, content: csr_array, settings: KindSettings) -> None:
        n_items, f = content.shape
        self._x = csr_array(hstack([content, np.ones((n_items, 1))], format="csr"))
        self._penalty = np.append(np.full(f, settings.content_penalty), 1e-3) * np.eye(f + 1)
        self._item_penalty = settings.item_penalty

    def fit(
        self,
        counts: NDArray[np.float64],
        sums: NDArray[np.float64],
        around: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Weights (f, m), constants (m,) and departures (n_items, m) of m regressions.

        `counts` and `sums` (n_items, m) are each item's weighted number of reactions and their sum; `around` is what
        the regressions are held to, of one column, 0 where it is None.

        Without the departures, which are solved for given the rest, an item of weight n counts as n d / (n + d) with
        their penalty d, so that many reactions to one item do not pass for many items.
        """
        x, d = self._x, self._item_penalty
        weights, constants, own = around or (np.zeros((x.shape[1] - 1, 1)), np.zeros(1), np.zeros((x.shape[0], 1)))
        line = np.concatenate([weights, constants[None]])
        effective = d / (counts + d)
        left = sums - counts * (x @ line + own)
        lines = np.empty((x.shape[1], counts.shape[1]))
        for j in range(counts.shape[1]):
            gram = (x.T @ (x * (effective[:, j] * counts[:, j])[:, None])).toarray()
            lines[:, j] = np.linalg.solve(gram + self._penalty, x.T @ (effective[:, j] * left[:, j]))
        own = own + (left - counts * (x @ lines)) / (counts + d)
        lines = line + lines
        return lines[:-1], lines[-1], own
