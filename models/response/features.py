"""The response models of a (user, candidate) pair, asked together: one function from pairs to named features.

Evidence and SASRec's answer are what the paper's vote counts; all features together are what the stack weighs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.estimators.baselines import Bias
from models.estimators.ease import EASE
from models.estimators.rating_factors import RatingFactors
from models.estimators.recent_categories import CategoryRecency
from models.estimators.user_kinds import UserKinds
from models.estimators.word_taste import WordTaste
from models.interactions import Histories, Interactions
from models.kernels.threads import by_blocks
from models.knowledge import ItemKnowledge
from models.response.evidence import Evidence
from models.response.keyword_matching import KeywordMatching
from models.response.sasrec.network import SASRec
from models.response.similarity import Similarity, similarity_taste
from models.response.voting import cast_votes

Features = Mapping[str, NDArray[np.float32]]
"""Values of b pairs by the feature's name: float32 arrays of shape (b,)."""

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
    "user_kinds",
    "history_size",
    "history_like_share",
    "recent_category_logit",
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
    "kinds": ("user_kinds",),
    "history": ("history_size", "history_like_share", "recent_category_logit"),
}
LOGICAL = ("keywords", "similarity")  # what rests on the language model's keywords

# Parts that may say nothing: each has to pay for itself on validation pairs, or the stack keeps it out.
IN_DOUBT: tuple[tuple[str, ...], ...] = (
    tuple(name for group in LOGICAL for name in FEATURE_GROUPS[group]),
    FEATURE_GROUPS["words"],
    FEATURE_GROUPS["ease"],
)

# Where the stack stays unless validation pairs say otherwise.
STACK_PRIOR = {"sasrec_logit": 1.0, "factor_match": 1.0, "recent_category_logit": 1.0}

# Where it stays whatever they say: each train row is described by what came right before it, validation rows by what
# came before all of them, and there are far fewer of them.
HELD = ("recent_category_logit",)


def feature_matrix(features: Features, names: Sequence[str] = FEATURE_NAMES) -> NDArray[np.float32]:
    """The named features side by side: float32 (b, f)."""
    return np.stack([features[name] for name in names], axis=1)


