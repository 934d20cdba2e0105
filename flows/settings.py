"""All settings of a run in one place: defaults, the profiles of dataset and language model, a preset, overrides."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from models.fidelity.training_gain import TrainingGainSettings
from models.keywords.curation import CurationSettings
from models.keywords.embeddings import EmbeddingSettings
from models.response.sasrec.settings import SASRecSettings
from storage.errors import SettingsError
from storage.run_folder import Split
from storage.settings.datasets import DatasetSettings, load_dataset_profile, own_profiles
from storage.settings.llm_profiles import LLMProfile, load_llm_profile
from storage.settings.presets import load_preset, merged_sections, split_preset
from storage.settings.schedules import ScheduleSettings
from storage.settings.sources import source_on_this_machine
from tasks.evaluation.fidelity import FidelitySettings
from tasks.evaluation.peer_settings import PeerSettings
from tasks.policies.settings import ReinforceSettings
from tasks.report.build import ReportSettings
from tasks.steps.annotate import AnnotateSettings
from tasks.steps.case_study import CaseStudySettings
from tasks.steps.fit_ensemble import EnsembleSettings
from tasks.steps.fit_patience import PatienceSettings
from tasks.steps.ingest import IngestSettings


class Settings(BaseModel):
    """Settings of every step of a run, one section per step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: DatasetSettings
    preset: str | None = Field(default=None, description="the preset that the settings come from")
    source: str | None = Field(default=None, description="folder or file with the publisher's files")
    llm: LLMProfile
    annotate: AnnotateSettings = AnnotateSettings()
    curate: CurationSettings = CurationSettings()
    embed: EmbeddingSettings = EmbeddingSettings()
    sasrec: SASRecSettings = SASRecSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    patience: PatienceSettings = PatienceSettings()
    fidelity: FidelitySettings = FidelitySettings()
    peers: PeerSettings = PeerSettings()
    training_gain: TrainingGainSettings = TrainingGainSettings()
    reinforce: ReinforceSettings = ReinforceSettings()
    case_study: CaseStudySettings = CaseStudySettings()
    report: ReportSettings = ReportSettings()
    # When a run starts does not change its result: left out of manifests.
    schedule: ScheduleSettings = Field(default=ScheduleSettings(), exclude=True)

    @classmethod
    def load(
        cls,
        dataset: str,
        source: str | None,
        llm: str,
        split: Split,
        overrides: Mapping[str, JsonValue],
        *,
        data: Path | None = None,
    ) -> Self:
        """Settings of a dataset's profile with a language-model profile and overrides such as `sasrec.max_epochs: 5`.

        `sample@paper` is the dataset `sample` with the preset `paper`, whose settings come over those of both profiles
        and below the overrides. The data folder holds the profiles made by `recaudience datasets add`, and knows where
        the files of a dataset lie on this machine; a source that is given comes first, one of the profile last.

        Raises
        ------
        SettingsError
            Where a profile, preset, section or value is unknown or out of range.
        """
        name, preset = split_preset(dataset)
        sections: dict[str, JsonValue] = dict(load_dataset_profile(name, data and own_profiles(data)))
        if preset is not None:
            sections = load_preset(preset).over(sections)
        _merge(sections, "dataset.split", split)
        for key, value in overrides.items():
            _merge(sections, key, value)
        merged = merged_sections({"llm": load_llm_profile(llm).model_dump()}, sections)
        source = source or _usual_source(name, sections, data)
        try:
            return cls.model_validate({**merged, "source": _absolute(source), "preset": preset})
        except ValidationError as error:
            raise SettingsError(_explain(error)) from error

    @property
    def ingest(self) -> IngestSettings:
        """Settings of the step ingest."""
        return IngestSettings(dataset=self.dataset, source=self.source)


def parse_overrides(assignments: Sequence[str]) -> dict[str, JsonValue]:
    """`["sasrec.max_epochs=5"]` as `{"sasrec.max_epochs": 5}`; values are read as YAML: null, true and lists work.

    Raises
    ------
    SettingsError
        Where an assignment is not of the form section.name=value.
    """
    overrides: dict[str, JsonValue] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or "." not in key:
            raise SettingsError(
                f"--set {assignment!r} is not of the form section.name=value, as in sasrec.max_epochs=5."
            )
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SettingsError(f"--set {assignment!r}: the value is not valid YAML: {error}") from error
        word = text.strip()  # on, off, yes and no are words here, as in YAML 1.2
        overrides[key.strip()] = word if isinstance(value, bool) and word.lower() not in ("true", "false") else value
    return overrides


def _merge(sections: dict[str, JsonValue], key: str, value: JsonValue) -> None:
    *parents, name = key.split(".")
    level = sections
    for parent in parents:
        child = level.get(parent)
        child = dict(child) if isinstance(child, dict) else {}
        level[parent] = child
        level = child
    level[name] = value


def _usual_source(dataset: str, sections: Mapping[str, JsonValue], data: Path | None) -> str | None:
    """Where the files lie on this machine, else where the profile says."""
    here = None if data is None else source_on_this_machine(data, dataset)
    of_profile = sections.get("source")
    return str(here) if here is not None else None if of_profile is None else str(of_profile)


def _absolute(source: str | None) -> str | None:
    return None if source is None else str(Path(source).expanduser().resolve())


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        path = ".".join(str(part) for part in problem["loc"])
        hint = ""
        if problem["type"] == "extra_forbidden":
            fields = _fields_at(problem["loc"][:-1])
            near = difflib.get_close_matches(str(problem["loc"][-1]), fields, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known here: {', '.join(fields)}."
        lines.append(f"setting {path}: {problem['msg']} (found {problem['input']!r}).{hint}")
    return "\n".join(lines)


def _fields_at(location: Sequence[int | str]) -> list[str]:
    model: object = Settings
    for part in location:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
        field = model.model_fields.get(str(part))
        model = field.annotation if field else None
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
