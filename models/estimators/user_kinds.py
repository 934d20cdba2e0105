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

import numpy as np
from numpy.typing import NDArray

from models.estimators.kind_mixtures import PSEUDO_REACTIONS, Content, KindSettings, fit_mixtures
from models.interactions import NO_ITEM, Histories, Interactions
from models.kernels.compiled import loop
from models.knowledge import ItemKnowledge


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
        content = Content.of(knowledge, np.bincount(train.items, minlength=train.n_items), settings)
        mixtures = fit_mixtures(train, surprises, content.matrix, n_kinds, settings)
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
        apart = ((kinds - self.shares.ravel()) / len(self.shares)).astype(np.float32)
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
