"""Reading alone: new data are checked and their new items read, so that the next run finds every answer stored.

It works in a folder of its own, `data/.refresh/<dataset>`: a published run stays whole until one with models fitted on
the new data takes its place. Answers go to the completion cache that all runs share; only new prompts are asked.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from pydantic import JsonValue

from flows.audience import annotate_with_server, source_references
from flows.settings import Settings
from storage.locks import exclusive
from storage.run_folder import RunFolder, Split
from tasks.step import StepResult
from tasks.steps.curate import curate
from tasks.steps.embed import embed
from tasks.steps.ingest import ingest


@flow(name="annotate", flow_run_name="annotate {dataset} ({split})", validate_parameters=True, persist_result=False)
def refresh(
    dataset: str = "sample",
    *,
    source: str | None = None,
    llm: str = "embedded",
    split: Split = "tail",
    overrides: dict[str, JsonValue] | None = None,
    data: str = "data",
) -> dict[str, StepResult]:
    """Run the steps ingest, annotate, curate and embed.

    Parameters
    ----------
    dataset, source, llm, split, overrides, data
        As in `flows.reproduce.reproduce`.

    Returns
    -------
    The steps' results by name.
    """
    settings = Settings.load(dataset, source, llm, split, overrides or {}, data=Path(data))
    folder = RunFolder.of(Path(data) / ".refresh", dataset, split)
    with exclusive(folder):
        results = {"ingest": ingest.run(folder, settings.ingest, source_references(settings))}
        results["annotate"] = annotate_with_server(folder, settings, Path(data))
        results["curate"] = curate.run(folder, settings.curate)
        results["embed"] = embed.run(folder, settings.embed)
    return results
