"""What may be chosen when a run is started from the Prefect UI or its API: one form for each deployed flow.

A form is a pydantic model: its fields are the flow's parameters, and its JSON schema is what the UI shows and what the
server checks before a run starts (flows/serving/form_schema.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from models.response.sasrec.tuning import SASREC_GRID, Value
from storage.run_folder import DEFAULT_SPLIT, Split, StepName
from storage.settings.llm_profiles import DEFAULT_LLM
from storage.settings.presets import with_preset

_MOST_PROMPTS = 100_000_000
YES, NO = "yes", "no"
_Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
_READING = ("dataset", "llm", "annotate", "curate", "embed")
_FITTING = ("sasrec", "ensemble", "patience", "fidelity")
_ACTING = ("reinforce", "case_study", "report")


class DatasetForm(BaseModel):
    """What every run has: a dataset, a split, settings of its own, and the reason that stands in its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sections: ClassVar[tuple[str, ...]]  # of the settings, which the form's flow uses

    dataset: str = Field(default="sample", title="Dataset", description="A dataset profile.")
    preset: str | None = Field(
        default=None, title="Preset", description="Settings that reproduce somebody's configuration; empty for none."
    )
    split: Split = Field(
        default=DEFAULT_SPLIT, title="Split", description="How interactions are split into train, validation and test."
    )
    reason: str = Field(
        default="", max_length=80, title="Reason", description="Why this run is started; it stands in the run's name."
    )
    settings: dict[str, JsonValue] = Field(
        default={},
        title="Settings",
        description="Settings that differ from the profile's; empty ones stay as they are.",
    )

    @property
    def run(self) -> str:
        """The dataset with its preset, as in `sample@paper`."""
        return with_preset(self.dataset, self.preset or None)

    @property
    def budgets(self) -> dict[str, JsonValue]:
        """Settings that stand at the top of the form."""
        return {}

    @property
    def overrides(self) -> dict[str, JsonValue]:
        """All settings that differ from the profile's, by dotted name; those at the top of the form come first."""
        return {**dotted(self.settings), **{name: value for name, value in self.budgets.items() if value is not None}}


class ReadingForm(DatasetForm):
    """A run that reads items with a language model."""

    sections = _READING

    llm: str = Field(default=DEFAULT_LLM, title="Language model", description="A language-model profile.")
    max_prompts: Annotated[int, Field(ge=2, le=_MOST_PROMPTS)] | Literal["all"] | None = Field(
        default=None,
        title="Most prompts",
        description="Cap on prompts to the language model, or all; empty: profile's.",
    )

    @property
    def budgets(self) -> dict[str, JsonValue]:
        """The cap on prompts, where one is given; `all` lifts the profile's."""
        return {"annotate.max_prompts": self.max_prompts}

    @property
    def overrides(self) -> dict[str, JsonValue]:
        """As in DatasetForm; a cap of `all` is the setting null."""
        chosen = super().overrides
        return chosen | ({"annotate.max_prompts": None} if self.max_prompts == "all" else {})


class AgentForm(ReadingForm):
    """A run that trains agents; steps before it are taken from the last run."""

    sections = (*_READING, *_FITTING, *_ACTING)

    agent_steps: int | None = Field(
        default=None,
        ge=64,
        le=100_000_000,
        title="Steps of an agent",
        description="Environment steps of training each.",
    )
    agent_seeds: int | None = Field(
        default=None, ge=1, le=20, title="Seeds of an agent", description="Agents trained of each kind, seeds from 0."
    )

    @property
    def budgets(self) -> dict[str, JsonValue]:
        """Caps on prompts, steps and seeds."""
        seeds: JsonValue = None if self.agent_seeds is None else list(range(self.agent_seeds))
        return {**super().budgets, "reinforce.agents.steps": self.agent_steps, "reinforce.agents.seeds": seeds}


class PipelineForm(AgentForm):
    """A run of the whole pipeline, or of its reading alone."""

    extent: Literal["all", "reading"] = Field(
        default="all",
        title="What to run",
        description="all: every step to the report; reading: check the data and read new items, publish nothing.",
    )
    from_step: StepName | None = Field(
        default=None,
        title="From step",
        description="A step that runs although nothing has changed, with all that depend on it; empty for none.",
    )
    epochs: int | None = Field(
        default=None, ge=1, le=1_000, title="Most epochs", description="Passes over the train rows by SASRec, at most."
    )
    seed: _Seed | None = Field(
        default=None, title="Seed", description="Of SASRec's training, of the ensemble and of resampling."
    )

    @property
    def budgets(self) -> dict[str, JsonValue]:
        """All caps, and the seed of every step of fitting and measuring."""
        seeded = dict.fromkeys(("sasrec.seed", "ensemble.seed", "fidelity.seed"), self.seed)
        return {**super().budgets, "sasrec.max_epochs": self.epochs, **seeded}


class EvaluationForm(ReadingForm):
    """The whole fidelity card."""

    sections = (*_READING, *_FITTING, "peers", "training_gain")

    splits: tuple[Split, ...] = Field(
        default=("tail", "loo", "time"), min_length=1, title="Splits", description="A card for each of them."
    )
    peers: bool = Field(
        default=False, title="Peers", description="Whether other kinds of simulated users are judged too."
    )
    training_gain: bool = Field(
        default=False, title="Training gain", description="Whether recommenders are fitted with simulated reactions."
    )


class TuningForm(DatasetForm):
    """Values of SASRec's settings that are tried."""

    sections = ("dataset", "sasrec", "fidelity")

    grid: dict[str, list[Value]] = Field(
        default={name: list(values) for name, values in SASREC_GRID.items()},
        min_length=1,
        title="Grid",
        description="Values to try of each setting, one setting after another.",
    )


class ComparisonForm(ReadingForm):
    """Several language models on one dataset."""

    profiles: list[str] = Field(
        default=["embedded", "openai"], min_length=2, title="Profiles", description="Language-model profiles."
    )


def dotted(settings: Mapping[str, JsonValue], prefix: str = "") -> dict[str, JsonValue]:
    """Nested settings by dotted name, yes and no as booleans; a null, sent for an emptied field, is left out."""
    flat: dict[str, JsonValue] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= dotted(value, f"{prefix}{name}.")
        elif value is not None:
            flat[prefix + name] = {YES: True, NO: False}.get(value, value) if isinstance(value, str) else value
    return flat
