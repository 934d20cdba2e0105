"""Step `report`: one page with everything a run came to, and its figures.

The page needs no other file and no network. What was not run is said to be missing; all text from data is escaped.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from storage.files import publish
from storage.run_folder import RunFolder
from tasks.report import figures
from tasks.report.annotation_account import annotation_account
from tasks.report.data import ReportData, load_report_data
from tasks.report.page import Page, render
from tasks.report.published import published_comparison
from tasks.step import Summary, step


class ReportSettings(BaseModel):
    """What the report says beside the run's own artefacts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    notes: tuple[str, ...] = Field(
        default=(), description="sentences for the section on limits: what was not run, and why"
    )


@step(
    version="4",
    reads=(
        "ingest.json",
        "items.parquet",
        "annotations.parquet",
        "keywords.parquet",
        "vocabulary.parquet",
        "rejected_keywords.parquet",
        "sasrec/training.json",
        "report/fidelity.json",
        "report/reinforcement.json",
        "report/case_study.json",
        "report/provenance.json",
    ),
    writes=("report/index.html", "report/figures"),
)
def report(folder: RunFolder, settings: ReportSettings) -> Summary:
    """Draw the figures and render the page from what the run folder holds.

    Raises
    ------
    DataError
        Where an artefact is broken; one that is absent is reported on the page as not run.
    """
    data = load_report_data(folder)
    drawn = draw(data)
    with publish(folder.path("report/figures")) as temporary:
        temporary.mkdir()
        for name, svg in drawn.items():
            (temporary / f"{name}.svg").write_text(svg, encoding="utf-8")
    published = published_comparison(folder, data)
    page = render(Page(folder.root.name, data, annotation_account(folder), drawn, settings.notes, published))
    _publish_text(folder.path("report/index.html"), page)
    missing: list[JsonValue] = [name for name, part in vars(data).items() if part is None]
    return {"figures": len(drawn), "missing": missing}


def draw(data: ReportData) -> dict[str, str]:
    """SVG of every figure that there is data for, by name."""
    drawn: dict[str, str] = {}
    if data.fidelity:
        drawn["auc"] = figures.auc_forest(data.fidelity)
        if any(data.fidelity.reliability.values()):
            drawn["reliability"] = figures.reliability(data.fidelity)
    if data.training and data.training.epochs:
        drawn["training"] = figures.training_curve(data.training)
    if data.reinforcement:
        drawn["rewards"] = figures.policy_differences(data.reinforcement)
        if data.reinforcement.learning_curves:
            drawn["learning"] = figures.learning_curves(data.reinforcement)
    return drawn


def _publish_text(path: Path, text: str) -> None:
    with publish(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
