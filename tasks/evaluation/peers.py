"""Step `peers`: other kinds of simulated users, judged by the same test pairs as ours.

The kinds of the paper's Table 6 (arXiv 2412.16984), under our protocol: a transformer over the log (KuaiSim), a
language model that is asked at every answer for a rating (SUBER), and one that is asked plainly. A language model is
slow, so all judge the same drawn pairs, and the run's own rows are of these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import TypeAdapter

from models.estimators.baselines import ItemMean
from models.estimators.feedback_transformer import FeedbackTransformer, FeedbackTransformerSettings
from models.fidelity.card import Prediction
from models.interactions import Interactions
from models.metrics.calibration import error_by_chance, expected_calibration_error
from models.metrics.classification import UserBootstrap, auc
from models.metrics.results import Interval, Result
from models.simulation.simulator import UserSimulator
from storage.checkpoints import load_json
from storage.completion_upkeep import PEER_ANSWERS
from storage.completions import CompletionStore
from storage.contracts import ITEMS
from storage.files import content_hash, publish, publish_json
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.evaluation.fidelity import PREDICTIONS, read_predictions
from tasks.evaluation.language_model_peers import LanguageModelPeer, ask_peers
from tasks.evaluation.peer_questions import PeerPrompts
from tasks.evaluation.peer_settings import PeerSettings
from tasks.loading import SIMULATOR_PARTS, load_interactions, load_simulator
from tasks.step import Summary, step, step_logger
from tasks.steps.annotate import AnswerSource, NoServer

REPORT = "report/peers.json"
PEERS = ("transformer", "llm_rating", "llm_yes_no")
OURS = ("ensemble", "vote", "sasrec", "bias", "item_mean")


class PeerScores(Result):
    """How well one kind of simulated user predicts the pairs, and what its answers cost.

    Parameters
    ----------
    over_ensemble, over_ensemble_ci95
        AUC less that of the run's ensemble, paired over resampled users.
    answers_per_second
        None where it was not measured: every answer came from the completion cache.
    tokens_per_thousand
        Tokens of prompts and answers behind a thousand answers.
    unreadable
        Answers without a rating or a yes or no; their pairs are given the user's like rate.
    answer_mass
        Mean probability of all tokens that are an answer; None without a language model.
    """

    auc: float
    auc_ci95: Interval
    over_ensemble: float
    over_ensemble_ci95: Interval
    ece: float
    ece_if_calibrated: float
    answers_per_second: float | None
    tokens_per_thousand: float
    unreadable: int = 0
    answer_mass: float | None = None


class Peers(Result):
    """report/peers.json; `of_predictions` is the hash of the predictions of the run that they stand beside."""

    dataset: str
    pairs: int
    test_pairs: int
    like_rate: float
    model: str
    of_predictions: str
    rows: dict[str, PeerScores]


@dataclass(frozen=True)
class _Row:
    """What one kind predicts of n pairs, and its cost."""

    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    answers_per_second: float | None = None
    peer: LanguageModelPeer | None = None


@step(version="1", reads=(*SIMULATOR_PARTS, PREDICTIONS), writes=(REPORT, PEER_ANSWERS))
def peers(
    folder: RunFolder, settings: PeerSettings, *, source: AnswerSource | None = None, completions: Path | None = None
) -> Summary:
    """Fit and question the peers, judge all by the drawn pairs, publish report/peers.json and the answers.

    Parameters
    ----------
    folder, settings
        A run folder after `evaluate-fidelity`.
    source
        Where answers of the language model come from, should any be missing; given by the flow through `Step.given`.
    completions
        The completion cache; `completions.sqlite` beside the run folder where not given.

    Raises
    ------
    AnnotationError
        Where more than `max_failed_share` of a peer's answers cannot be read.
    ServerError
        Where a server is needed and cannot be had or used.
    """
    simulator, test = load_simulator(folder), load_interactions(folder, ("test",))
    rows = drawn_rows(len(test), settings.pairs, settings.seed)
    pairs = _subset(test, rows)
    judged = {"transformer": _transformer(folder, simulator, pairs, settings.transformer)}
    path = completions or folder.root.parent / "completions.sqlite"
    with CompletionStore(path) as store:
        items = read_table(folder.path("items.parquet"), ITEMS)
        prompts = PeerPrompts(items, simulator.knowledge, simulator.interactions, settings.rating_scale, settings.noun)
        asked = ask_peers(prompts, pairs, settings, store, source or NoServer())
    judged |= {name: _Row(peer.scores, peer.probabilities, peer.rate, peer) for name, peer in asked.items()}
    judged |= _ours(simulator, pairs, read_predictions(folder, test), rows)
    table = Peers(
        dataset=folder.root.name,
        pairs=len(pairs),
        test_pairs=len(test),
        like_rate=float(pairs.likes.mean()),
        model=settings.model,
        of_predictions=content_hash(folder.path(PREDICTIONS)),
        rows=_scores(pairs, judged, settings),
    )
    _write_answers(folder, pairs, asked)
    publish_json(folder.path(REPORT), table.model_dump(mode="json"))
    return {"pairs": len(pairs), **{name: row.auc for name, row in table.rows.items()}}


def load_peers(folder: RunFolder) -> Peers | None:
    """The peers of a run; None where there are none, or where the run has been made anew since.

    Raises
    ------
    DataError
        Where the file is damaged.
    """
    path = folder.path(REPORT)
    if not path.exists():
        return None
    table = load_json(path, TypeAdapter(Peers))
    return table if table.of_predictions == content_hash(folder.path(PREDICTIONS)) else None


def drawn_rows(n: int, wanted: int, seed: int) -> NDArray[np.int64]:
    """Rows of `wanted` of n pairs, drawn without replacement, ascending; all where there are no more."""
    if n <= wanted:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:wanted])


def _subset(pairs: Interactions, rows: NDArray[np.int64]) -> Interactions:
    parts = (pairs.users[rows], pairs.items[rows], pairs.likes[rows], pairs.ratings[rows])
    return Interactions(*parts, pairs.n_users, pairs.n_items)


def _transformer(
    folder: RunFolder, simulator: UserSimulator, pairs: Interactions, settings: FeedbackTransformerSettings
) -> _Row:
    train = simulator.interactions
    model = FeedbackTransformer(simulator.knowledge.categories, settings)
    model.fit(train, load_interactions(folder, ("validation",)))
    step_logger().info("transformer: validation log-loss %.4f", min(model.validation_losses, default=0.0))

    def predict() -> NDArray[np.float32]:
        return model.probabilities(pairs.items, train.histories(pairs.users, settings.history))

    return _Row(predict(), predict(), _rate(predict, len(pairs)))


def _ours(
    simulator: UserSimulator, pairs: Interactions, predictions: Mapping[str, Prediction], rows: NDArray[np.int64]
) -> dict[str, _Row]:
    """The run's own rows: scores as they stand on the card, rates measured on these pairs."""
    train, longest = simulator.interactions, simulator.max_history
    item_mean = ItemMean().fit(train)

    def ensemble() -> object:
        return simulator.rated_probabilities(simulator.models.opinions_after(train, pairs, longest))

    measured: dict[str, Callable[[], object]] = {
        "ensemble": ensemble,
        "vote": ensemble,  # both rest on all opinions
        "sasrec": lambda: simulator.sasrec.probabilities(pairs.items, train.histories(pairs.users, longest)),
        "bias": lambda: simulator.models.bias.probabilities(pairs.users, pairs.items),
        "item_mean": lambda: item_mean.probabilities(pairs.users, pairs.items),
    }
    return {
        name: _Row(
            predictions[name].scores[rows], predictions[name].probabilities[rows], _rate(measured[name], len(pairs))
        )
        for name in OURS
    }


