"""The whole fidelity card of a dataset, under all three splits: `recaudience evaluate`.

Runs the steps that a card rests on for each split, every one cached as in flows/reproduce.py, and then the parts that
`reproduce` leaves out because they take minutes: ablations, sessions, distributions, ranking agreement. Each split has
a run folder, keywords and models of its own; the completion cache answers most of their prompts.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from prefect import flow, get_run_logger
from pydantic import JsonValue

from flows.audience import build_audience, language_model, source_references
from flows.settings import Settings
from storage.files import publish
from storage.locks import exclusive
from storage.run_folder import RunFolder, Split
from tasks.evaluation.ablation import AblationSettings, ablate_ensemble
from tasks.evaluation.behaviour import BehaviourSettings, evaluate_behaviour
from tasks.evaluation.data_size import DataSizeSettings, data_size
from tasks.evaluation.fidelity import evaluate_fidelity
from tasks.evaluation.knowledge_variants import PROFILES
from tasks.evaluation.peers import REPORT as PEERS_REPORT
from tasks.evaluation.peers import load_peers, peers
from tasks.evaluation.training_gain import REPORT as GAIN_REPORT
from tasks.evaluation.training_gain import load_training_gain, measure_training_gain
from tasks.report.card import CardSettings, card
from tasks.step import FileReference, reference


@flow(name="evaluate", flow_run_name="evaluate {dataset}", validate_parameters=True, persist_result=False)
def evaluate(
    dataset: str = "sample",
    *,
    source: str | None = None,
    llm: str = "embedded",
    splits: tuple[Split, ...] = ("tail", "loo", "time"),
    with_peers: bool = False,
    with_training_gain: bool = False,
    overrides: dict[str, JsonValue] | None = None,
    data: str = "data",
) -> list[str]:
    """Publish report/card.html, fidelity.json, behaviour.json, ablation.json and data_size.json of every split.

    With peers also peers.json and the answers behind it, peer_answers.parquet; with the training gain also
    training_gain.json.

    Parameters
    ----------
    dataset, source, llm, overrides, data
        As in `flows.reproduce.reproduce`.
    splits
        Any of tail, loo and time.
    with_peers
        Whether other kinds of simulated users are judged too (report/peers.json); the language model is asked about
        each of their pairs twice.
    with_training_gain
        Whether recommenders are fitted with and without simulated reactions too (report/training_gain.json).

    Returns
    -------
    list[str]
        The run folders.
    """
    logger, folders = get_run_logger(), []
    for split in splits:
        settings = Settings.load(dataset, source, llm, split, overrides or {}, data=Path(data))
        folder = RunFolder.of(Path(data), dataset, split)
        with exclusive(folder):
            build_audience(folder, settings, source_references(settings), Path(data))
            evaluate_fidelity.run(folder, settings.fidelity)
            shared = {"resamples": settings.fidelity.resamples, "seed": settings.fidelity.seed}
            _copy_profiles(folder, Path(data))
            ablate_ensemble.run(folder, AblationSettings(ensemble=settings.ensemble, encoder=settings.embed, **shared))
            evaluate_behaviour.run(folder, BehaviourSettings(**shared))
            fitted = {"sasrec": settings.sasrec, "ensemble": settings.ensemble, "fidelity": settings.fidelity}
            data_size.run(folder, DataSizeSettings(**fitted))
            if with_peers:
                _judge_peers(folder, settings, Path(data))
            if with_training_gain:
                measure_training_gain.run(folder, settings.training_gain)
            card.run(folder, CardSettings(), _optional_parts(folder))
        logger.info("Fidelity card of split %s: %s", split, folder.path("report/card.html"))
        folders.append(str(folder.root))
    return folders


def _judge_peers(folder: RunFolder, settings: Settings, data: Path) -> None:
    with language_model(settings, data) as server:
        step = peers.given(source=server, completions=data / "completions.sqlite")
        step.run(folder, settings.peers.of_run(settings.dataset, settings.llm))


def _optional_parts(folder: RunFolder) -> tuple[FileReference, ...]:
    """The tables that this run has beside the usual ones: the card is made anew where they change."""
    parts = {PEERS_REPORT: load_peers(folder), GAIN_REPORT: load_training_gain(folder)}
    return tuple(reference(folder, name) for name, part in parts.items() if part)


def _copy_profiles(folder: RunFolder, data: Path) -> None:
    """Copy the keywords of other language models (`recaudience annotate compare`), for the ablations to use."""
    with publish(folder.path(PROFILES)) as target:
        target.mkdir()
        for path in sorted((data / ".compare" / folder.root.name).glob("*/keywords.parquet")):
            shutil.copyfile(path, target / f"{path.parent.name}.parquet")
