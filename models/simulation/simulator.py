"""The simulated audience: how users react to recommended items, many (user, item) pairs at once.

Source: arXiv 2412.16984; three models judge a pair and vote. Beside the vote stands the calibrated probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from models.device.simulator import Answers, DeviceSimulator
from models.estimators.logistic import Ensemble, majority
from models.interactions import Histories, Interactions, last
from models.knowledge import ItemKnowledge
from models.response.evidence import Evidence
from models.response.features import ResponseModels, cast_votes
from models.response.sasrec.network import SASRec
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
        float32 array of shape (b,): the calibrated P(like); NaN where it was not asked for.
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
        keyword, similarity = (
            Evidence(part.positive[rows], part.negative[rows])
            for part in (self.keyword_evidence, self.similarity_evidence)
        )
        return Responses(
            keyword,
            similarity,
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

    Attributes
    ----------
    on_device
        What answers on another device than the CPU; see `to`.

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
        ensemble: Ensemble,
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
        self.on_device: DeviceSimulator | None = None

    def to(self, device: torch.device | str) -> Self:
        """The same users, answering on a GPU ("cuda") from now on, or on the CPU ("cpu"); returns itself.

        Answers agree within 1e-4 of a probability. On a GPU, ask for thousands of pairs at a time.

        Raises
        ------
        ValueError
            Where PyTorch finds no such device.
        """
        kind = torch.device(device).type
        if kind == "cuda" and not torch.cuda.is_available():
            raise ValueError(
                f"device {device}: found PyTorch {torch.__version__} without a GPU; install its CUDA build on "
                "a machine with an NVIDIA GPU, or take cpu"
            )
        parts = self.knowledge, self.models, self.ensemble
        self.on_device = None if kind == "cpu" else DeviceSimulator(*parts, device)
        return self

    @property
    def sasrec(self) -> SASRec:
        """The statistical model, whose states and item vectors agents may use."""
        return self.models.sasrec

    def states(self, histories: Histories) -> NDArray[np.float32]:
        """SASRec's states after each of b histories, float32 (b, d), from wherever the users answer."""
        if self.on_device is None:
            return self.sasrec.states(histories)
        return self.on_device.states(histories).numpy(force=True)

    def respond(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        histories: Histories,
        rng: np.random.Generator,
        states: NDArray[np.float32] | None = None,
        *,
        calibrated: bool = True,
    ) -> Responses:
        """How users react to items.

        Parameters
        ----------
        users, items
            int64 arrays of shape (b,): who is shown what.
        histories
            b histories: what each user reacted to before, the running session included.
        rng
            Decides ties of the votes; two coins a row are thrown, ties or not.
        states
            float32 array of shape (b, d): `SASRec.states` of these histories, where they are known.
        calibrated
            Whether P(like) is asked for; the votes alone take less time.
        """
        histories = last(histories, self.max_history)
        if self.on_device is not None:
            return self._answered(self.on_device.respond(users, items, histories, states), rng)
        if not calibrated:
            coins = rng.random(len(items)), rng.random(len(items))
            found, votes, likes = self.models.of_voters(items, histories, coins, states)
            keywords, similarity = Evidence(found[0], found[1]), Evidence(found[2], found[3])
            return Responses(keywords, similarity, found[4], votes, likes, found[5])
        opinions = self.models.opinions(users, items, histories, states)
        votes = opinions.votes(rng)
        return Responses(
            opinions.keyword_evidence,
            opinions.similarity_evidence,
            opinions.sasrec_probability,
            votes,
            majority(votes),
            self.ensemble.probabilities(opinions.features),
        )

    @staticmethod
    def _answered(answers: Answers, rng: np.random.Generator) -> Responses:
        """Responses from a device's answers; the coins are thrown here, so that they are those of any device."""
        columns = (*answers.keyword_evidence, *answers.similarity_evidence, answers.features[:, 0], answers.probability)
        found = torch.stack(columns).numpy(force=True)
        keywords, similarity, sasrec = Evidence(found[0], found[1]), Evidence(found[2], found[3]), expit(found[4])
        votes = cast_votes(keywords, similarity, sasrec, rng)
        return Responses(keywords, similarity, sasrec, votes, majority(votes), found[5])


def reward(responses: Responses, mode: RewardMode, rng: np.random.Generator) -> NDArray[np.float32]:
    """Reward of b reactions.

    Parameters
    ----------
    mode
        "vote": 1 for a like by vote, the paper's reward; "draw": 1 with the calibrated probability; "probability":
        that probability itself; "sasrec": 1 for a like by SASRec alone.
    rng
        Used by "draw".

    Returns
    -------
    float32 array of shape (b,).
    """
    if mode == "vote":
        return responses.like.astype(np.float32)
    if mode == "draw":
        return (rng.random(len(responses)) < responses.probability).astype(np.float32)
    if mode == "sasrec":
        return (responses.sasrec_probability >= 0.5).astype(np.float32)
    return responses.probability
