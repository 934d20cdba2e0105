"""The schema that Prefect's server checks a run's parameters against, before the run starts."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.utilities.schema_tools.validation import is_valid_schema, validate

from flows.serving.form_schema import Choices, form_schema
from flows.serving.forms import (
    AgentForm,
    ComparisonForm,
    DatasetForm,
    EvaluationForm,
    PipelineForm,
    ReadingForm,
    TuningForm,
)

CHOICES = Choices(("movielens",), ("paper",), ("embedded", "openai"))
FORMS = (PipelineForm, AgentForm, ReadingForm, EvaluationForm, TuningForm, ComparisonForm)


@pytest.fixture(scope="module")
def pipeline() -> dict[str, Any]:
    return form_schema(PipelineForm, CHOICES)


def problems(schema: dict[str, Any], parameters: dict[str, Any]) -> str:
    return "; ".join(f"{error.json_path}: {error.message}" for error in validate(parameters, schema))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_a_valid_schema_that_accepts_an_empty_form(form: type[DatasetForm]) -> None:
    schema = form_schema(form, CHOICES)
    is_valid_schema(schema)
    assert problems(schema, {}) == ""
    assert problems(schema, {"dataset": "movielens"}) == ""


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"dataset": "yelp"}, "$.dataset: 'yelp' is not one of ['movielens']"),
        ({"llm": "gpt"}, "$.llm: 'gpt' is not one of ['embedded', 'openai']"),
        ({"preset": "papers"}, "$.preset: 'papers' is not one of ['paper']"),
        ({"split": "random"}, "$.split: 'random' is not one of"),
        ({"epochs": 0}, "$.epochs: 0 is less than the minimum of 1"),
        ({"agent_seeds": 1.5}, "$.agent_seeds: 1.5 is not"),
        ({"max_prompts": "some"}, "$.max_prompts: 'some' is not valid"),
        ({"from_step": "train"}, "$.from_step: 'train' is not one of ['ingest', 'train-sasrec'"),
        ({"seed": -1}, "$.seed: -1 is less than"),
        ({"overrides": {}}, "'overrides' was unexpected"),
        ({"settings": {"sasrec": {"dropout": 1}}}, "$.settings.sasrec.dropout: 1 is greater than or equal"),
        ({"settings": {"sasrec": {"max_epoch": 3}}}, "'max_epoch' was unexpected"),
        ({"settings": {"dataset": {"adapter": "table"}}}, "'adapter' was unexpected"),
        ({"settings": {"reinforce": {"agents": {"algorithms": ["sac"]}}}}, "algorithms[0]: 'sac' is not one of"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(pipeline: dict[str, Any], wrong: dict, problem: str) -> None:
    assert problem in problems(pipeline, wrong)


def test_a_filled_form_is_accepted(pipeline: dict[str, Any]) -> None:
    filled = {
        "dataset": "movielens",
        "preset": "paper",
        "split": "loo",
        "reason": "new ratings",
        "max_prompts": "all",
        "epochs": 3,
        "settings": {"dataset": {"min_ratings": 10}, "reinforce": {"environment": {"max_steps": 20}}},
    }
    assert problems(pipeline, filled) == ""


def test_a_boolean_setting_is_a_choice_for_an_untouched_toggle_would_be_sent_as_false(pipeline: dict[str, Any]) -> None:
    assert pipeline["definitions"]["CurationSettings"]["properties"]["require_grounding"]["enum"] == ["yes", "no"]
    types = [
        one.get("type") for part in pipeline["definitions"].values() for one in part.get("properties", {}).values()
    ]
    assert "boolean" not in types
    assert problems(pipeline, {"settings": {"curate": {"require_grounding": "no"}}}) == ""


def test_settings_have_descriptions_and_no_defaults(pipeline: dict[str, Any]) -> None:
    epochs = pipeline["definitions"]["SASRecSettings"]["properties"]["max_epochs"]
    assert epochs["description"] == "upper limit of passes over the training interactions"
    assert not any(
        "default" in one for part in pipeline["definitions"].values() for one in part.get("properties", {}).values()
    )
