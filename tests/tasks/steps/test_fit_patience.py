from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.agents.settings import AgentSettings
from models.simulation.patience import FEATURE_NAMES, RECENT, Patience
from models.simulation.settings import EnvironmentSettings
from storage.contracts import INTERACTIONS
from storage.errors import DataError, SettingsError
from storage.run_folder import RunFolder
from storage.settings.datasets import DatasetSettings
from storage.tables import write_table
from tasks.loading import load_patience, load_simulator
from tasks.policies.settings import ReinforceSettings
from tasks.steps.fit_patience import PatienceSettings, fit_patience
from tasks.steps.ingest import IngestSettings, ingest
from tasks.steps.reinforce import reinforce
from tests.support.trained_runs import write_trained_run

LEARNED = ReinforceSettings(
    agents=AgentSettings(
        algorithms=("a2c",), seeds=(1,), steps=128, n_envs=8, hidden=8, threads=1, evaluation_episodes=6
    ),
    environment=EnvironmentSettings(session_end="learned"),
)
MOVIELENS = Path(__file__).parents[4] / "shared/datasets/movielens-latest-small/ml-latest-small.zip"


def test_without_timestamps_learned_patience_is_refused_and_the_constant_is_not(tmp_path: Path) -> None:
    folder = write_trained_run(tmp_path / "tiny")
    assert load_patience(folder).refused == "the ratings have no timestamps"
    assert load_simulator(folder).patience is None
    with pytest.raises(SettingsError, match="session_end is learned, but the ratings have no timestamps"):
        reinforce.function(folder, LEARNED)


def test_sessions_are_told_apart_by_the_set_gap_and_too_few_are_refused(tmp_path: Path) -> None:
    folder = write_trained_run(tmp_path / "tiny")
    table = pl.read_parquet(folder.path("interactions.parquet"))
    # Every other interaction comes a day after the one before it, the others a minute after.
    times = (60 * (pl.col("order") // 2 * 1440 + pl.col("order") % 2)).cast(pl.Int64)
    write_table(folder.path("interactions.parquet"), table.with_columns(timestamp=times), INTERACTIONS)
    summary = fit_patience.function(folder, PatienceSettings())
    assert "of 36 steps between train rows 12 end a session" in str(summary["refused"])
    summary = fit_patience.function(folder, PatienceSettings(session_gap_minutes=2 * 1440))
    assert "0 end a session" in str(summary["refused"])


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    folder = write_trained_run(tmp_path / "tiny")
    folder.path("patience/model.json").write_text("{}")
    with pytest.raises(DataError, match=r"patience/model\.json"):
        load_patience(folder)


@pytest.mark.skipif(not MOVIELENS.exists(), reason="needs ../shared/datasets/movielens-latest-small")
def test_movielens_sessions_have_a_hazard_that_beats_the_constant_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "movielens")
    dataset = DatasetSettings(name="movielens", adapter="movielens", like_threshold=3, rating_min=0.5)
    ingest.function(folder, IngestSettings(dataset=dataset, source=str(MOVIELENS)))
    fit_patience.function(folder, PatienceSettings())
    checkpoint = load_patience(folder)
    assert checkpoint.fit is not None
    assert checkpoint.hazard is not None
    assert checkpoint.fit.weights.keys() == set(FEATURE_NAMES)
    assert checkpoint.fit.log_loss is not None
    assert checkpoint.fit.constant_log_loss is not None
    assert checkpoint.fit.log_loss == pytest.approx(0.262, abs=0.002)
    assert checkpoint.fit.constant_log_loss == pytest.approx(0.426, abs=0.002)
    assert checkpoint.fit.difference_ci95 is not None
    assert checkpoint.fit.difference_ci95[0] > 0
    patience = Patience(checkpoint.hazard)
    steps, known = np.array([5, 5]), np.ones((2, RECENT), dtype=bool)
    chances = patience.chances(steps, np.stack([known[0], ~known[0]]), known)
    assert np.all((chances > 0.005) & (chances < 0.5))
