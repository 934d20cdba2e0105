"""The whole pipeline for one dataset: ratings in, simulated audience, fidelity card, RL table and report out.

Every step is a Prefect task cached by the content of what it reads (tasks/step.py): a second run with nothing changed
does nothing again, a killed run resumes where it stopped. A language-model server is started only if a prompt has no
stored answer, and is stopped again if this run started it. Needs: the environments made by `make setup`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from prefect import flow, get_run_logger
from pydantic import JsonValue

from flows.artifacts import publish_artifacts
from flows.audience import STEPS, build_audience, source_references
from flows.settings import Settings
from storage.files import publish_json
from storage.locks import exclusive
from storage.run_folder import RunFolder, Split, StepName
from tasks.evaluation.fidelity import evaluate_fidelity
from tasks.report.build import report
from tasks.report.changes import figures_of
from tasks.step import FileReference, StepResult, dependents, running_again
from tasks.steps.case_study import case_study
from tasks.steps.reinforce import reinforce

_STEPS = (*STEPS, evaluate_fidelity, reinforce, case_study, report)
_VERSIONED = (
    "recaudience",
    "prefect",
    "polars",
    "torch",
    "sentence-transformers",
    "faiss-cpu",
    "stable-baselines3",
    "sb3-contrib",
)


@flow(name="reproduce", flow_run_name="{dataset} ({split})", validate_parameters=True, persist_result=False)
def reproduce(
    dataset: str = "sample",
    *,
    source: str | None = None,
    llm: str = "embedded",
    split: Split = "tail",
    overrides: dict[str, JsonValue] | None = None,
    from_step: StepName | None = None,
    data: str = "data",
) -> str:
    """Run every step for `dataset` and publish the run folder.

    Parameters
    ----------
    dataset
        Name of a dataset profile (deployments/datasets), or with a preset (deployments/presets) `sample@paper`.
    source
        Folder or file with the publisher's files; not needed for generated datasets.
    llm
        Name of a language-model profile (deployments/llm).
    split
        tail, loo or time (docs/evaluation.md).
    overrides
        Settings that differ from the profile's, such as {"annotate.max_prompts": 500}.
    from_step
        A step that runs although nothing has changed, and with it all that depend on it.
    data
        The data folder.

    Returns
    -------
    str
        Path of the report page.
    """
    logger = get_run_logger()
    settings = Settings.load(dataset, source, llm, split, overrides or {}, data=Path(data))
    folder = RunFolder.of(Path(data), dataset, split)
    started, before = datetime.now(UTC), figures_of(folder)
    again = dependents(from_step, _STEPS) if from_step else ()
    with exclusive(folder), running_again(again):
        sources = source_references(settings)
        results = build_audience(folder, settings, sources, Path(data))
        results["evaluate-fidelity"] = evaluate_fidelity.run(folder, settings.fidelity)
        results["reinforce"] = reinforce.run(folder, settings.reinforce)
        results["case-study"] = case_study.run(folder, settings.case_study)
        publish_json(folder.path("report/provenance.json"), _provenance(settings, sources, results))
        results["report"] = report.run(folder, settings.report)
        publish_json(
            folder.path("manifest.json"),
            _provenance(settings, sources, results)
            | {
                "started": started.isoformat(timespec="seconds"),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "cached_steps": [name for name, result in results.items() if result.cached],
                "outputs": {name: [o.model_dump() for o in result.outputs] for name, result in results.items()},
            },
        )
    publish_artifacts(folder, before)
    page = folder.path("report/index.html")
    cached = sum(result.cached for result in results.values())
    logger.info("Report: %s (%d of %d steps from cache)", page, cached, len(results))
    return str(page)


def _provenance(
    settings: Settings, sources: tuple[FileReference, ...], results: dict[str, StepResult]
) -> dict[str, JsonValue]:
    """The origin of the results. Equal runs give equal bytes: no clock, no cache hits."""
    return {
        "dataset": settings.dataset.name,
        "preset": settings.preset,
        "split": settings.dataset.split,
        "sources": {reference.name: reference.sha256 for reference in sources},
        "settings": settings.model_dump(mode="json"),
        "versions": {name: version(name) for name in _VERSIONED},
        "steps": {
            name: {"seconds": round(result.seconds, 2), "summary": result.summary} for name, result in results.items()
        },
    }
