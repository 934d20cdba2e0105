"""The JSON schema of a run form: choices from the profiles of this machine, settings as nested sections.

Prefect's server checks a run's parameters against it before the run starts, and its UI makes the form of it. Settings
have no default in it: one that is left empty stays as dataset profile and preset have it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue

from flows.serving.forms import NO, YES, ComparisonForm, DatasetForm, ReadingForm
from flows.settings import Settings

_LEFT_OUT: dict[str, Collection[str]] = {
    # Chosen at the top of the form, or not to be changed for one run.
    "DatasetSettings": ("name", "description", "origin", "adapter", "split", "filters", "table", "fetch"),
    "LLMProfile": (
        *("name", "description", "model", "served_name", "revision", "dtype", "context_length", "device", "memory_gib"),
        *("base_url", "api_key_env", "chat_template", "server_arguments"),
    ),
}
_SECTION_TITLES = {
    "dataset": "Dataset",
    "llm": "How the language model answers",
    "annotate": "Prompts (step annotate)",
    "curate": "Keywords (step curate)",
    "embed": "Embeddings (step embed)",
    "sasrec": "Sequence model (step train-sasrec)",
    "ensemble": "Fitted stack (step fit-ensemble)",
    "patience": "Patience (step fit-patience)",
    "fidelity": "Fidelity card (step evaluate-fidelity)",
    "peers": "Peers (evaluate)",
    "training_gain": "Training gain (evaluate)",
    "reinforce": "Reinforcement learning (step reinforce)",
    "case_study": "Case study (step case-study)",
    "report": "Report (step report)",
}


@dataclass(frozen=True)
class Choices:
    """What can be chosen on this machine, by name; one dataset fixes it."""

    datasets: tuple[str, ...]
    presets: tuple[str, ...]
    llm_profiles: tuple[str, ...]


def form_schema(form: type[DatasetForm], choices: Choices) -> JsonSchemaValue:
    """Schema of a form as Prefect keeps it for a deployment.

    Parameters
    ----------
    form
        The form's model.
    choices
        Names that can be chosen.
    """
    schema = form.model_json_schema(ref_template="#/definitions/{model}")
    properties = schema["properties"]
    properties["dataset"]["enum"] = list(choices.datasets)
    properties["preset"] = _without_null(properties["preset"]) | {"enum": list(choices.presets)}
    if issubclass(form, ReadingForm):
        properties["llm"]["enum"] = list(choices.llm_profiles)
    if issubclass(form, ComparisonForm):
        properties["profiles"]["items"] = {"type": "string", "enum": list(choices.llm_profiles)}
        properties["profiles"]["uniqueItems"] = True
    sections = _partial(Settings, form.sections).model_json_schema(ref_template="#/definitions/{model}")
    definitions = sections.pop("$defs", {}) | schema.pop("$defs", {})
    for part in (sections, *definitions.values()):
        part["properties"] = {name: _optional(one) for name, one in part.get("properties", {}).items()}
    for name, section in sections["properties"].items():
        section["title"] = _SECTION_TITLES[name]
    properties["settings"] = sections | {name: properties["settings"][name] for name in ("title", "description")}
    for position, name in enumerate(sorted(properties, key=lambda name: name == "settings")):  # the longest one last
        properties[name]["position"] = position
    return {
        "title": "Parameters",
        "type": "object",
        "properties": {name: _without_null(one) for name, one in properties.items()},
        "required": [],
        "additionalProperties": False,
        "definitions": definitions,
    }


def _partial(model: type[BaseModel], kept: Collection[str] | None = None) -> type[BaseModel]:
    """The model with fewer fields and none of them needed, its bounds and descriptions kept."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name not in _LEFT_OUT.get(model.__name__, ()) and (kept is None or name in kept):
            fields[name] = (_bounded(field), Field(default=None, description=field.description))
    return create_model(model.__name__, __config__=ConfigDict(extra="forbid"), __doc__=model.__doc__, **fields)


def _bounded(field: FieldInfo) -> object:
    """The field's type with its bounds, which pydantic keeps apart; a section's fields are not needed either."""
    annotation: Any = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        annotation = _partial(annotation)
    for bound in field.metadata:
        annotation = Annotated[annotation, bound]
    return annotation


def _optional(schema: JsonSchemaValue) -> JsonSchemaValue:
    """A setting that is left out where its field stays empty.

    The UI would show a boolean as a toggle, and send `false` for one that nobody touched: it becomes a choice.
    """
    kept = {name: value for name, value in schema.items() if name != "default"}
    return kept | {"type": "string", "enum": [YES, NO]} if kept.get("type") == "boolean" else kept


def _without_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    """A schema that may be left out instead of being null; one alternative alone takes the place of `anyOf`."""
    kept = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default") or not kept}
    if not kept:
        return rest
    return rest | kept[0] if len(kept) == 1 else rest | {"anyOf": kept}
