"""What an agent may do in a step: how its action becomes items, and what it sees to choose by.

- catalogue: one of all items, the paper's.
- candidates: one of the K items nearest to the user (models/simulation/item_space.py), a share of them drawn at random
  so that nothing stays out of reach. Two stages, as in large recommenders (Covington et al., RecSys 2016).
- embedding: a point in the space of items, resolved to the nearest open one (Dulac-Arnold et al., arXiv 1512.07679).
- slate: k of those candidates at once, among which the user chooses (models/simulation/step_result.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from models.simulation.item_space import ItemSpace
from models.simulation.settings import EnvironmentSettings

Parts = dict[str, NDArray[np.number]]


class RunningSessions(Protocol):
    """What an action space needs of the b sessions that it is for (models/simulation/session.py)."""

    settings: EnvironmentSettings

    def __len__(self) -> int: ...

    @property
    def n_actions(self) -> int:
        """Number of items that may be recommended."""
        ...

    @property
    def seen(self) -> NDArray[np.bool_]:
        """bool array of shape (b, n_actions): what would earn nothing."""
        ...

    @property
    def n_offered(self) -> int:
        """Number of candidates, K."""
        ...

    @property
    def offered(self) -> NDArray[np.int64]:
        """Places in the catalogue of the candidates: int64 (b, K)."""
        ...

    @property
    def item_space(self) -> ItemSpace:
        """Vectors of the catalogue's items."""
        ...

    def user_vectors(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """The users' vectors in that space: float32 (b, v)."""
        ...


class ActionSpace(ABC):
    """An action space with the parts of the observation that belong to it."""

    space: spaces.Space  # type: ignore[type-arg]  # of whatever an action is
    parts: Mapping[str, spaces.Space]  # type: ignore[type-arg]

    @abstractmethod
    def observe(self, sessions: RunningSessions, rows: NDArray[np.int64]) -> Parts:
        """The parts of the observations in `rows`."""

    @abstractmethod
    def resolve(self, sessions: RunningSessions, actions: NDArray[np.number]) -> NDArray[np.int64]:
        """Places in the catalogue of what b actions recommend: int64 (b,), or (b, k) for slates."""

    def masks(self, sessions: RunningSessions) -> NDArray[np.bool_]:
        """What may be chosen, in the form that MaskablePPO asks for.

        Raises
        ------
        ValueError
            Where actions are not chosen from a list.
        """
        raise ValueError("actions that are points have no masks; use the actions catalogue, candidates or slate")


class CatalogueActions(ActionSpace):
    """One of n items."""

    def __init__(self, n_actions: int) -> None:
        self.space = spaces.Discrete(n_actions)
        self.parts = {"seen": spaces.MultiBinary(n_actions)}

    def observe(self, sessions: RunningSessions, rows: NDArray[np.int64]) -> Parts:
        """A flag for each item that would earn nothing."""
        return {"seen": sessions.seen[rows].astype(np.int8)}

    def resolve(self, sessions: RunningSessions, actions: NDArray[np.number]) -> NDArray[np.int64]:
        """The actions themselves."""
        return np.asarray(actions, dtype=np.int64)

    def masks(self, sessions: RunningSessions) -> NDArray[np.bool_]:
        """bool array of shape (b, n): what the user has not seen."""
        return ~sessions.seen


class CandidateActions(ActionSpace):
    """One of K candidates, whose vectors are seen."""

    def __init__(self, n_candidates: int, size: int) -> None:
        self.space = spaces.Discrete(n_candidates)
        self.parts = {
            "taste": _unit_box(size),
            "candidates": _unit_box(n_candidates * size),
            "seen": spaces.MultiBinary(n_candidates),
        }

    def observe(self, sessions: RunningSessions, rows: NDArray[np.int64]) -> Parts:
        """The user's vector, the candidates' side by side, a flag for each that would earn nothing."""
        offered = sessions.offered[rows]
        vectors = sessions.item_space.vectors[offered]
        seen = np.take_along_axis(sessions.seen[rows], offered, axis=1)
        return {
            "taste": sessions.user_vectors(rows),
            "candidates": vectors.reshape(len(offered), -1),
            "seen": seen.astype(np.int8),
        }

    def resolve(self, sessions: RunningSessions, actions: NDArray[np.number]) -> NDArray[np.int64]:
        """The candidates chosen."""
        places = np.asarray(actions, dtype=np.int64).reshape(len(sessions), -1)
        chosen = np.take_along_axis(sessions.offered, places, axis=1)
        return chosen if isinstance(self, SlateActions) else chosen[:, 0]

    def masks(self, sessions: RunningSessions) -> NDArray[np.bool_]:
        """bool array of shape (b, K): candidates that the user has not seen."""
        return ~np.take_along_axis(sessions.seen, sessions.offered, axis=1)


class SlateActions(CandidateActions):
    """k of K candidates; one named twice is shown once."""

    def __init__(self, n_candidates: int, size: int, k: int) -> None:
        super().__init__(n_candidates, size)
        self.space = spaces.MultiDiscrete([n_candidates] * k)
        self._k = k

    def masks(self, sessions: RunningSessions) -> NDArray[np.bool_]:
        """bool array of shape (b, k K): the candidates' masks for each place."""
        return np.tile(super().masks(sessions), (1, self._k))


class EmbeddingActions(ActionSpace):
    """A point whose nearest open item is recommended."""

    def __init__(self, size: int) -> None:
        self.space = _unit_box(size)
        self.parts = {"taste": _unit_box(size)}

    def observe(self, sessions: RunningSessions, rows: NDArray[np.int64]) -> Parts:
        """The user's vector: as an action, it recommends what is nearest to the user."""
        return {"taste": sessions.user_vectors(rows)}

    def resolve(self, sessions: RunningSessions, actions: NDArray[np.number]) -> NDArray[np.int64]:
        """The nearest open items; the nearest of all where none is open."""
        queries = np.asarray(actions, dtype=np.float32)
        nearest = sessions.item_space.nearest(queries, sessions.seen, 1)[:, 0]
        rest = np.flatnonzero(nearest < 0)
        if len(rest):
            nearest[rest] = sessions.item_space.nearest(queries[rest], np.zeros_like(sessions.seen[rest]), 1)[:, 0]
        return nearest


def action_space_of(sessions: RunningSessions) -> ActionSpace:
    """The action space that the sessions' settings name."""
    settings = sessions.settings
    if settings.actions == "catalogue":
        return CatalogueActions(sessions.n_actions)
    size, offered = sessions.item_space.size, sessions.n_offered
    if settings.actions == "embedding":
        return EmbeddingActions(size)
    if settings.actions == "candidates":
        return CandidateActions(offered, size)
    return SlateActions(offered, size, min(settings.slate_size, offered))


def _unit_box(size: int) -> spaces.Box:
    return spaces.Box(-1, 1, (size,), dtype=np.float32)
