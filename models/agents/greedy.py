"""The upper lines: policies that ask the simulator itself which item would earn most now, by vote or by probability.

Asking `UserSimulator.respond` for every item of the catalogue would cost a history look-up a pair. Here keyword
overlaps, shared categories and cosines between all pairs of items are computed once, and a session's evidence for the
whole catalogue is sums and maxima over look-ups. It takes about 17 bytes of memory a pair of an item and an action.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.agents.policies import Policy
from models.interactions import Histories
from models.response.evidence import Evidence
from models.response.similarity import settle
from models.simulation.session import SessionBatch
from models.simulation.settings import EnvironmentSettings, catalogue
from models.simulation.simulator import Responses, UserSimulator

_SESSIONS_AT_ONCE = 32
_PAIRS_AT_ONCE = 4096
_MOST_TABLED = 50_000_000  # pairs of an item and an action: 850 MB


class GreedyPolicy(Policy):
    """The item with the highest expected vote; among equals the one that SASRec finds likeliest.

    Parameters
    ----------
    simulator
        The audience, whose models it looks into.
    catalogue_size
        Number of actions, as in `EnvironmentSettings`.
    """

    def __init__(self, simulator: UserSimulator, catalogue_size: int | None) -> None:
        knowledge, actions = simulator.knowledge, catalogue(simulator, catalogue_size)
        self._simulator, self._actions = simulator, actions
        self._shared = _shared(knowledge.categories, actions) > 0  # each (n_items, n_actions)
        self._pro, self._con = _shared(knowledge.pro, actions), _shared(knowledge.con, actions)
        self._pro_cosines = _cosines(knowledge.pro_vectors, actions)
        self._con_cosines = _cosines(knowledge.con_vectors, actions)

    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        """Expected vote, plus SASRec's P(like) scaled down to decide between equals only."""
        sasrec = self._simulator.sasrec.catalogue_probabilities(sessions.histories)[:, self._actions]
        keywords, similarity = self.evidence(sessions.histories)
        votes = expected_vote(keywords.values(), similarity.values(), sasrec >= 0.5)
        return (votes + 0.01 * sasrec).astype(np.float32)

    def evidence(self, histories: Histories) -> tuple[Evidence, Evidence]:
        """Keyword and similarity evidence for each action, of shape (b, n_actions) each."""
        parts = [
            self._evidence(histories[start : start + _SESSIONS_AT_ONCE])
            for start in range(0, len(histories), _SESSIONS_AT_ONCE)
        ]
        return tuple(
            Evidence(
                np.concatenate([part[which].positive for part in parts]),
                np.concatenate([part[which].negative for part in parts]),
            )
            for which in (0, 1)
        )  # type: ignore[return-value]  # two of them

    def _evidence(self, histories: Histories) -> tuple[Evidence, Evidence]:
        items, mask = histories.items, histories.mask
        relevant = self._shared[items] & mask[:, :, None]  # (b, l, n_actions)
        relevant = np.where(relevant.any(axis=1, keepdims=True), relevant, mask[:, :, None])
        liked, disliked = relevant & histories.likes[:, :, None], relevant & ~histories.likes[:, :, None]
        keywords = Evidence(_sum(self._pro[items], liked), _sum(self._con[items], disliked))
        similarity = settle(
            _highest(self._pro_cosines[items], liked),
            _highest(self._con_cosines[items], disliked),
            self._simulator.models.similarity.neutral,
        )
        return keywords, similarity


class _AskingPolicy(Policy):
    """Asks the simulator about every open item, which takes its time where these are many."""

    @abstractmethod
    def worth(self, responses: Responses) -> NDArray[np.float32]:
        """What recommending brings, float32 (b,)."""

    def scores(self, sessions: SessionBatch) -> NDArray[np.float32]:
        """What each open item brings; -inf for others."""
        scores = np.full(sessions.seen.shape, -np.inf, dtype=np.float32)
        coins = np.random.default_rng(0)  # votes are thrown and not looked at
        rows, actions = np.nonzero(~sessions.closed)
        for start in range(0, len(rows), _PAIRS_AT_ONCE):
            part, places = rows[start : start + _PAIRS_AT_ONCE], actions[start : start + _PAIRS_AT_ONCE]
            responses = sessions.simulator.respond(
                sessions.users[part], sessions.catalogue[places], sessions.histories[part], coins
            )
            scores[part, places] = self.worth(responses)
        return scores


class GreedyAskingPolicy(_AskingPolicy):
    """As `GreedyPolicy`, without its tables: what it costs grows with the number of open items, or of candidates."""

    def worth(self, responses: Responses) -> NDArray[np.float32]:
        """Expected vote, plus SASRec's P(like) scaled down to decide between equals only."""
        keywords, similarity = responses.keyword_evidence.values(), responses.similarity_evidence.values()
        votes = expected_vote(keywords, similarity, responses.sasrec_probability >= 0.5)
        return (votes + 0.01 * responses.sasrec_probability).astype(np.float32)


def greedy_policy(simulator: UserSimulator, environment: EnvironmentSettings, most: int = _MOST_TABLED) -> Policy:
    """The upper line by vote: from tables where they pay and have no more than `most` pairs, else by asking."""
    n_actions = len(catalogue(simulator, environment.catalogue_size))
    if environment.offers or simulator.n_items * n_actions > most:
        return GreedyAskingPolicy()
    return GreedyPolicy(simulator, environment.catalogue_size)


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


def _shared(membership: csr_array, actions: NDArray[np.int64]) -> NDArray[np.float32]:
    """Members that each item's set shares with each action's: float32 (n_items, n_actions)."""
    return (membership @ membership[actions].T).toarray().astype(np.float32)


def _cosines(vectors: NDArray[np.float32], actions: NDArray[np.int64]) -> NDArray[np.float32]:
    """Cosines of unit or zero vectors, -inf where either is zero: float32 (n_items, n_actions)."""
    present = (vectors != 0).max(axis=1, keepdims=True)  # (n_items, 1)
    both = present & present[actions].T
    return np.where(both, vectors @ vectors[actions].T, -np.inf).astype(np.float32)


def _sum(values: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(chosen, values, 0).sum(axis=1, dtype=np.float32)


def _highest(values: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(chosen, values, -np.inf).max(axis=1, initial=-np.inf).astype(np.float32)
