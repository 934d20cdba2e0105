"""Peers that are a language model: their questions put to the run's model, and their answers as predictions.

Answers go into the completion cache as they arrive, so that a killed run asks only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.estimators.baselines import UserMean
from models.interactions import Interactions
from models.reading.token_probabilities import read_yes_no
from storage.completions import CompletionStore
from storage.errors import AnnotationError
from tasks.evaluation.peer_questions import AskedModel, PeerPrompts, questions_of
from tasks.evaluation.peer_settings import PeerSettings
from tasks.llm.client import BatchClient
from tasks.llm.offline import OfflineClient
from tasks.llm.progress import batch_progress
from tasks.llm.questions import Outcome, Question, Tally, reasons_text
from tasks.step import step_logger
from tasks.steps.annotate import AnswerSource


class _Reading(NamedTuple):
    """An answer as a score to rank by, P(like), and the probability of all tokens that are an answer."""

    score: float
    probability: float
    mass: float


@dataclass(frozen=True)
class LanguageModelPeer:
    """Predictions of n pairs by a language model, and their cost.

    Parameters
    ----------
    scores, probabilities
        float32 arrays of shape (n,): what the AUC ranks by, and P(like).
    keys
        Completion key of each pair's prompt.
    tokens
        Of all n prompts and answers together.
    rate
        Answers a second, of those that were not in the completion cache; None where all were.
    unreadable, mass
        Answers that could not be read, and mean probability of the tokens that are an answer in the others.
    """

    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    keys: tuple[str, ...]
    tokens: int
    rate: float | None
    unreadable: int
    mass: float


def ask_peers(
    prompts: PeerPrompts, pairs: Interactions, settings: PeerSettings, store: CompletionStore, source: AnswerSource
) -> dict[str, LanguageModelPeer]:
    """Let the language model judge pairs in both ways, from train reactions.

    Parameters
    ----------
    prompts
        Words the questions.
    pairs
        Users and candidates; their reactions are not shown.
    settings
        Which model, how much of the history is shown, how many answers may be unreadable.
    store, source
        The completion cache, and where answers come from that it lacks.

    Returns
    -------
    dict[str, LanguageModelPeer]
        `llm_rating`, whose score is the expected rating, and `llm_yes_no`, whose score is P(yes).

    Raises
    ------
    AnnotationError
        Where too many answers cannot be read.
    ServerError
        Where a server is needed and cannot be had or used.
    """
    train, scale = prompts.train, settings.rating_scale
    both = list(zip(pairs.users.tolist(), pairs.items.tolist(), strict=True))

    def rating(first_token: str) -> _Reading:
        return _Reading(*scale.read(first_token))

    def yes_no(first_token: str) -> _Reading:
        read = read_yes_no(first_token)
        return _Reading(read.probability, read.probability, read.mass)

    kinds = {
        "llm_rating": (rating, [prompts.rating(user, item, settings.similar) for user, item in both]),
        "llm_yes_no": (yes_no, [prompts.yes_no(user, item, settings.last) for user, item in both]),
    }
    like_rates = UserMean().fit(train).probabilities(pairs.users, pairs.items)
    substitutes = {
        "llm_rating": (_user_ratings(train)[pairs.users], like_rates),
        "llm_yes_no": (like_rates, like_rates),
    }
    model = AskedModel(settings.model, settings.revision)
    answered: dict[str, LanguageModelPeer] = {}
    for name, (read, messages) in kinds.items():
        questions = questions_of(messages, model, read)
        outcomes, tally = _answers(name, questions, settings, store, source)
        _require_readable(name, tally, settings.max_failed_share)
        answered[name] = _peer(questions, outcomes, tally, read, substitutes[name])
    return answered


def _answers(
    name: str, questions: Sequence[Question], settings: PeerSettings, store: CompletionStore, source: AnswerSource
) -> tuple[list[Outcome], Tally]:
    with batch_progress(f"peer {name}", len(questions)) as show:
        if settings.client.offline:
            client = OfflineClient(store, source, settings.model, show)
        else:
            client = BatchClient(store, source, settings.client, show)
        outcomes = client.answer(questions)
    step_logger().info("peer %s: %d answers, %d unreadable", name, len(outcomes), client.tally.failed)
    return outcomes, client.tally


def _require_readable(name: str, tally: Tally, max_failed_share: float) -> None:
    if tally.failed > max_failed_share * tally.total:
        raise AnnotationError(
            f"peer {name}: {tally.failed} of {tally.total} answers cannot be read, more than the share of "
            f"{max_failed_share:g} that peers.max_failed_share allows: {reasons_text(tally.reasons)}. The server must "
            "give log-probabilities (`logprobs` of the OpenAI protocol); try another language-model profile (--llm) or "
            "raise the share. The answers so far are kept."
        )


def _peer(
    questions: Sequence[Question],
    outcomes: Sequence[Outcome],
    tally: Tally,
    read: Callable[[str], _Reading],
    substitutes: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> LanguageModelPeer:
    scores, probabilities = (part.copy() for part in substitutes)
    tokens, masses = 0, []
    for row, outcome in enumerate(outcomes):
        if outcome.completion is None:
            continue
        reading = read(outcome.completion.first_token)
        scores[row], probabilities[row] = reading.score, reading.probability
        masses.append(reading.mass)
        tokens += outcome.completion.prompt_tokens + outcome.completion.output_tokens
    return LanguageModelPeer(
        scores=scores,
        probabilities=probabilities,
        keys=tuple(question.keys[0] for question in questions),
        tokens=round(tokens * len(outcomes) / max(len(masses), 1)),  # an unreadable answer costs as much as others
        rate=tally.per_second(tally.uncached) if tally.uncached else None,
        unreadable=tally.failed,
        mass=float(np.mean(masses)) if masses else 0.0,
    )


def _user_ratings(train: Interactions) -> NDArray[np.float32]:
    """Each user's mean train rating, that of all where the user has none: float32 (n_users,)."""
    counts = np.bincount(train.users, minlength=train.n_users)
    sums = np.bincount(train.users, weights=train.ratings, minlength=train.n_users)
    overall = float(train.ratings.mean()) if len(train) else 0.0
    return np.where(counts > 0, sums / np.maximum(counts, 1), overall).astype(np.float32)
