from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from models.agents.settings import ALGORITHMS, AlgorithmName, DQNSettings, QRDQNSettings, ReinforcementSettings
from models.agents.training import TrainedAgent, train_agent
from models.response.sasrec.unfinished_training import Arrays, TrainingFacts
from models.simulation.session import SessionBatch
from models.simulation.settings import EnvironmentSettings
from storage.run_folder import RunFolder
from tasks.policies.unfinished_policy import UnfinishedPolicy
from tests.support.worlds import tiny_world

SHORT = EnvironmentSettings(end_probability=0.2)
FEW_UPDATES = {
    "dqn": DQNSettings(learning_starts=50, gradient_steps=2, buffer_size=200),
    "qrdqn": QRDQNSettings(learning_starts=50, gradient_steps=2, buffer_size=200),
}
SETTINGS = ReinforcementSettings(steps=1200, n_envs=8, hidden=8, threads=1, checkpoint_steps=400, **FEW_UPDATES)


class KilledError(Exception):
    """Stands for a kill where it is to happen in this process."""


class _Memory:
    """Keeps the last stretch; as if killed once the second one is kept."""

    def __init__(self) -> None:
        self.kept: tuple[Arrays, TrainingFacts] | None = None
        self.saves = 0

    def save(self, arrays: Arrays, facts: TrainingFacts) -> None:
        self.kept = ({name: array.copy() for name, array in arrays.items()}, facts)
        self.saves += 1
        if self.saves == 2:
            raise KilledError

    def load(self) -> tuple[Arrays, TrainingFacts] | None:
        return self.kept


def _scores(agent: TrainedAgent) -> np.ndarray:
    return agent.policy.scores(SessionBatch(tiny_world(0), SHORT, range(20)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_training_that_was_stopped_ends_as_the_undisturbed_one(algorithm: AlgorithmName) -> None:
    world, store = tiny_world(0), _Memory()
    undisturbed = train_agent(world, SHORT, SETTINGS, algorithm, seed=0)
    with pytest.raises(KilledError):
        train_agent(world, SHORT, SETTINGS, algorithm, seed=0, store=store)
    assert store.kept is not None
    assert 800 <= store.kept[1].steps < 1200
    resumed = train_agent(world, SHORT, SETTINGS, algorithm, seed=0, store=store)
    np.testing.assert_array_equal(_scores(resumed), _scores(undisturbed))
    assert resumed.learning_curve == undisturbed.learning_curve


def _train_and_die(root: Path) -> None:
    class _Deadly(UnfinishedPolicy):
        def save(self, arrays: Arrays, facts: TrainingFacts) -> None:
            super().save(arrays, facts)
            os.kill(os.getpid(), signal.SIGKILL)

    train_agent(tiny_world(0), SHORT, SETTINGS, "dqn", seed=0, store=_Deadly(RunFolder(root), "dqn", 0, "origin"))


def test_after_a_kill_training_goes_on_from_the_run_folder(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_train_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    world, kept = tiny_world(0), UnfinishedPolicy(RunFolder(tmp_path), "dqn", 0, "origin")
    stored = kept.load()
    assert stored is not None
    assert 400 <= stored[1].steps < 800
    resumed = train_agent(world, SHORT, SETTINGS, "dqn", seed=0, store=kept)
    undisturbed = train_agent(world, SHORT, SETTINGS, "dqn", seed=0)
    np.testing.assert_array_equal(_scores(resumed), _scores(undisturbed))
    files = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {".safetensors", ".json"}
    kept.remove()
    assert kept.load() is None


def test_what_other_settings_left_unfinished_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    facts = TrainingFacts(
        steps=1, counters={}, buffer_place=None, buffer_full=False, curve=(), rewards=(0.5,), ends=(2,)
    )
    UnfinishedPolicy(folder, "a2c", 0, "these").save({"x": np.ones(3, dtype=np.float32)}, facts)
    assert UnfinishedPolicy(folder, "a2c", 0, "others").load() is None
    arrays, found = UnfinishedPolicy(folder, "a2c", 0, "these").load() or ({}, None)
    assert found == facts
    np.testing.assert_array_equal(arrays["x"], np.ones(3))
    next(tmp_path.rglob("*.safetensors")).write_bytes(b"damaged")
    assert UnfinishedPolicy(folder, "a2c", 0, "these").load() is None  # trained from the start
