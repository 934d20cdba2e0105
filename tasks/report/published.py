"""What the paper publishes for a dataset beside what its preset came to here (arXiv 2412.16984, Tables 1 and 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from models.policy_evaluation.comparison import PolicyScores, Reinforcement
from storage.run_folder import RunFolder
from tasks.report.data import JsonObject, ReportData, load_report_data
from tasks.report.tables import Rows, label

PRESET = "paper"
_FILE = Path(__file__).resolve().with_name("published_results.yaml")
_POLICIES = ("ppo", "trpo", "a2c", "dqn")  # in the paper's order
_DASH = "–"

HEADER = [
    "Policy",
    "Average reward, published",
    "Average reward, here",
    "Total reward, published",
    "Total reward, here",
    "Liking%, published",
    "Liking%, here",
]


class PublishedResults(BaseModel):
    """A dataset's rows of Tables 1 and 2; a policy's are average reward, total reward and liking in per cent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edition: str
    users: int
    items: int
    interactions: int
    policies: dict[str, tuple[float, float, float]]


@dataclass(frozen=True)
class PublishedComparison:
    """The section of a report on the published results.

    Parameters
    ----------
    policies
        Header and a row a policy: published and own figures side by side.
    differences
        Rows (what, in the paper, here).
    is_published
        Whether the paper has figures for this dataset.
    """

    policies: Rows
    differences: Rows
    is_published: bool


@cache
def published_results() -> Mapping[str, PublishedResults]:
    """What the paper prints, by the name of the dataset's profile."""
    shape = TypeAdapter(dict[str, PublishedResults])
    return shape.validate_python(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def published_rows(folder: RunFolder) -> Rows | None:
    """The policies' table of a run with the preset `paper` as text, header first; None for other runs."""
    comparison = published_comparison(folder, load_report_data(folder))
    return comparison.policies if comparison else None


def published_comparison(folder: RunFolder, data: ReportData) -> PublishedComparison | None:
    """Published and own figures of a run with the preset `paper`; None for others, or where no policy was played."""
    if folder.preset != PRESET or data.reinforcement is None:
        return None
    results = published_results().get(folder.dataset)
    own = data.reinforcement.policies
    policies = [_policy_row(name, results, own.get(name)) for name in _POLICIES]
    differences = _differences(results, data, data.reinforcement)
    return PublishedComparison([HEADER, *policies], differences, results is not None)


def _policy_row(name: str, results: PublishedResults | None, own: PolicyScores | None) -> list[str]:
    published = [_DASH] * 3
    if results is not None:
        average, total, liking = results.policies[name]
        published = [f"{average:.2f}", f"{total:.2f}", f"{liking:.2f}"]
    here = [_DASH] * 3
    if own is not None:
        liking = 100 * own.liking_at_10.mean
        here = [f"{own.average_reward.mean:.2f}", f"{own.total_reward.mean:,.0f}", f"{liking:.2f}"]
    return [label(name), *(text for pair in zip(published, here, strict=True) for text in pair)]


def _differences(results: PublishedResults | None, data: ReportData, own: Reinforcement) -> Rows:
    """What the paper's run and this one do not share, as far as both are told."""
    ingest, settings = data.ingest or {}, _object((data.provenance or {}).get("settings"))
    dataset, llm = _object(settings.get("dataset")), _object(settings.get("llm"))
    cap = _object(settings.get("annotate")).get("max_prompts")
    environment = _object(_object(settings.get("reinforce")).get("environment"))
    annotated = _object(_object(_object((data.provenance or {}).get("steps")).get("annotate")).get("summary"))
    asked, items = annotated.get("prompts"), annotated.get("items")
    told = vars(results) if results else {}
    threshold, top = _plain(dataset.get("like_threshold")), _plain(dataset.get("rating_max"))
    capped = "no cap" if cap is None else f"capped at {_number(cap)}"
    return [
        ["Edition of the data", str(told.get("edition", _DASH)), str(ingest.get("version", _DASH))],
        *([name.capitalize(), _number(told.get(name)), _number(ingest.get(name))] for name in _SIZES),
        ["Likes among the ratings", "not told", _share(ingest.get("like_rate"))],
        ["A like", "3 of 5 or more", f"{threshold} of {top} or more"],
        ["Language model", "ChatGLM-6B", str(llm.get("served_name", _DASH))],
        ["Prompts", "one an item and one a review", f"{_number(asked)} about {_number(items)} items, {capped}"],
        ["Embedding of keywords", "BERT, average pooling", _encoder(settings)],
        ["Steps of training", "not told; the authors' code: 1,600,000 (DQN)", f"{own.steps:,}"],
        ["Sessions judged", "not told", f"{own.episodes:,}, {len(own.seeds)} seeds"],
        [
            "Chance that a session ends after a step",
            "not told; the authors' code: 0.025",
            _plain(environment.get("end_probability")),
        ],
        ["Longest session", "not told", f"{_plain(environment.get('max_steps'))} steps"],
        ["Items that may be recommended", "all", f"{own.catalogue:,}"],
        ["Average reward", "not defined", "mean undiscounted return of a session"],
        ["Total reward", "not defined", "its sum over the sessions judged"],
        ["Liking%", "share of liked items in the top 10", "the same, liked by the vote"],
    ]


_SIZES = ("users", "items", "interactions")


def _encoder(settings: JsonObject) -> str:
    return f"{_object(settings.get('embed')).get('model', _DASH)}, average pooling"


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else _DASH


def _plain(value: JsonValue) -> str:
    return f"{value:g}" if isinstance(value, int | float) else _DASH


def _share(value: JsonValue) -> str:
    return f"{value:.1%}" if isinstance(value, int | float) else _DASH