def _rate(answer: Callable[[], object], n: int) -> float:
    """Answers a second, n at once: the quickest of five calls after one that compiles and fills caches."""
    answer()
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        answer()
        seconds.append(time.perf_counter() - started)
    return n / max(min(seconds), 1e-9)


def _scores(pairs: Interactions, judged: Mapping[str, _Row], settings: PeerSettings) -> dict[str, PeerScores]:
    bootstrap = UserBootstrap(pairs.users, pairs.likes, settings.resamples, settings.seed)
    ensemble = judged["ensemble"].scores
    return {
        name: PeerScores(
            auc=auc(pairs.likes, row.scores),
            auc_ci95=bootstrap.interval(row.scores),
            over_ensemble=auc(pairs.likes, row.scores) - auc(pairs.likes, ensemble),
            over_ensemble_ci95=bootstrap.difference_interval(row.scores, ensemble),
            ece=expected_calibration_error(pairs.likes, row.probabilities),
            ece_if_calibrated=error_by_chance(row.probabilities, settings.seed).mean,
            answers_per_second=row.answers_per_second,
            tokens_per_thousand=row.peer.tokens / len(pairs) * 1000 if row.peer else 0.0,
            unreadable=row.peer.unreadable if row.peer else 0,
            answer_mass=row.peer.mass if row.peer else None,
        )
        for name, row in judged.items()
    }


def _write_answers(folder: RunFolder, pairs: Interactions, asked: Mapping[str, LanguageModelPeer]) -> None:
    """Publish what the language model answered, a row a pair and kind of question, with the prompt's key."""
    frames = [
        pl.DataFrame(
            {
                "peer": [name] * len(pairs),
                "user_id": pairs.users,
                "item_id": pairs.items,
                "prompt_hash": list(peer.keys),
                "score": peer.scores,
                "probability": peer.probabilities,
            }
        )
        for name, peer in asked.items()
    ]
    with publish(folder.path(PEER_ANSWERS)) as target:
        pl.concat(frames).write_parquet(target)
