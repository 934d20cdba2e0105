"""Training that goes on after a kill: what an agent is at some step, as arrays and facts, and back again.

Training is cut into stretches of so many environment steps. Where one begins, all random streams are seeded by the
stretch's number, all sessions begin anew, and what was learned so far is handed to a store: networks, the optimiser's
moments, the replay buffer of the value-based agents. So an agent that goes on from a stored stretch does exactly what
it would have done undisturbed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import DictReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback

Arrays = Mapping[str, NDArray[np.generic]]
_COUNTERS = ("_n_calls", "_n_updates", "exploration_rate", "_current_progress_remaining")
_OF_BUFFER = ("actions", "rewards", "dones", "timeouts")


class TrainingFacts(BaseModel):
    """What is not an array."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int
    counters: dict[str, float]
    buffer_place: int | None
    buffer_full: bool
    curve: tuple[tuple[int, float], ...]
    rewards: tuple[float, ...]
    ends: tuple[int, ...]


class TrainingStore(Protocol):
    """Where one unfinished training is kept."""

    def save(self, arrays: Arrays, facts: TrainingFacts) -> None:
        """Keep these instead of what was kept before."""
        ...

    def load(self) -> tuple[Arrays, TrainingFacts] | None:
        """What is kept, if anything."""
        ...


class Stretches(BaseCallback):
    """Begins every stretch of training afresh and stores what was learned before it.

    Parameters
    ----------
    store
        Keeps it; None keeps nothing, and training is the same.
    length
        Environment steps of a stretch.
    seed
        Of the agent's random streams.
    curve
        Points of the learning curve, rewards and ended episodes since the last one, which the store keeps as well.
    """

    def __init__(
        self,
        store: TrainingStore | None,
        length: int,
        seed: int,
        curve: tuple[list[tuple[int, float]], list[float], list[int]],
    ) -> None:
        super().__init__()
        self._store, self._length, self._seed, self._curve = store, length, seed, curve
        self._begun = 0

    def resume(self, model: BaseAlgorithm) -> int:
        """Make a new agent what the stored one was; the environment steps that it has behind it, 0 for none."""
        stored = None if self._store is None else self._store.load()
        if stored is None:
            return 0
        arrays, facts = stored
        _set_arrays(model, arrays, facts)
        points, rewards, ends = self._curve
        points[:], rewards[:], ends[:] = facts.curve, facts.rewards, facts.ends
        self._begun = facts.steps // self._length - 1  # its stretch is yet to begin
        return facts.steps

    def _on_rollout_start(self) -> None:
        stretch = self.model.num_timesteps // self._length
        if stretch <= self._begun:
            return
        self._begun = stretch
        if self._store is not None:
            points, rewards, ends = self._curve
            self._store.save(*_arrays_and_facts(self.model, tuple(points), tuple(rewards), tuple(ends)))
        model, env = self.model, self.model.env
        assert env is not None
        model.set_random_seed(int(np.random.SeedSequence([self._seed, stretch]).generate_state(1)[0]))
        model._last_obs = env.reset()  # type: ignore[assignment]
        model._last_episode_starts = np.ones(env.num_envs, dtype=bool)

    def _on_step(self) -> bool:
        return True


def _arrays_and_facts(
    model: BaseAlgorithm, curve: tuple[tuple[int, float], ...], rewards: tuple[float, ...], ends: tuple[int, ...]
) -> tuple[Arrays, TrainingFacts]:
    arrays = {f"policy/{name}": tensor.numpy(force=True) for name, tensor in model.policy.state_dict().items()}
    for number, values in model.policy.optimizer.state_dict()["state"].items():
        for name, value in values.items():
            arrays[f"optimizer/{number}/{name}"] = torch.as_tensor(value, dtype=torch.float32).numpy(force=True)
    buffer = _buffer(model)
    if buffer is not None:
        filled = slice(None if buffer.full else buffer.pos)
        arrays |= {f"buffer/{name}": getattr(buffer, name)[filled] for name in _OF_BUFFER}
        for part in buffer.observations:
            arrays[f"buffer/observations/{part}"] = buffer.observations[part][filled]
            arrays[f"buffer/next_observations/{part}"] = buffer.next_observations[part][filled]
    counters = {name: float(getattr(model, name)) for name in _COUNTERS if hasattr(model, name)}
    place, full = (None, False) if buffer is None else (buffer.pos, buffer.full)
    return arrays, TrainingFacts(
        steps=model.num_timesteps,
        counters=counters,
        buffer_place=place,
        buffer_full=full,
        curve=curve,
        rewards=rewards,
        ends=ends,
    )


def _set_arrays(model: BaseAlgorithm, arrays: Arrays, facts: TrainingFacts) -> None:
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    weights = {name.removeprefix("policy/"): of for name, of in tensors.items() if name.startswith("policy/")}
    model.policy.load_state_dict(weights)
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, number, key = name.split("/")
            moments.setdefault(int(number), {})[key] = tensor
    groups = model.policy.optimizer.state_dict()["param_groups"]
    model.policy.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    buffer = _buffer(model)
    if buffer is not None and facts.buffer_place is not None:
        filled = slice(None if facts.buffer_full else facts.buffer_place)
        for name in _OF_BUFFER:
            getattr(buffer, name)[filled] = arrays[f"buffer/{name}"]
        for part in buffer.observations:
            buffer.observations[part][filled] = arrays[f"buffer/observations/{part}"]
            buffer.next_observations[part][filled] = arrays[f"buffer/next_observations/{part}"]
        buffer.pos, buffer.full = facts.buffer_place, facts.buffer_full
    for name, value in facts.counters.items():
        setattr(model, name, type(getattr(model, name))(value))
    model.num_timesteps = facts.steps


def _buffer(model: BaseAlgorithm) -> DictReplayBuffer | None:
    buffer = getattr(model, "replay_buffer", None)
    return buffer if isinstance(buffer, DictReplayBuffer) else None
