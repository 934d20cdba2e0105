"""The tables read the same in the terminal, in Markdown and on the page: order, numbers, intervals, the best marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import DataError
from storage.files import publish_json
from storage.run_folder import RunFolder
from tasks.evaluation.fidelity import Fidelity
from tasks.report.policy_table import reinforcement_rows
from tasks.report.tables import fidelity_rows, fidelity_table, markdown_table
from tests.support.report_runs import reinforcement


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
            "over_item_mean": estimate(over),
            "training_seconds": seconds,
        }
        for name, reward, over, seconds in (
            ("greedy", 30.0, 3.0, 0.0),
            ("ppo", 21.234, 2.0, 12.4),
            ("random", 9.5, -1.0, 0.0),
        )
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


def test_policies_read_with_paired_differences_and_their_training_time(folder: RunFolder) -> None:
    header, *rows = reinforcement_rows(folder)
    assert header == ["Policy", "Reward", "… over item mean", "Liking@10", "Coverage", "Training s"]
    assert rows == [
        ["random", "9.50", "-1.00 [-2.00, +0.00]", "0.500", "0.250", "–"],
        ["PPO", "21.23 *", "+2.00 [+1.00, +3.00]", "0.500", "0.250", "12"],
        ["Greedy on the vote", "30.00", "+3.00 [+2.00, +4.00]", "0.500", "0.250", "–"],
    ]


def test_the_judge_has_columns_of_its_own_and_marks_what_it_does_not_confirm(folder: RunFolder) -> None:
    path = folder.path("report/reinforcement.json")
    publish_json(path, reinforcement("truth", praise="open").model_dump(mode="json", exclude_none=True))
    header, *rows = reinforcement_rows(folder)
    assert header[3:6] == ["True likes", "… over untrained", "… over item mean"]
    ppo = next(row for row in rows if row[0] == "PPO")
    assert ppo[3:6] == ["11.00 *", "–", "+1.00 † [+0.50, +1.50]"]
    publish_json(path, reinforcement("held_out_ratings").model_dump(mode="json", exclude_none=True))
    header, *_ = reinforcement_rows(folder)
    assert header[3:7] == ["Estimated likes", "… over untrained", "… over item mean", "SNIPS"]


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
