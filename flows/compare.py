"""Several language models on one dataset: `recaudience annotate compare`.

Each profile gets a folder below `data/.compare/<dataset>/` with annotations and curated keywords of its own, made by
the same cached steps as a run's (flows/reproduce.py). Answers live in the completion cache that all runs share: no
prompt is sent twice.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from pydantic import JsonValue

from flows.audience import annotate_with_server, source_references
from flows.settings import Settings
from storage.completions import CompletionStore
from storage.locks import exclusive
from storage.run_folder import RunFolder, Split
from tasks.report.profile_comparison import ProfileFigures, profile_figures
from tasks.steps.curate import curate
from tasks.steps.ingest import ingest

_SHARED = ("items.parquet", "interactions.parquet")


@flow(name="compare", flow_run_name="compare on {dataset}", validate_parameters=True, persist_result=False)
def compare(
    profiles: list[str],
    dataset: str = "sample",
    *,
    source: str | None = None,
    split: Split = "tail",
    overrides: dict[str, JsonValue] | None = None,
    data: str = "data",
) -> list[ProfileFigures]:
    """Figures of each profile, in the order given.

    Parameters
    ----------
    profiles
        Language-model profiles (deployments/llm), or paths of some; their names differ.
    dataset, source, split, overrides, data
        As in `flows.reproduce.reproduce`.
    """
    figures = []
    dataset_folder = RunFolder.of(Path(data) / ".compare", dataset, split)
    with exclusive(dataset_folder):
        for name in profiles:
            settings = Settings.load(dataset, source, name, split, overrides or {}, data=Path(data))
            ingest.run(dataset_folder, settings.ingest, source_references(settings))
            folder = _profile_folder(dataset_folder, settings.llm.name)
            results = {"annotate": annotate_with_server(folder, settings, Path(data))}
            results["curate"] = curate.run(folder, settings.curate)
            with CompletionStore(Path(data) / "completions.sqlite") as store:
                figures.append(profile_figures(settings.llm, folder, results, store))
    return figures


def _profile_folder(dataset_folder: RunFolder, profile: str) -> RunFolder:
    """A profile's folder, which shares the dataset's tables with the others."""
    folder = RunFolder(dataset_folder.root / profile)
    folder.root.mkdir(exist_ok=True)
    for name in _SHARED:
        if not folder.path(name).exists():
            folder.path(name).symlink_to(Path("..") / name)
    return folder
