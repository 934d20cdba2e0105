"""The report page: the run's artefacts arranged for the template, in words where numbers need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup
from pydantic import JsonValue

from models.policy_evaluation.comparison import PolicyScores, Reinforcement
from storage.run_folder import RunFolder
from tasks.evaluation.fidelity import Fidelity
from tasks.report.annotation_account import AnnotationAccount
from tasks.report.data import JsonObject, ReportData
from tasks.report.figures import themed
from tasks.report.policy_table import (
    BASELINES,
    CONTRASTS,
    POLICY_GROUPS,
    TRAINED,
    reinforcement_table,
    value_of,
)
from tasks.report.published import PublishedComparison
from tasks.report.tables import fidelity_table, label
from tasks.report.wording import (
    agreement_sentence,
    comparison_sentence,
    count,
    first_few,
    judgement_sentence,
    share,
    text,
    typeset,
)

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_SIDES = {"pro": "pros", "con": "cons", "pro and con": "pros and cons"}
_SPLIT_ORDER = "train validation test"
_STEPS = (
    "ingest",
    "train-sasrec",
    "annotate",
    "curate",
    "embed",
    "fit-ensemble",
    "fit-patience",
    "evaluate-fidelity",
    "reinforce",
    "case-study",
)
_PARTS = {
    "ingest": "the account of what was read",
    "fidelity": "the fidelity evaluation",
    "reinforcement": "reinforcement learning",
    "case_study": "the case study",
    "training": "the training of SASRec",
    "provenance": "the record of versions, settings and times",
}

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Page:
    """What a page is made of.

    Parameters
    ----------
    run
        Name of the run folder.
    data, account
        Artefacts, None where not run.
    figures
        SVG by name.
    published
        The paper's figures beside those of this run, where it has the preset `paper`.
    notes
        Sentences for the section on limits.
    """

    run: str
    data: ReportData
    account: AnnotationAccount | None
    figures: Mapping[str, str]
    notes: Sequence[str]
    published: PublishedComparison | None = None


@dataclass(frozen=True)
class Truth:
    """Models against the best possible predictor: its AUC, and a row a model."""

    best: float
    rows: Rows


def template_environment() -> Environment:
    """Where the pages' templates lie and what they may use; text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "share": share, "first_few": first_few, "label": label, "minus": typeset}
    return environment


def render(page: Page) -> str:
    """The page as HTML; every text is escaped but the figures, whose text matplotlib has escaped."""
    data, account = page.data, page.account
    provenance = data.provenance or {}
    ingest = data.ingest or {}
    return (
        template_environment()
        .get_template("report.html.jinja")
        .render(
            data=data,
            account=account,
            published=page.published,
            dataset=_dataset(page),
            split=_split(page),
            preset=RunFolder(Path(page.run)).preset,
            headline=_headline(page),
            leading=_with_bias(data.fidelity),
            comparisons=list(map(comparison_sentence, data.fidelity.comparisons if data.fidelity else ())),
            split_rows=[
                (name, count(part.get("interactions")), share(part.get("like_rate")))
                for name, part in sorted(_objects(ingest.get("splits")), key=lambda pair: _SPLIT_ORDER.find(pair[0]))
            ],
            skipped_rows=[
                tuple(text(row.get(field)) for field in ("file", "row", "field", "reason"))
                for row in _list(ingest.get("skipped"))
                if isinstance(row, dict)
            ],
            cache_share=_cache_share(provenance),
            prompt_rows=[
                (
                    f"{c.kind}, {_SIDES.get(c.side, c.side)}",
                    *map(count, (c.prompts, c.failed, c.prompt_tokens, c.output_tokens)),
                )
                for c in (account.prompts if account else ())
            ],
            rejected_rows=[(label(rule), count(n)) for rule, n in (account.rejected if account else ())],
            fidelity=fidelity_table(data.fidelity) if data.fidelity else None,
            reinforcement=reinforcement_table(data.reinforcement) if data.reinforcement else None,
            verdicts=_verdicts(data.reinforcement),
            seeds=len(data.reinforcement.seeds) if data.reinforcement else 0,
            truth=_truth(data.fidelity) if data.fidelity else None,
            figures={name: Markup(themed(svg, name)) for name, svg in page.figures.items()},
            limits=_limits(page),
            **_provenance_rows(provenance),
        )
    )


def _with_bias(fidelity: Fidelity | None) -> list[str]:
    """Sentences on the two models that the report leads with, whichever wins."""
    leading = ("ensemble", "sasrec")
    found = {c.model: c for c in fidelity.comparisons if c.against == "bias"} if fidelity else {}
    return [comparison_sentence(found[name]) for name in leading if name in found]


def _headline(page: Page) -> list[tuple[str, str, str]]:
    """Triples (title, value, detail) of the key numbers."""
    numbers: list[tuple[str, str, str]] = []
    fidelity, reinforcement = page.data.fidelity, page.data.reinforcement
    if fidelity:
        for name in ("ensemble", "bias"):
            if scores := fidelity.models.get(name):
                low, high = scores.auc_ci95
                numbers.append((f"AUC of {label(name)}", f"{scores.auc:.3f}", f"{low:.3f} to {high:.3f}"))
        if scores := fidelity.models.get("ensemble"):
            by_chance = f"{scores.ece_if_calibrated:.3f} of it by chance"
            numbers.append(("Calibration error", f"{scores.ece:.3f}", f"ECE of ensemble, {by_chance}"))
        numbers.append(("Test reactions", count(fidelity.n), f"{share(fidelity.like_rate)} likes"))
    if reinforcement:
        numbers += _policy_numbers(reinforcement)
    if page.account:
        numbers.append(
            (
                "Prompts answered",
                count(page.account.asked - page.account.failed),
                f"{count(page.account.failed)} failed",
            )
        )
        numbers.append(
            ("Keywords kept", count(page.account.kept), f"{share(page.account.grounded_share)} supported by the text")
        )
    return numbers


