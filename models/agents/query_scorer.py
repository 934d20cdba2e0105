"""What an agent chooses among candidates by, or points at an item with: a query that starts as the user's own vector.

    query_j(s) = w u + f_j(s),   logit_j(k) = c <query_j(s), x_k>,   the action of the space of items = query_1(s)

u is the user's unit vector in the space of items (models/simulation/item_space.py), x_k a candidate's, j the place in
a slate. w
starts at 1 and f at zero: the agent begins by recommending what is nearest and learns what the reward adds. Candidates
are told apart by their vectors only, so what is learned holds for any of them, in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.agents.policies import Policy
from models.simulation.session import Sessions

_MASKED_LOGIT = -1e8  # its probability is exactly 0
_SCALE = 3.0  # so that an agent tries what is far, too: with 10 some never saw that what is nearest earned nothing


@dataclass(frozen=True)
class QueryPrior:
    """Shapes of the actions: what the network starts from is in the observation.

    Parameters
    ----------
    vector_size
        v.
    n_candidates
        K; 0 where the action is a point.
    places
        Of a slate; 1 where there is none.
    """

    vector_size: int
    n_candidates: int
    places: int

    @classmethod
    def of(cls, sessions: Sessions) -> QueryPrior:
        """The shapes that the action space of `sessions` has."""
        offered = sessions.offered.shape[1] if sessions.settings.offers else 0
        places = min(sessions.settings.slate_size, offered) if sessions.settings.actions == "slate" else 1
        return cls(sessions.item_space.size, offered, places)

    def state_size(self, features_size: int) -> int:
        """Length p + v of a state."""
        return features_size - self.n_candidates * (self.vector_size + 1)

    def parts(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (b, p + v + K v + K) as state (b, p + v) and seen candidates (b, K), or one zero."""
        state = features[:, : self.state_size(features.shape[1])]
        if not self.n_candidates:
            return state, features.new_zeros((len(features), 1))
        return state, features[:, -self.n_candidates :]

    def scorer(self, features_size: int, hidden: int, scale: float) -> QueryScorer:
        """A network for features of that size; see `QueryScorer`."""
        return QueryScorer(self, self.state_size(features_size) - self.vector_size, hidden, scale)


class QueryScorer(nn.Module):
    """Logits (b, places K) of candidates from features, or points (b, v).

    Parameters
    ----------
    prior
        Shapes.
    user_size
        p, the length of the observation "user".
    hidden
        Width of the hidden layer of f.
    scale
        Of the logits at first.
    """

    def __init__(self, prior: QueryPrior, user_size: int, hidden: int, scale: float = 1.0) -> None:
        super().__init__()
        self.prior, self.user_size, self.hidden = prior, user_size, hidden
        v = prior.vector_size
        self.weights = nn.Parameter(torch.ones(v))
        self.log_scale = nn.Parameter(torch.tensor([float(np.log(scale * _SCALE))]))
        last = nn.Linear(hidden, prior.places * v)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.shift = nn.Sequential(nn.Linear(user_size + v, hidden), nn.Tanh(), last)

    def queries(self, state: Tensor) -> Tensor:
        """A point for each place: (b, places, v)."""
        own = state[:, self.user_size :] * self.weights
        return own[:, None] + self.shift(state).unflatten(1, (self.prior.places, self.prior.vector_size))

    def unmasked(self, features: Tensor) -> Tensor:
        """Logits (b, places K), nothing masked; the point (b, v) where there are no candidates."""
        prior, (state, _) = self.prior, self.prior.parts(features)
        queries = self.queries(state)
        if not prior.n_candidates:
            return queries[:, 0]
        start, length = state.shape[1], prior.n_candidates * prior.vector_size
        vectors = features[:, start : start + length].unflatten(1, (prior.n_candidates, prior.vector_size))
        return (self.log_scale.exp() * queries @ vectors.transpose(1, 2)).flatten(1)

    def forward(self, features: Tensor) -> Tensor:
        """As `unmasked`, with seen candidates masked."""
        if not self.prior.n_candidates:
            return self.unmasked(features)
        seen = self.prior.parts(features)[1].repeat(1, self.prior.places)
        return self.unmasked(features).masked_fill(seen > 0, _MASKED_LOGIT)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All learned values, for a checkpoint."""
        return {name: tensor.numpy(force=True).copy() for name, tensor in self.state_dict().items()}

    def set_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the values of `arrays`, of this network's names and shapes."""
        self.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})


class QueryPolicy(Policy):
    """What an agent learned that chooses among candidates or points at items.

    Parameters
    ----------
    scorer
        Its network, for sessions with the same action space.
    """

    def __init__(self, scorer: QueryScorer) -> None:
        self.scorer = scorer

    def scores(self, sessions: Sessions) -> NDArray[np.float32]:
        """Logits of the candidates, -inf elsewhere; inner products with the point where there are none.

        Raises
        ------
        ValueError
            Where the sessions have another action space than the network.
        """
        answers = self._answers(sessions)
        if not sessions.settings.offers:
            return answers @ sessions.item_space.vectors.T
        scores = np.full(sessions.seen.shape, -np.inf, dtype=np.float32)
        np.put_along_axis(scores, sessions.offered, answers[:, : sessions.offered.shape[1]], axis=1)
        return scores

    def actions(self, sessions: Sessions) -> NDArray[np.int64]:
        """The best candidate, the item nearest to the point, or place by place the best candidate not yet shown."""
        if sessions.settings.actions == "embedding":
            return sessions.action_space.resolve(sessions, self._answers(sessions).clip(-1, 1))
        if sessions.settings.actions != "slate":
            return super().actions(sessions)
        offered = sessions.offered
        logits = self._answers(sessions).reshape(len(sessions), self.scorer.prior.places, -1)
        chosen = np.zeros(logits.shape[:2], dtype=np.int64)
        rows = np.arange(len(sessions))
        for place in range(logits.shape[1]):
            chosen[:, place] = logits[:, place].argmax(axis=1)
            logits[rows, :, chosen[:, place]] = -np.inf
        return np.take_along_axis(offered, chosen, axis=1)

    def _answers(self, sessions: Sessions) -> NDArray[np.float32]:
        prior = self.scorer.prior
        if sessions.settings.actions == "catalogue" or QueryPrior.of(sessions) != prior:
            raise ValueError(
                f"the policy was trained for {prior}; use the environment settings that it was trained with"
            )
        observations = sessions.observations()
        parts = [observations[name] for name in ("user", "taste", "candidates", "seen") if name in observations]
        features = torch.from_numpy(np.concatenate(parts, axis=1, dtype=np.float32))
        with torch.inference_mode():
            return self.scorer(features).numpy()
