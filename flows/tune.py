"""Settings that suit a dataset: `recaudience tune`. Needs no language model."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from pydantic import JsonValue

from flows.audience import source_references
from flows.settings import Settings
from models.response.sasrec.tuning import Tuned, Value
from storage.locks import exclusive
from storage.run_folder import RunFolder, Split
from tasks.steps.ingest import ingest
from tasks.steps.tune_sasrec import tune_sasrec


@flow(name="tune", flow_run_name="tune {dataset}", validate_parameters=True, persist_result=False)
def tune(
    grid: dict[str, list[Value]],
    dataset: str = "sample",
    *,
    source: str | None = None,
    split: Split = "tail",
    overrides: dict[str, JsonValue] | None = None,
    data: str = "data",
) -> Tuned:
    """Try values of SASRec's settings, one setting after another, and publish report/tuning.json.

    Parameters
    ----------
    grid
        Values to try for each setting.
    dataset, source, split, overrides, data
        As in `flows.reproduce.reproduce`.
    """
    settings = Settings.load(dataset, source, "embedded", split, overrides or {}, data=Path(data))
    folder = RunFolder.of(Path(data), dataset, split)
    with exclusive(folder):
        ingest.run(folder, settings.ingest, source_references(settings))
        bootstrap = {"resamples": settings.fidelity.resamples, "seed": settings.fidelity.seed}
        return tune_sasrec(folder, settings.sasrec, grid, **bootstrap)
