"""A form's fields become settings of a run."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flows.serving.forms import AgentForm, ComparisonForm, DatasetForm, PipelineForm, ReadingForm


def test_empty_fields_change_nothing() -> None:
    assert PipelineForm().overrides == {}
    assert PipelineForm(settings={"sasrec": {"max_epochs": None}, "annotate": {}}).overrides == {}


def test_nested_settings_become_dotted_ones() -> None:
    form = DatasetForm(settings={"reinforce": {"agents": {"hidden": 32}}, "sasrec": {"width": 16}})
    assert form.overrides == {"reinforce.agents.hidden": 32, "sasrec.width": 16}


def test_yes_and_no_become_booleans() -> None:
    form = DatasetForm(settings={"curate": {"require_grounding": "no"}, "sasrec": {"published": "yes"}})
    assert form.overrides == {"curate.require_grounding": False, "sasrec.published": True}


def test_fields_at_the_top_come_before_settings() -> None:
    form = PipelineForm(epochs=3, seed=7, agent_seeds=2, settings={"sasrec": {"max_epochs": 9, "width": 16}})
    assert form.overrides == {
        "sasrec.max_epochs": 3,
        "sasrec.width": 16,
        "sasrec.seed": 7,
        "ensemble.seed": 7,
        "fidelity.seed": 7,
        "reinforce.agents.seeds": [0, 1],
    }


def test_all_prompts_lift_the_profiles_cap() -> None:
    assert ReadingForm(max_prompts=500).overrides == {"annotate.max_prompts": 500}
    assert ReadingForm(max_prompts="all").overrides == {"annotate.max_prompts": None}


def test_a_preset_joins_the_datasets_name() -> None:
    assert DatasetForm(dataset="movielens", preset="paper").run == "movielens@paper"
    assert DatasetForm(dataset="movielens").run == "movielens"


@pytest.mark.parametrize("wrong", [{"split": "leave-one-out"}, {"agent_steps": 0}, {"agent_seeds": 50}, {"epochs": 3}])
def test_what_is_wrong_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AgentForm.model_validate(wrong)


def test_a_comparison_needs_two_profiles() -> None:
    with pytest.raises(ValidationError, match="at least 2 items"):
        ComparisonForm(profiles=["embedded"])
