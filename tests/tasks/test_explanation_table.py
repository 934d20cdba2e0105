from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from typer.testing import CliRunner

from flows.command_line import app
from storage.files import publish_json
from storage.run_folder import RunFolder
from storage.tables import EXPLANATIONS, INTERACTIONS, read_table
from tasks.explanation_table import explain_pairs
from tests.tasks.trained_runs import write_trained_run

N = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = write_trained_run(tmp_path_factory.mktemp("data") / "tiny")
    publish_json(folder.path("manifest.json"), {})
    return folder


@pytest.fixture(scope="module")
def table(folder: RunFolder) -> pl.DataFrame:
    path = folder.path("report/explanations.parquet")
    explain_pairs(folder, N, 0, path)
    return read_table(path, EXPLANATIONS)


def test_pairs_are_new_to_their_users_and_follow_the_seed(
    folder: RunFolder, table: pl.DataFrame, tmp_path: Path
) -> None:
    train = read_table(folder.path("interactions.parquet"), INTERACTIONS).filter(split="train")
    assert table.join(train, on=["user_id", "item_id"]).is_empty()
    assert explain_pairs(folder, N, 0, tmp_path / "again.parquet").equals(table)
    assert not explain_pairs(folder, N, 1, tmp_path / "other.parquet").equals(table)


def test_contributions_come_to_the_probability(table: pl.DataFrame) -> None:
    parts = table["contributions"].struct.unnest().to_numpy().sum(axis=1) + table["average_logit"].to_numpy()
    assert expit(parts) == pytest.approx(table["probability"].to_numpy(), abs=1e-4)
    p = table["probability"].to_numpy()
    assert table["confidence"].to_numpy() == pytest.approx(np.maximum(p, 1 - p), abs=1e-6)


def test_reasons_speak_for_the_answer_and_are_checked(table: pl.DataFrame) -> None:
    reasons = table.select("probability", "reasons").explode("reasons").drop_nulls("reasons").unnest("reasons")
    assert ((reasons["effect"] > 0) == (reasons["probability"] >= 0.5)).all()
    without = table.filter(pl.col("reasons").list.len() == 0)
    assert without["faithful"].is_null().all()
    assert table.filter(pl.col("reasons").list.len() > 0)["faithful"].is_not_null().all()
    assert table["faithful"].drop_nulls().mean() == 1


def test_the_command_writes_the_table_and_says_how_faithful_it_is(folder: RunFolder, tmp_path: Path) -> None:
    data, output = folder.root.parent, tmp_path / "explanations.parquet"
    result = CliRunner().invoke(app, ["explain", "tiny", "--pairs", "8", "-o", str(output), "--data", str(data)])
    assert result.exit_code == 0, result.output
    assert "8 pairs explained" in result.output
    assert read_table(output, EXPLANATIONS).height == 8


def test_one_pair_is_explained_with_what_would_turn_it(folder: RunFolder) -> None:
    data = folder.root.parent
    result = CliRunner().invoke(app, ["explain", "tiny", "--user", "u1", "--item", "i3", "--data", str(data)])
    assert result.exit_code == 0, result.output
    assert "is an average of" in " ".join(result.output.split())
