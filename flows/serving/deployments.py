"""The deployments of this machine: one for every dataset profile, and general ones in which the dataset is a choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import Flow
from pydantic import JsonValue

from flows.serving import deployed
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
from flows.settings import Settings
from storage.errors import RecaudienceError
from storage.settings.datasets import DatasetSettings, list_dataset_profiles, own_profiles
from storage.settings.llm_profiles import DEFAULT_LLM, list_llm_profiles
from storage.settings.presets import list_presets
from storage.settings.schedules import ScheduleSettings
from tasks.steps.ingest import source_files

TAG = "recaudience"
NO_SOURCE = "source unknown"
_GENERAL: tuple[tuple[str, Flow[..., Any], type[DatasetForm]], ...] = (
    ("any-dataset", deployed.reproduce_form, PipelineForm),
    ("evaluate", deployed.evaluate_form, EvaluationForm),
    ("tune", deployed.tune_form, TuningForm),
    ("compare", deployed.compare_form, ComparisonForm),
    ("annotate", deployed.annotate_form, ReadingForm),
    ("reinforce", deployed.reinforce_form, AgentForm),
)


@dataclass(frozen=True)
class ScheduledRun:
    """When a deployment is run by itself, with which parameters; `name` tells it from its deployment's others."""

    name: str
    cron: str
    timezone: str
    parameters: dict[str, JsonValue]


@dataclass(frozen=True)
class Deployment:
    """What Prefect's server keeps of a deployment."""

    name: str
    flow: Flow[..., Any]
    description: str
    tags: tuple[str, ...]
    parameters: dict[str, JsonValue]
    schema: dict[str, Any]
    schedules: tuple[ScheduledRun, ...] = field(default=())

    @property
    def entrypoint(self) -> str:
        """Where its flow is imported from; below another name in the wheel."""
        return f"{self.flow.fn.__module__}.{self.flow.fn.__name__}"

    @property
    def has_source(self) -> bool:
        """Whether its dataset's files are on this machine, so that its schedules may be active."""
        return NO_SOURCE not in self.tags


def deployments(data: Path, llm: str = DEFAULT_LLM) -> list[Deployment]:
    """All deployments of a data folder, its own tables' included.

    Parameters
    ----------
    data
        The data folder.
    llm
        The language-model profile of runs that name none, such as scheduled ones.

    Raises
    ------
    SettingsError
        Where a profile is not valid.
    """
    profiles = list_dataset_profiles(own_profiles(data))
    presets, models = tuple(list_presets()), tuple(list_llm_profiles())
    every = Choices(tuple(profile.name for profile in profiles), presets, models)
    return [
        *(_of_dataset(profile, Choices((profile.name,), presets, models), data, llm) for profile in profiles),
        *(_general(name, flow, form, every, llm) for name, flow, form in _GENERAL),
    ]


def _of_dataset(profile: DatasetSettings, choices: Choices, data: Path, llm: str) -> Deployment:
    settings = Settings.load(profile.name, None, llm, profile.split, {}, data=data)
    missing = _missing_source(settings)
    return Deployment(
        name=profile.name,
        flow=deployed.reproduce_form,
        description=_description(profile, missing),
        tags=(TAG, profile.name, *((NO_SOURCE,) if missing else ())),
        parameters={"dataset": profile.name, "llm": llm},
        schema=form_schema(PipelineForm, choices),
        schedules=tuple(_schedules(settings.schedule)),
    )


def _general(name: str, flow: Flow[..., Any], form: type[DatasetForm], choices: Choices, llm: str) -> Deployment:
    parameters: dict[str, JsonValue] = {"llm": llm} if issubclass(form, ReadingForm) else {}
    return Deployment(name, flow, str(flow.description), (TAG,), parameters, form_schema(form, choices))


def _schedules(schedule: ScheduleSettings) -> Iterable[ScheduledRun]:
    if schedule.reading is not None:
        parameters: dict[str, JsonValue] = {"extent": "reading", "reason": "nightly reading"}
        yield ScheduledRun("reading", schedule.reading, schedule.timezone, parameters)
    if schedule.training is not None:
        yield ScheduledRun("training", schedule.training, schedule.timezone, {"reason": "weekly training"})


def _missing_source(settings: Settings) -> str:
    """Why the dataset's files cannot be read on this machine; '' where they can."""
    try:
        source_files(settings.ingest)
    except RecaudienceError as error:
        return str(error)
    return ""


def _description(profile: DatasetSettings, missing: str) -> str:
    lines = [f"{profile.description or profile.name}. {profile.origin}".strip()]
    if missing:
        lines.append(f"Its files are not on this machine yet: `recaudience datasets source {profile.name} PATH`.")
        lines.append("Until then its schedules are paused.")
    return "\n\n".join(lines)
