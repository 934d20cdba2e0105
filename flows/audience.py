"""From ratings to a simulated audience: the steps that every flow about a dataset begins with.

Each is a Prefect task cached by the content of what it reads (tasks/step.py). A language-model server is started only
if a prompt has no stored answer, and is stopped again if this run started it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import get_run_logger

from flows.settings import Settings
from storage.files import content_hash
from storage.run_folder import RunFolder
from tasks.llm.server import ServerOnDemand, on_demand
from tasks.step import FileReference, StepResult
from tasks.steps.annotate import annotate
from tasks.steps.curate import curate
from tasks.steps.embed import embed
from tasks.steps.fit_ensemble import fit_ensemble
from tasks.steps.fit_patience import fit_patience
from tasks.steps.ingest import ingest, source_files
from tasks.steps.train_sasrec import train_sasrec

STEPS = (ingest, train_sasrec, annotate, curate, embed, fit_ensemble, fit_patience)


def build_audience(
    folder: RunFolder, settings: Settings, sources: tuple[FileReference, ...], data: Path
) -> dict[str, StepResult]:
    """Run the steps from ingest to the fitted ensemble and patience; inside a flow, with the run folder locked.

    Parameters
    ----------
    folder
        The run folder.
    settings
        Of all steps.
    sources
        See `source_references`.
    data
        The data folder, with the completion cache and the records of running servers.

    Returns
    -------
    The steps' results by name.
    """
    results: dict[str, StepResult] = {}
    results["ingest"] = ingest.run(folder, settings.ingest, sources)
    results["train-sasrec"] = train_sasrec.run(folder, settings.sasrec)
    results["annotate"] = annotate_with_server(folder, settings, data)
    results["curate"] = curate.run(folder, settings.curate)
    results["embed"] = embed.run(folder, settings.embed)
    results["fit-ensemble"] = fit_ensemble.run(folder, settings.ensemble)
    results["fit-patience"] = fit_patience.run(folder, settings.patience)
    return results


def annotate_with_server(folder: RunFolder, settings: Settings, data: Path) -> StepResult:
    """Run the step annotate; where it needs a local server, that is started before and stopped afterwards."""
    with language_model(settings, data) as server:
        step = annotate.given(source=server, completions=data / "completions.sqlite")
        return step.run(folder, settings.annotate.of_model(settings.llm, noun=settings.dataset.noun))


@contextmanager
def language_model(settings: Settings, data: Path) -> Iterator[ServerOnDemand]:
    """Lend the server of the run's language model; a local one is started when needed, and stopped afterwards."""
    with on_demand(settings.llm, data / ".llm", _every(seconds=15, log=get_run_logger().info)) as server:
        yield server


def source_references(settings: Settings) -> tuple[FileReference, ...]:
    """Content hashes of the publisher's files."""
    return tuple(FileReference(name=path.name, sha256=content_hash(path)) for path in source_files(settings.ingest))


def _every(seconds: float, log: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on a message at most once in so many seconds, so that a minute of waiting is a few lines of log."""
    last = float("-inf")

    def log_now_and_then(message: str) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            log(message)

    return log_now_and_then
