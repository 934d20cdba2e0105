"""The simulated audience: how users react to recommended items, many (user, item) pairs at once.

Source: arXiv 2412.16984; three models judge a pair and vote. Beside the vote stands the calibrated probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.estimators.logistic import LogisticModel
from models.interactions import Histories, Interactions, last
from models.knowledge import ItemKnowledge
from models.response.evidence import Evidence
from models.response.features import Opinions, ResponseModels, feature_matrix
from models.response.sasrec.network import SASRec
from models.response.voting import majority
from models.simulation.patience import Patience

RewardMode = Literal["vote", "draw", "probability", "sasrec"]


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
        bool array of shape (b,): at least two of the three votes.
    probability
        float32 array of shape (b,): the calibrated P(like).
    """

    keyword_evidence: Evidence
    similarity_evidence: Evidence
    sasrec_probability: NDArray[np.float32]
    votes: NDArray[np.int8]
    like: NDArray[np.bool_]
    probability: NDArray[np.float32]

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
        patience: Patience | None = None,
    ) -> None:
        if not knowledge.n_items == interactions.n_items == models.sasrec.n_items:
            raise ValueError(
                f"knowledge of {knowledge.n_items} items, interactions over {interactions.n_items} and SASRec of "
                f"{models.sasrec.n_items} must be of one catalogue"
            )
        self.knowledge, self.interactions, self.models, self.ensemble = knowledge, interactions, models, ensemble
        self.max_history, self.patience = max_history, patience
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
            float64 array of shape (b, 2) in [0, 1): decide ties of the votes; see `toss`.
        states
            float32 array of shape (b, d): `SASRec.states` of these histories, where they are known.
        """
        opinions = self.models.opinions(users, items, last(histories, self.max_history), states)
        votes = opinions.votes(coins)
        return Responses(
            opinions.keyword_evidence,
            opinions.similarity_evidence,
            opinions.sasrec_probability,
            votes,
            majority(votes),
            self.probabilities(opinions),
        )

    def probabilities(self, opinions: Opinions) -> NDArray[np.float32]:
        """The calibrated P(like) of b opinions: float32 (b,)."""
        return self.ensemble.probabilities(feature_matrix(opinions.features, self.ensemble.names))


def reward(responses: Responses, mode: RewardMode, coins: NDArray[np.float64]) -> NDArray[np.float32]:
    """Reward of b reactions.

    Parameters
    ----------
    mode
        "vote": 1 for a like by vote, the paper's reward; "draw": 1 with the calibrated probability; "probability":
        that probability itself; "sasrec": 1 for a like by SASRec alone.
    coins
        float64 array of shape (b,) in [0, 1): decide "draw".

    Returns
    -------
    float32 array of shape (b,).
    """
    if mode == "vote":
        return responses.like.astype(np.float32)
    if mode == "draw":
        return (coins < responses.probability).astype(np.float32)
    if mode == "sasrec":
        return (responses.sasrec_probability >= 0.5).astype(np.float32)
    return responses.probability