@dataclass(frozen=True)
class Opinions:
    """What the models say of b pairs.

    Parameters
    ----------
    keyword_evidence, similarity_evidence
        Of b rows.
    features
        Those of `FEATURE_NAMES`.
    """

    keyword_evidence: Evidence
    similarity_evidence: Evidence
    features: Features

    @classmethod
    def concatenated(cls, parts: Sequence[Opinions]) -> Opinions:
        """Opinions of consecutive rows as one."""
        return cls(
            Evidence.concatenated([part.keyword_evidence for part in parts]),
            Evidence.concatenated([part.similarity_evidence for part in parts]),
            {name: np.concatenate([part.features[name] for part in parts]) for name in parts[0].features},
        )

    def __getitem__(self, rows: NDArray[np.int64]) -> Opinions:
        features = {name: values[rows] for name, values in self.features.items()}
        return Opinions(self.keyword_evidence[rows], self.similarity_evidence[rows], features)

    @property
    def sasrec_probability(self) -> NDArray[np.float32]:
        """SASRec's P(like): float32 array of shape (b,)."""
        return expit(self.features["sasrec_logit"])

    def votes(self, coins: NDArray[np.float64]) -> NDArray[np.int8]:
        """int8 array of shape (b, 3); see `cast_votes`."""
        return cast_votes(self.keyword_evidence, self.similarity_evidence, self.sasrec_probability, coins)

    def vote_values(self) -> NDArray[np.float32]:
        """float32 array of shape (b, 3): the votes with each tie as 0.5."""
        values = (self.keyword_evidence.values(), self.similarity_evidence.values(), self.sasrec_probability >= 0.5)
        return np.stack(values, axis=1).astype(np.float32)


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
    recency
        What recent reactions to the same categories say.
    kinds
        What users with the same reactions say.
    """

    keyword_matching: KeywordMatching
    similarity: Similarity
    sasrec: SASRec
    bias: Bias
    factors: RatingFactors
    words: WordTaste
    ease: EASE
    recency: CategoryRecency
    kinds: UserKinds

    def with_knowledge(self, knowledge: ItemKnowledge, items: NDArray[np.int64] | None = None) -> ResponseModels:
        """The same models where other keywords speak for and against items.

        Parameters
        ----------
        knowledge
            Of n items.
        items
            int64 array of shape (n,): which items these are; all, in their order, by default.
        """
        return replace(
            self,
            keyword_matching=KeywordMatching(knowledge, self.keyword_matching.rarities),
            similarity=Similarity(knowledge, self.similarity.neutral),
            kinds=self.kinds.knowing(knowledge, items),
        )

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

    def opinions_after(self, past: Interactions, pairs: Interactions, max_history: int) -> Opinions:
        """Opinions of pairs, whatever came of them, given the last `max_history` past interactions of their users."""
        parts = past.histories_by_parts(pairs.users, max_history)
        return Opinions.concatenated(
            [self.opinions(pairs.users[rows], pairs.items[rows], histories) for rows, histories in parts]
        )

    def logical_opinions(
        self, items: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> Opinions:
        """What rests on keywords: both kinds of evidence, the features of `LOGICAL` groups, and kinds of users.

        Parameters
        ----------
        items
            int64 array of shape (b,): candidates.
        histories
            b histories.
        surprises
            float32 array of shape (b, l): `ReactionStatistics.surprises` of these histories.
        """
        relevant = self.keyword_matching.relevant(items, histories)
        keywords = self.keyword_matching.evidence(items, histories, relevant)
        cosines = self.similarity.cosines(items, histories)
        similarity = self.similarity.evidence(cosines, histories, relevant)
        keywords_for, keywords_against = np.log1p(keywords.positive), np.log1p(keywords.negative)
        pro_taste, con_taste = self.keyword_matching.tastes(items, histories, surprises)
        features = {
            "keywords_for": keywords_for,
            "keywords_against": keywords_against,
            "keywords_balance": keywords_for - keywords_against,
            "similarity_for": similarity.positive,
            "similarity_against": similarity.negative,
            "similarity_balance": similarity.positive - similarity.negative,
            "pro_keyword_taste": pro_taste,
            "con_keyword_taste": con_taste,
            "pro_similarity_taste": similarity_taste(cosines[0], surprises),
            "con_similarity_taste": similarity_taste(cosines[1], surprises),
            "user_kinds": self.kinds.matches(items, histories, surprises),
        }
        return Opinions(keywords, similarity, features)

    def _opinions(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        histories: Histories,
        states: NDArray[np.float32] | None,
    ) -> Opinions:
        statistics = self.sasrec.statistics
        surprises, statistics_logit = statistics.surprises(histories), statistics.logits(items, histories)
        logical = self.logical_opinions(items, histories, surprises)
        sizes, likes = histories.mask.sum(axis=1), histories.likes.sum(axis=1)
        features = {
            **logical.features,
            "sasrec_logit": self.sasrec.pair_logits(items, histories, statistics_logit, states),
            "statistics_logit": statistics_logit,
            "factor_match": self.factors.matches(items, histories, surprises),
            "user_effect": self.bias.user_effects[users],
            "item_effect": self.bias.item_effects[items],
            "history_size": np.log1p(sizes).astype(np.float32),
            "history_like_share": ((likes + 1) / (sizes + 2)).astype(np.float32),
            "recent_category_logit": self.recency.logits(items, histories),
            "word_taste": self.words.tastes(items, histories, surprises),
            "ease_score": self.ease.scores(items, histories),
        }
        return Opinions(logical.keyword_evidence, logical.similarity_evidence, features)
