"""The training gain of a run folder, and how it comes to the card."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from models.fidelity.training_gain import BOTH, ITEM_MEANS, SIMULATED, TRAIN, TrainingGainSettings
from storage.contracts import INTERACTIONS
from storage.run_folder import RunFolder
from storage.tables import read_table, write_table
from tasks.evaluation.fidelity import FidelitySettings, evaluate_fidelity
from tasks.evaluation.training_gain import load_training_gain, measure_training_gain
from tasks.report.optional_tables import training_gain_table
from tests.support.trained_runs import N_USERS, PER_USER, write_trained_run

SETTINGS = TrainingGainSettings(draws=1, resamples=10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose users each have a like and a dislike among their test rows."""
    folder = write_trained_run(tmp_path_factory.mktemp("data") / "tiny")
    last, rows = PER_USER - 1, read_table(folder.path("interactions.parquet"), INTERACTIONS)
    tested = pl.col("order") >= last - 2
    changed = rows.with_columns(
        split=pl.when(pl.col("order") == last - 2).then(pl.lit("test")).otherwise("split").cast(rows.schema["split"]),
        like=pl.when(tested).then(pl.col("order") == last).otherwise("like"),
    )
    write_table(folder.path("interactions.parquet"), changed, INTERACTIONS)
    evaluate_fidelity.function(folder, FidelitySettings(resamples=10))
    measure_training_gain.function(folder, SETTINGS)
    return folder


def test_every_recommender_is_judged_on_every_set_of_rows(folder: RunFolder) -> None:
    gain = load_training_gain(folder)
    assert gain is not None
    assert (gain.dataset, gain.users, gain.pairs, gain.draws) == ("tiny", N_USERS, 2 * N_USERS, 1)
    assert gain.recommenders.keys() == {"ease", "matrix_factorisation", "sasrec_paper"}
    for sets in gain.recommenders.values():
        rows = {name: fitted.interactions for name, fitted in sets.items()}
        assert rows == {TRAIN: 3 * N_USERS, BOTH: 6 * N_USERS, SIMULATED: 3 * N_USERS, ITEM_MEANS: 6 * N_USERS}


def test_the_table_names_what_was_fitted_on_what(folder: RunFolder) -> None:
    gain = load_training_gain(folder)
    assert gain is not None
    title, (header, *rows) = training_gain_table(gain)
    assert title == f"Training gain, on the test lists of {N_USERS} users, {2 * N_USERS} pairs"
    assert [row[:2] for row in rows[:4]] == [
        ["EASE", "train rows"],
        ["EASE", "train rows and simulated"],
        ["EASE", "simulated alone"],
        ["EASE", "train rows and drawn from item means"],
    ]
    assert rows[0][header.index("AUC over train rows")] == "–"
    assert rows[3][header.index("NDCG over item means")] == "–"
    assert all(len(row) == len(header) for row in rows)


def test_the_gain_of_an_earlier_state_of_the_run_is_not_shown(folder: RunFolder) -> None:
    predictions = folder.path("report/predictions.parquet")
    before = predictions.read_bytes()
    pl.read_parquet(predictions).with_columns(pl.col("bias") / 2).write_parquet(predictions)
    assert load_training_gain(folder) is None
    predictions.write_bytes(before)
    assert load_training_gain(folder) is not None


def test_a_run_without_lists_to_judge_by_says_so_and_has_no_table(tmp_path: Path) -> None:
    folder = write_trained_run(tmp_path / "tiny")
    evaluate_fidelity.function(folder, FidelitySettings(resamples=10))
    assert load_training_gain(folder) is None
    assert measure_training_gain.function(folder, SETTINGS) == {"users": 0}
    gain = load_training_gain(folder)
    assert gain is not None
    assert len(training_gain_table(gain)[1]) == 1, "a header, which the card leaves out"
