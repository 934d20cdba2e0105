"""The simulated audience: how users react to recommended items, many (user, item) pairs at once.

A reaction is drawn from the calibrated P(like). The paper (arXiv 2412.16984) takes the vote of three models instead,
which stands beside it.

No one probability is calibrated for both what users chose to rate and what a recommender shows them, hence two:

- `rated`: P(like) of what the user rates; the fidelity card scores it,
- `shown`: P(like) of what the user is shown (models/response/exposure.py); reactions in sessions are drawn from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.estimators.logistic import LogisticModel
from models.interactions import Histories, Interactions, last
from models.knowledge import ItemKnowledge
from models.response.evidence import Evidence
from models.response.features import Opinions, ResponseModels, feature_matrix
from models.response.sasrec.network import SASRec
from models.response.voting import majority
from models.simulation.patience import Patience

ReactionMode = Literal["draw", "vote", "sasrec"]
RewardMode = Literal["probability", "reaction"]
COINS = 3  # of a pair: two for tied votes, one for the reaction


@dataclass(frozen=True)
class Responses:
    """Reactions to b candidates and what they rest on.

    Parameters
    ----------
    keyword_evidence, similarity_evidence
        Of b rows.
    sasrec_probability
        float32 array of shape (b,).
    votes
        int8 array of shape (b, 3): keyword matching, similarity, SASRec.
    like
        bool array of shape (b,): the reactions, drawn from `probability`.
    probability, rated_probability
        float32 arrays of shape (b,): the calibrated P(like) of what the user is shown, and of what the user rates.
    """

    keyword_evidence: Evidence
    similarity_evidence: Evidence
    sasrec_probability: NDArray[np.float32]
    votes: NDArray[np.int8]
    like: NDArray[np.bool_]
    probability: NDArray[np.float32]
    rated_probability: NDArray[np.float32]

    @property
    def vote(self) -> NDArray[np.bool_]:
        """bool array of shape (b,): at least two of the three votes."""
        return majority(self.votes)

    def reacting(self, mode: ReactionMode) -> Responses:
        """The same where the reaction is "draw": drawn; "vote": the vote; "sasrec": SASRec's answer."""
        if mode == "draw":
            return self
        return replace(self, like=self.vote if mode == "vote" else self.sasrec_probability >= 0.5)

    def __len__(self) -> int:
        return len(self.like)

    def __getitem__(self, rows: NDArray[np.int64]) -> Responses:
        return Responses(
            self.keyword_evidence[rows],
            self.similarity_evidence[rows],
            self.sasrec_probability[rows],
            self.votes[rows],
            self.like[rows],
            self.probability[rows],
            self.rated_probability[rows],
        )


class UserSimulator:
    """Simulated users of one dataset.

    Parameters
    ----------
    knowledge
        Keywords, embeddings and categories of all items.
    interactions
        The training interactions, which histories start from.
    models
        The fitted response models.
    ensemble
        The fitted stack of their opinions.
    max_history
        Last interactions that any model looks at.
    selection
        What is taken from the logit of P(like) where the user did not choose the item; see models/response/exposure.py.
    patience
        How long the users stay, where that could be learned.

    Raises
    ------
    ValueError
        Where the parts are not of one catalogue.
    """

    def __init__(
        self,
        knowledge: ItemKnowledge,
        interactions: Interactions,
        models: ResponseModels,
        ensemble: LogisticModel,
        max_history: int,
        *,
        selection: float = 0.0,
        patience: Patience | None = None,
    ) -> None:
        if not knowledge.n_items == interactions.n_items == models.sasrec.n_items:
            raise ValueError(
                f"knowledge of {knowledge.n_items} items, interactions over {interactions.n_items} and SASRec of "
                f"{models.sasrec.n_items} must be of one catalogue"
            )
        self.knowledge, self.interactions, self.models, self.ensemble = knowledge, interactions, models, ensemble
        self.max_history, self.selection, self.patience = max_history, selection, patience
        self.n_users, self.n_items = interactions.n_users, interactions.n_items

    @property
    def sasrec(self) -> SASRec:
        """The statistical model, whose states and item vectors agents may use."""
        return self.models.sasrec

    def respond(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        histories: Histories,
        coins: NDArray[np.float64],
        states: NDArray[np.float32] | None = None,
    ) -> Responses:
        """How users react to items.

        Parameters
        ----------
        users, items
            int64 arrays of shape (b,): who is shown what.
        histories
            b histories: what each user reacted to before, the running session included.
        coins
            float64 array of shape (b, 3) in [0, 1): two decide tied votes, the last one the reaction; see `coins`.
        states
            float32 array of shape (b, d): `SASRec.states` of these histories, where they are known.
        """
        opinions = self.models.opinions(users, items, last(histories, self.max_history), states)
        shown = self.shown_probabilities(opinions)
        return Responses(
            opinions.keyword_evidence,
            opinions.similarity_evidence,
            opinions.sasrec_probability,
            opinions.votes(coins[:, :2]),
            coins[:, 2] < shown,
            shown,
            self.rated_probabilities(opinions),
        )

    def rated_probabilities(self, opinions: Opinions) -> NDArray[np.float32]:
        """The calibrated P(like) of b opinions on what the user rates: float32 (b,)."""
        return expit(self._logits(opinions))

    def shown_probabilities(self, opinions: Opinions) -> NDArray[np.float32]:
        """The same of what the user is shown."""
        return expit(self._logits(opinions) - np.float32(self.selection))

    def _logits(self, opinions: Opinions) -> NDArray[np.float32]:
        return self.ensemble.logits(feature_matrix(opinions.features, self.ensemble.names))


def coins(rng: np.random.Generator, b: int) -> NDArray[np.float64]:
    """Coins for b pairs of `UserSimulator.respond`: float64 (b, 3)."""
    return rng.random((COINS, b)).T


def reward(responses: Responses, mode: RewardMode) -> NDArray[np.float32]:
    """Reward of b reactions, float32 (b,): "reaction" is 1 for a like, "probability" has less variance."""
    return responses.probability if mode == "probability" else responses.like.astype(np.float32)
