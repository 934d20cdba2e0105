from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from typer.testing import CliRunner

from flows.commands.command_line import app
from storage.contracts import EXPLANATIONS, INTERACTIONS, KEYWORDS
from storage.errors import SettingsError
from storage.files import publish_json
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.audience.explanations import explain_pairs_from, explain_random_pairs
from tests.support.trained_runs import write_trained_run

N = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = write_trained_run(tmp_path_factory.mktemp("data") / "tiny")
    publish_json(folder.path("manifest.json"), {})
    return folder


@pytest.fixture(scope="module")
def table(folder: RunFolder) -> pl.DataFrame:
    path = folder.path("report/explanations.parquet")
    explain_random_pairs(folder, N, 0, path)
    return read_table(path, EXPLANATIONS)


def test_pairs_are_new_to_their_users_and_follow_the_seed(
    folder: RunFolder, table: pl.DataFrame, tmp_path: Path
) -> None:
    train = read_table(folder.path("interactions.parquet"), INTERACTIONS).filter(split="train")
    assert table.join(train, on=["user_id", "item_id"]).is_empty()
    assert explain_random_pairs(folder, N, 0, tmp_path / "again.parquet").equals(table)
    assert not explain_random_pairs(folder, N, 1, tmp_path / "other.parquet").equals(table)


def test_contributions_come_to_the_probability(table: pl.DataFrame) -> None:
    parts = table["contributions"].struct.unnest().to_numpy().sum(axis=1) + table["average_logit"].to_numpy()
    assert expit(parts) == pytest.approx(table["probability"].to_numpy(), abs=1e-4)
    p = table["probability"].to_numpy()
    assert table["confidence"].to_numpy() == pytest.approx(np.maximum(p, 1 - p), abs=1e-6)


def test_reasons_speak_for_the_answer_and_are_checked(table: pl.DataFrame) -> None:
    reasons = table.select("probability", "reasons").explode("reasons").drop_nulls("reasons").unnest("reasons")
    keywords = table.select("probability", "keyword_reasons").explode("keyword_reasons").drop_nulls("keyword_reasons")
    for of in (reasons, keywords.unnest("keyword_reasons")):
        assert ((of["effect"] > 0) == (of["probability"] >= 0.5)).all()
    named = (pl.col("reasons").list.len() + pl.col("keyword_reasons").list.len()) > 0
    assert table.filter(~named)["faithful"].is_null().all()
    assert table.filter(named)["faithful"].is_not_null().all()
    assert table["faithful"].drop_nulls().mean() == 1


def test_matched_keywords_are_the_candidates_with_their_evidence(folder: RunFolder, table: pl.DataFrame) -> None:
    matched = table.select("item_id", "matched_keywords").explode("matched_keywords").drop_nulls("matched_keywords")
    matched = matched.unnest("matched_keywords")
    keywords = read_table(folder.path("keywords.parquet"), KEYWORDS)
    own = matched.join(keywords.rename({"evidence": "recorded"}), on=["item_id", "side", "keyword"], how="left")
    assert own.height == matched.height > 0
    assert (own["evidence"] == own["recorded"]).all()
    assert (matched["shared_with"].list.len() > 0).all()


def test_sets_that_turn_a_vote_are_named_or_null(table: pl.DataFrame) -> None:
    by_reactions = table["vote_turned_without"]
    assert by_reactions.is_not_null().any()
    assert (by_reactions.drop_nulls().list.len() <= 5).all()
    small = table.filter(by_reactions.is_not_null())
    assert (small["vote_turned_by_smallest"] == (small["vote_turned_without"].list.len() <= 2)).all()
    assert table.filter(by_reactions.is_null())["vote_turned_by_smallest"].is_null().all()


def test_pairs_of_a_file_are_explained_in_its_order(folder: RunFolder, tmp_path: Path) -> None:
    train = read_table(folder.path("interactions.parquet"), INTERACTIONS).filter(split="train")
    user, item = train["user_id"][0], train["item_id"][0]  # judged by the user's other reactions
    pairs, path = tmp_path / "pairs.csv", tmp_path / "explained.parquet"
    pairs.write_text(f"user_id,item_id\nu3,i5\nu{user},i{item}\nu3,i5\n", encoding="utf-8")
    table = explain_pairs_from(folder, pairs, 0, path)
    assert table.select("user", "item").rows() == [("u3", "i5"), (f"u{user}", f"i{item}"), ("u3", "i5")]
    assert item not in {reason["item_id"] for reason in table["reasons"][1]}
    assert table["probability"][0] == table["probability"][2]
    assert read_table(path, EXPLANATIONS).equals(table)


@pytest.mark.parametrize("wrong", [[], ["--user", "u1"], ["--pairs", "3", "--user", "u1", "--item", "i1"]])
def test_what_is_to_be_explained_is_said_in_one_way(folder: RunFolder, wrong: list[str]) -> None:
    result = CliRunner().invoke(app, ["explain", "tiny", *wrong, "--data", str(folder.root.parent)])
    assert isinstance(result.exception, SettingsError)
    assert "--pairs-from" in str(result.exception)


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
