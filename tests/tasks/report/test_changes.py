"""A run's figures beside those of the run before."""

from __future__ import annotations

from pathlib import Path

from storage.run_folder import RunFolder
from tasks.report.changes import Figures, change_rows, figures_of, verdict

BEFORE = Figures(auc={"bias": 0.70, "ensemble": 0.72}, log_loss={"ensemble": 0.6}, reward={"a2c": 20.0})
AFTER = Figures(auc={"bias": 0.70, "ensemble": 0.75}, log_loss={"ensemble": 0.5}, reward={"a2c": 21.5, "ppo": 22.0})


def test_each_figure_stands_beside_the_one_before() -> None:
    assert change_rows(BEFORE, AFTER) == [
        ["Figure", "Now", "Before", "Change"],
        ["AUC: bias", "0.7000", "0.7000", "+0.0000"],
        ["AUC: ensemble", "0.7500", "0.7200", "+0.0300"],
        ["Log loss: ensemble", "0.5000", "0.6000", "-0.1000"],
        ["Reward: A2C", "21.5000", "20.0000", "+1.5000"],
        ["Reward: PPO", "22.0000", "-", "-"],
    ]


def test_the_verdict_says_whether_the_bias_model_is_beaten_and_what_changed() -> None:
    assert verdict(BEFORE, AFTER) == (
        "The ensemble (AUC 0.7500) beats the bias model (AUC 0.7000) on test pairs. "
        "Its AUC changed by +0.0300 since the run before."
    )
    assert verdict(AFTER, AFTER).endswith("Its AUC is that of the run before.")
    assert verdict(Figures(), AFTER).endswith("There is no run before it.")
    worse = Figures(auc={"bias": 0.7, "ensemble": 0.6})
    assert "does not beat the bias model" in verdict(BEFORE, worse)
    assert verdict(BEFORE, Figures()) == ""


def test_a_folder_without_a_run_or_with_a_damaged_one_has_no_figures(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert figures_of(folder) == Figures()
    folder.path("report").mkdir()
    folder.path("report/fidelity.json").write_text("{")
    assert figures_of(folder) == Figures()
