"""The tables read the same in the terminal, in Markdown and on the page: order, numbers, intervals, the best marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import DataError
from storage.files import publish_json
from storage.run_folder import RunFolder
from tasks.evaluation.fidelity import Fidelity
from tasks.report.tables import fidelity_rows, fidelity_table, markdown_table, reinforcement_rows


def scores(auc: float, log_loss: float) -> dict[str, object]:
    return {
        "auc": auc,
        "auc_ci95": [auc - 0.01, auc + 0.01],
        "log_loss": log_loss,
        "accuracy": 0.7,
        "macro_f1": 0.6,
        "brier": 0.2,
        "ece": 0.0123,
        "ece_if_calibrated": 0.011,
        "ece_if_calibrated_ci95": [0.006, 0.018],
        "ece_debiased": 0.0,
    }


CALIBRATION = ["0.012", "0.011 [0.006, 0.018]", "0.000"]


def estimate(mean: float) -> dict[str, object]:
    return {"mean": mean, "ci95": [mean - 1, mean + 1]}


FIDELITY = {
    "dataset": "tiny",
    "split": "tail",
    "n": 10,
    "like_rate": 0.7,
    "models": {
        "best_possible": scores(0.9, 0.3),
        "ensemble": scores(0.80004, 0.45),
        "newcomer": scores(0.5, 0.9),
        "bias": scores(0.80001, 0.5),
        "global_rate": scores(0.5, 0.6),
    },
    "comparisons": [],
    "reliability": {},
    "truth": None,
}
REINFORCEMENT = {
    "dataset": "tiny",
    "steps": 100,
    "seeds": [0, 1],
    "episodes": 50,
    "catalogue": 15,
    "reward": "vote",
    "users": "all",
    "comparisons": [],
    "learning_curves": {},
    "policies": {
        name: {
            "average_reward": estimate(reward),
            "total_reward": estimate(reward * 1000),
            "liking_at_10": estimate(0.5),
            "coverage": estimate(0.25),
            **dict.fromkeys(("gini", "novelty", "diversity", "repetition"), estimate(0.1)),
            "training_seconds": seconds,
        }
        for name, reward, seconds in (("greedy", 30.0, 0.0), ("ppo", 21.234, 12.4), ("random", 9.5, 0.0))
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "tiny")
    publish_json(folder.path("report/fidelity.json"), FIDELITY)
    publish_json(folder.path("report/reinforcement.json"), REINFORCEMENT)
    return folder


def test_models_come_in_the_order_of_their_groups_and_unknown_ones_last(folder: RunFolder) -> None:
    header, *rows = fidelity_rows(folder)
    assert header[:6] == ["Model", "AUC", "Log loss", "Accuracy", "Macro F1", "Brier"]
    assert header[6:] == ["ECE", "ECE if calibrated", "Debiased"]
    assert [row[0] for row in rows] == ["global rate", "bias", "ensemble", "best possible", "newcomer"]


def test_numbers_have_three_digits_and_auc_its_interval(folder: RunFolder) -> None:
    rows = {row[0]: row[1:] for row in fidelity_rows(folder)[1:]}
    assert rows["global rate"] == ["0.500 [0.490, 0.510]", "0.600", "0.700", "0.600", "0.200", *CALIBRATION]


def test_what_reads_alike_is_equally_good_and_the_known_truth_is_out_of_competition(folder: RunFolder) -> None:
    rows = {row[0]: row[1:] for row in fidelity_rows(folder)[1:]}
    assert rows["ensemble"][0].endswith("*")
    assert rows["bias"][0].endswith("*")
    assert not rows["best possible"][0].endswith("*")
    assert [name for name, cells in rows.items() if cells[1].endswith("*")] == ["ensemble"], "less log loss is better"


def test_a_column_of_equal_numbers_has_no_best(folder: RunFolder) -> None:
    assert not any(row[3].endswith("*") for row in fidelity_rows(folder)[1:])


def test_policies_read_with_intervals_and_their_training_time(folder: RunFolder) -> None:
    header, *rows = reinforcement_rows(folder)
    assert header == ["Policy", "Average reward", "Total reward", "Liking@10", "Coverage", "Training s"]
    equal = ["0.500 [-0.500, 1.500]", "0.250 [-0.750, 1.250]"]
    assert rows == [
        ["random", "9.50 [8.50, 10.50]", "9,500 [9,499, 9,501]", *equal, "–"],
        ["PPO", "21.23 [20.23, 22.23] *", "21,234 [21,233, 21,235] *", *equal, "12"],
        ["greedy", "30.00 [29.00, 31.00]", "30,000 [29,999, 30,001]", *equal, "–"],
    ]


def test_what_was_not_run_is_a_header_without_rows(tmp_path: Path) -> None:
    assert fidelity_rows(RunFolder(tmp_path)) == [["Model"]]
    assert reinforcement_rows(RunFolder(tmp_path)) == [["Policy"]]


def test_markdown_keeps_bars_out_of_cells() -> None:
    text = markdown_table([["Model", "AUC"], ["a|b", "0.5"]])
    assert text == "| Model | AUC |\n| --- | ---: |\n| a\\|b | 0.5 |\n"


def test_a_table_of_one_model_marks_none() -> None:
    only = Fidelity.model_validate({**FIDELITY, "models": {"bias": scores(0.7, 0.5)}})
    assert not any(cell.best for _, group in fidelity_table(only).groups for row in group for cell in row.cells)


def test_a_broken_artefact_is_named_with_its_field(folder: RunFolder) -> None:
    publish_json(folder.path("report/fidelity.json"), {**FIDELITY, "like_rate": "most"})
    with pytest.raises(DataError, match=r"fidelity\.json, field 'like_rate'"):
        fidelity_rows(folder)
    folder.path("report/fidelity.json").write_text('{"dataset": ')
    with pytest.raises(DataError, match=r"fidelity\.json: Invalid JSON"):
        fidelity_rows(folder)