def _policy_numbers(reinforcement: Reinforcement) -> list[tuple[str, str, str]]:
    """The best agent by the judge, and beside it the best baseline, popularity and chance."""
    policies, judge = reinforcement.policies, reinforcement.judge
    values = {name: value_of(scores) for name, scores in policies.items()}
    chosen: dict[str, str] = {}
    for title, what in ((TRAINED, "best agent"), (BASELINES, "best baseline")):
        names = [name for name in POLICY_GROUPS[title] if name in values]
        if names:
            chosen[max(names, key=lambda name: values[name].mean)] = what
    for name in ("popularity", "random"):
        if name in values:
            chosen.setdefault(name, "baseline")
    titles = {"truth": "True likes", "held_out_ratings": "Estimated share of likes", None: "Reward"}
    digits = 3 if judge == "held_out_ratings" else 1
    return [
        (
            f"{titles[judge]}: {label(name)}",
            f"{values[name].mean:.{digits}f}",
            _beside_item_mean(policies[name], what, digits + 1 if judge != "held_out_ratings" else digits),
        )
        for name, what in chosen.items()
    ]


def _beside_item_mean(scores: PolicyScores, what: str, digits: int) -> str:
    over = scores.judgement.over_item_mean if scores.judgement else scores.over_item_mean
    if over is None or over.ci95 == (0, 0):
        return what
    mean, low, high = (f"{number:+.{digits}f}" for number in (over.mean, *over.ci95))
    return typeset(f"{what}; {mean} over item mean, {low} to {high}")


def _truth(fidelity: Fidelity) -> Truth | None:
    best = fidelity.models.get("best_possible")
    if best is None or best.auc <= 0.5:
        return None
    rows = []
    for name, scores in sorted(fidelity.models.items(), key=lambda pair: -pair[1].auc):
        if name != "best_possible":
            near = (fidelity.truth or {}).get(name)
            measured = (f"{near.mean_absolute_error:.3f}", f"{near.correlation:.3f}") if near else ("–", "–")
            rows.append((label(name), f"{scores.auc:.3f}", share((scores.auc - 0.5) / (best.auc - 0.5)), *measured))
    return Truth(best.auc, rows)


def _verdicts(reinforcement: Reinforcement | None) -> list[str]:
    """A sentence for each agent, and one on the simulator's order of all policies."""
    if reinforcement is None:
        return []
    trained = (*POLICY_GROUPS[TRAINED], *POLICY_GROUPS[CONTRASTS])
    sentences = [
        judgement_sentence(name, reinforcement.policies[name], reinforcement.judge)
        for name in trained
        if name in reinforcement.policies
    ]
    if reinforcement.agreement and reinforcement.judge:
        sentences.append(agreement_sentence(reinforcement.agreement, reinforcement.judge))
    return [sentence for sentence in sentences if sentence]


def _limits(page: Page) -> list[str]:
    missing = [f"Not run: {what}." for name, what in _PARTS.items() if getattr(page.data, name) is None]
    if page.account is None:
        missing.append("Not run: annotation by the language model.")
    elif page.account.covered[0] < 1:
        uncovered = share(1 - page.account.covered[0])
        missing.append(
            f"{uncovered} of the items have no keyword; keyword matching and similarity know nothing of them."
        )
    cap = _object(_object((page.data.provenance or {}).get("settings")).get("annotate")).get("max_prompts")
    if page.published and isinstance(cap, int):
        missing.append(f"Prompts to the language model are capped at {cap:,}; the paper reads every item and review.")
    return [*page.notes, *missing]


def _provenance_rows(provenance: JsonObject) -> dict[str, object]:
    settings = _object(provenance.get("settings"))
    model = _object(settings.get("llm"))
    told = ("description", "model", "served_name", "revision", "dtype", "device", "prompt_style")
    return {
        "model_rows": [(label(name), text(model[name])) for name in told if model.get(name) is not None],
        "step_rows": [
            (name, text(part.get("seconds")), _brief(_object(part.get("summary"))))
            for name, part in sorted(_objects(provenance.get("steps")), key=lambda pair: _step_order(pair[0]))
        ],
        "version_rows": [(name, text(value)) for name, value in _object(provenance.get("versions")).items()],
        "source_rows": [(name, text(value)) for name, value in _object(provenance.get("sources")).items()],
        "settings_text": yaml.safe_dump(settings, sort_keys=False, allow_unicode=True) if settings else "",
    }


def _step_order(name: str) -> int:
    return _STEPS.index(name) if name in _STEPS else len(_STEPS)


def _brief(summary: JsonObject) -> str:
    """The plain values of a step's summary."""
    return ", ".join(f"{label(name)} {text(value)}" for name, value in summary.items() if _is_plain(value))


def _cache_share(provenance: JsonObject) -> str:
    summary = _object(_object(_object(provenance.get("steps")).get("annotate")).get("summary"))
    cached, prompts = summary.get("from_cache"), summary.get("prompts")
    return share(cached / prompts) if isinstance(cached, int) and isinstance(prompts, int) and prompts else "–"


def _dataset(page: Page) -> str:
    told = page.data.fidelity or page.data.reinforcement
    return (told.dataset if told else page.run).partition("@")[0]


def _split(page: Page) -> str:
    return page.data.fidelity.split if page.data.fidelity else RunFolder(Path(page.run)).split


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _objects(value: JsonValue) -> list[tuple[str, JsonObject]]:
    return [(name, part) for name, part in _object(value).items() if isinstance(part, dict)]


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _is_plain(value: JsonValue) -> bool:
    return isinstance(value, str | int | float)
