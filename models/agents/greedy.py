"""The upper lines: policies that ask the simulator itself which item would earn most now, by vote or by probability."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from models.agents.policies import Policy
from models.simulation.session import Sessions
from models.simulation.simulator import COINS, Responses

_PAIRS_AT_ONCE = 8192


class _AskingPolicy(Policy):
    """Asks the simulator about every open item, which takes its time where these are many."""

    @abstractmethod
    def worth(self, responses: Responses) -> NDArray[np.float32]:
        """What recommending brings, float32 (b,)."""

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """What each open item brings; -inf for others."""
        scores = np.full(sessions.seen.shape, -np.inf, dtype=np.float32)
        states = sessions.simulator.sasrec.states(sessions.histories)
        rows, actions = np.nonzero(~sessions.closed)
        for start in range(0, len(rows), _PAIRS_AT_ONCE):
            part, places = rows[start : start + _PAIRS_AT_ONCE], actions[start : start + _PAIRS_AT_ONCE]
            responses = sessions.simulator.respond(
                sessions.users[part],
                sessions.catalogue[places],
                sessions.histories[part],
                np.zeros((len(part), COINS)),  # reactions are not looked at
                states[part],
            )
            scores[part, places] = self.worth(responses)
        return scores


class GreedyPolicy(_AskingPolicy):
    """The item with the highest expected vote; among equals the one that SASRec finds likeliest."""

    def worth(self, responses: Responses) -> NDArray[np.float32]:
        """Expected vote, plus SASRec's P(like) scaled down to decide between equals only."""
        keywords, similarity = responses.keyword_evidence.values(), responses.similarity_evidence.values()
        votes = expected_vote(keywords, similarity, responses.sasrec_probability >= 0.5)
        return (votes + 0.01 * responses.sasrec_probability).astype(np.float32)


class GreedyEnsemblePolicy(_AskingPolicy):
    """The item with the highest calibrated probability."""

    def worth(self, responses: Responses) -> NDArray[np.float32]:
        """The ensemble's P(like)."""
        return responses.probability


def expected_vote(
    keywords: NDArray[np.float32], similarity: NDArray[np.float32], sasrec: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """P(at least two of three votes) where 0.5 is a tied vote, decided by its own coin: float32, shape as given."""
    both, either = keywords * similarity, keywords + similarity - keywords * similarity
    return np.where(sasrec, either, both).astype(np.float32)
