"""The steps of a run and the list of their names are the same."""

from __future__ import annotations

from typing import get_args

from flows import reproduce as module
from storage.run_folder import StepName
from tasks.step import dependents

STEPS = module._STEPS


def test_the_list_of_step_names_is_that_of_the_pipelines_steps() -> None:
    assert sorted(step.name for step in STEPS) == sorted(get_args(StepName))


def test_training_agents_again_makes_their_report_again_and_reads_nothing() -> None:
    again = dependents("reinforce", STEPS)
    assert {"reinforce", "case-study", "report"} >= set(again)
    assert "report" in again
    assert "annotate" not in again


def test_reading_again_fits_and_judges_again_but_leaves_the_sequence_model() -> None:
    again = dependents("annotate", STEPS)
    assert {"curate", "embed", "fit-ensemble", "evaluate-fidelity", "reinforce", "report"} <= set(again)
    assert "train-sasrec" not in again
