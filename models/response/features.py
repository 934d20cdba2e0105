"""The response models of a (user, candidate) pair, asked together: keyword matching, similarity, SASRec, bias.

Their opinions are what the paper's vote counts and what the stacking model sees as features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.estimators.baselines import Bias
from models.estimators.ease import EASE
from models.estimators.rating_factors import RatingFactors
from models.estimators.word_taste import WordTaste
from models.interactions import NO_ITEM, Histories, Interactions
from models.kernels.compiled import Plain, loop, plain
from models.kernels.threads import by_blocks
from models.response.evidence import Evidence
from models.response.keyword_matching import KeywordMatching
from models.response.sasrec.network import SASRec
from models.response.similarity import Similarity
from models.response.voting import LogicalModels, ask_voters, cast

FEATURE_NAMES = (
    "sasrec_logit",
    "statistics_logit",
    "factor_match",
    "user_effect",
    "item_effect",
    "keywords_for",
    "keywords_against",
    "keywords_balance",
    "similarity_for",
    "similarity_against",
    "similarity_balance",
    "pro_keyword_taste",
    "con_keyword_taste",
    "pro_similarity_taste",
    "con_similarity_taste",
    "history_size",
    "history_like_share",
    "word_taste",
    "ease_score",
)

# The parts of the simulator that the features come from.
FEATURE_GROUPS: dict[str, tuple[str, ...]] = {
    "sasrec": ("sasrec_logit",),
    "statistics": ("statistics_logit",),
    "factors": ("factor_match",),
    "words": ("word_taste",),
    "ease": ("ease_score",),
    "effects": ("user_effect", "item_effect"),
    "keywords": (
        "keywords_for",
        "keywords_against",
        "keywords_balance",
        "pro_keyword_taste",
        "con_keyword_taste",
    ),
    "similarity": (
        "similarity_for",
        "similarity_against",
        "similarity_balance",
        "pro_similarity_taste",
        "con_similarity_taste",
    ),
    "history": ("history_size", "history_like_share"),
}
LOGICAL = ("keywords", "similarity")  # what rests on the language model's keywords

# Parts that may say nothing: each has to pay for itself on validation pairs, or the stack keeps it out.
IN_DOUBT: tuple[tuple[str, ...], ...] = (
    tuple(name for group in LOGICAL for name in FEATURE_GROUPS[group]),
    FEATURE_GROUPS["words"],
    FEATURE_GROUPS["ease"],
)

# SASRec's logit and the match of factors: where the stack stays unless validation pairs say otherwise.
STACK_PRIOR = {"sasrec_logit": 1.0, "factor_match": 1.0}


@dataclass(frozen=True)
class Opinions:
    """What the models say of b pairs.

    Parameters
    ----------
    keyword_evidence, similarity_evidence
        Of b rows.
    sasrec_probability
        float32 array of shape (b,).
    features
        float32 array of shape (b, 19): the columns of `FEATURE_NAMES`.
    """

    keyword_evidence: Evidence
    similarity_evidence: Evidence
    sasrec_probability: NDArray[np.float32]
    features: NDArray[np.float32]

    @classmethod
    def concatenated(cls, parts: Sequence[Opinions]) -> Opinions:
        """Opinions of consecutive rows as one."""
        return cls(
            Evidence.concatenated([part.keyword_evidence for part in parts]),
            Evidence.concatenated([part.similarity_evidence for part in parts]),
            np.concatenate([part.sasrec_probability for part in parts]),
            np.concatenate([part.features for part in parts]),
        )

    def votes(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """int8 array of shape (b, 3); see `cast_votes`."""
        return cast_votes(self.keyword_evidence, self.similarity_evidence, self.sasrec_probability, rng)

    def vote_values(self) -> NDArray[np.float32]:
        """float32 array of shape (b, 3): the votes with each tie as 0.5."""
        return np.stack(
            [self.keyword_evidence.values(), self.similarity_evidence.values(), self.sasrec_probability >= 0.5], axis=1
        ).astype(np.float32)


def cast_votes(
    keywords: Evidence, similarity: Evidence, sasrec_probability: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.int8]:
    """int8 array of shape (b, 3): keyword matching, similarity, SASRec; each tie is decided by a coin.

    Two coins a row are thrown, tie or not, so that one row's evidence does not change another row's coin.
    """
    coins = rng.random(len(keywords)), rng.random(len(keywords))
    evidence = (keywords.positive, keywords.negative), (similarity.positive, similarity.negative)
    return cast(evidence, sasrec_probability, coins)


@dataclass(frozen=True)
class ResponseModels:
    """Fitted models of one dataset.

    Parameters
    ----------
    keyword_matching, similarity
        The logical models.
    sasrec
        The statistical model.
    bias
        User and item effects.
    factors
        Rating factors.
    words
        Tastes for the words of items.
    ease
        What reactions to other items say.
    """

    keyword_matching: KeywordMatching
    similarity: Similarity
    sasrec: SASRec
    bias: Bias
    factors: RatingFactors
    words: WordTaste
    ease: EASE

    def opinions(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        histories: Histories,
        states: NDArray[np.float32] | None = None,
    ) -> Opinions:
        """Ask every model.

        Parameters
        ----------
        users, items
            int64 arrays of shape (b,): user and candidate.
        histories
            b histories: what each user reacted to before.
        states
            float32 array of shape (b, d): `SASRec.states` of these histories, where they are known.
        """
        parts = by_blocks(
            lambda rows: self._opinions(
                users[rows], items[rows], histories[rows], None if states is None else states[rows]
            ),
            len(users),
        )
        return parts[0] if len(parts) == 1 else Opinions.concatenated(parts)

    def opinions_after(self, known: Interactions, pairs: Interactions, max_history: int) -> Opinions:
        """Opinions of pairs, whatever came of them, given the last `max_history` known interactions of their users."""
        parts = known.histories_by_parts(pairs.users, max_history)
        return Opinions.concatenated(
            [self.opinions(pairs.users[rows], pairs.items[rows], histories) for rows, histories in parts]
        )

    def of_voters(
        self,
        items: NDArray[np.int64],
        histories: Histories,
        coins: tuple[NDArray[np.float64], NDArray[np.float64]],
        states: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.bool_]]:
        """What the paper's vote rests on, as in `opinions`, without what only P(like) needs, and the vote.

        Parameters
        ----------
        items, histories, states
            As in `opinions`.
        coins
            float64 arrays of shape (b,) in [0, 1): they decide ties of keyword matching and of similarity.

        Returns
        -------
        As of `ask_voters`.
        """
        known = self.sasrec.states(histories) if states is None else states
        models = self.voters(items)
        logical, statistical = histories.arrays(), self.sasrec.statistics.remembered(histories)
        parts = by_blocks(
            lambda rows: ask_voters(
                models,
                items[rows],
                (logical.of(rows), statistical.of(rows)),
                known[rows],
                (coins[0][rows], coins[1][rows]),
            ),
            len(items),
        )
        if len(parts) == 1:
            return parts[0]
        found, votes, likes = zip(*parts, strict=True)
        return np.concatenate(found, axis=1), np.concatenate(votes), np.concatenate(likes)

    def voters(self, items: NDArray[np.int64]) -> tuple[Plain, Plain]:
        """What `ask_voters` asks about items, int64 (b,)."""
        self.similarity.cosines(items)  # known from now on
        return self._logical, self.sasrec.pair_model

    @cached_property
    def _logical(self) -> Plain:
        keywords, similarity = self.keyword_matching, self.similarity
        nothing_yet = similarity.cosines(np.zeros(0, dtype=np.int64))
        return plain(LogicalModels(keywords.sides, keywords.categories.words, nothing_yet, similarity.neutral))

    def _opinions(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        histories: Histories,
        states: NDArray[np.float32] | None,
    ) -> Opinions:
        surprises = self.sasrec.statistics.surprises(histories)
        features = np.empty((len(items), len(FEATURE_NAMES)), dtype=np.float32)
        statistics_logit = self.sasrec.statistics.logits(items, histories)
        features[:, 0] = self.sasrec.pair_logits(items, histories, statistics_logit, states)
        features[:, 1] = statistics_logit
        features[:, 2] = self.factors.matches(items, histories, surprises)
        features[:, 17] = self.words.tastes(items, histories, surprises)
        features[:, 18] = self.ease.scores(items, histories)
        features[:, 3], features[:, 4] = self.bias.user_effects[users], self.bias.item_effects[items]
        keywords, similarity = self.ask_logical(items, histories, surprises, features)
        return Opinions(keywords, similarity, expit(features[:, 0]), features)

    def ask_logical(
        self,
        items: NDArray[np.int64],
        histories: Histories,
        surprises: NDArray[np.float32],
        features: NDArray[np.float32],
    ) -> tuple[Evidence, Evidence]:
        """Ask keyword matching and similarity alone.

        Parameters
        ----------
        items
            int64 array of shape (b,): candidates.
        histories
            b histories.
        surprises
            float32 array of shape (b, l): `ReactionStatistics.surprises` of these histories.
        features
            float32 array of shape (b, 19): what rests on keywords, and on the history's size, is written into it.

        Returns
        -------
        Evidence of keyword matching and of similarity.
        """
        keywords, keyword_tastes = self.keyword_matching.scores_and_tastes(items, histories, surprises)
        similarity, similarity_tastes = self.similarity.scores_and_tastes(items, histories, surprises)
        features[:, 11:13], features[:, 13:15] = keyword_tastes, similarity_tastes
        found = (keywords.positive, keywords.negative), (similarity.positive, similarity.negative)
        _complete(features, *found, histories.items, histories.likes)
        return keywords, similarity


@loop
def _complete(
    features: NDArray[np.float32],
    keywords: tuple[NDArray[np.float32], NDArray[np.float32]],
    similarity: tuple[NDArray[np.float32], NDArray[np.float32]],
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
) -> None:
    """Write the columns that evidence for and against and the history's size come to, in the order of the names."""
    for row in range(len(features)):
        columns, count, liked = features[row], 0, 0
        for t in range(items.shape[1]):
            count += items[row, t] != NO_ITEM
            liked += likes[row, t]
        columns[5], columns[6] = np.log1p(keywords[0][row]), np.log1p(keywords[1][row])
        columns[7] = columns[5] - columns[6]
        columns[8], columns[9] = similarity[0][row], similarity[1][row]
        columns[10] = columns[8] - columns[9]
        columns[15], columns[16] = np.log1p(count), (liked + 1) / (count + 2)
