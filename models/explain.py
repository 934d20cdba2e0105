"""Explain a simulated user's reaction: ask the simulator, and take its evidence apart.

Nothing is estimated here: shared keywords add up to the counts of keyword matching, the nearest items carry the cosines
of similarity, votes and probabilities are those of the response itself, and a past reaction's effect is that of leaving
it out (models/attribution.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.attribution import (
    Pairs,
    contributions,
    counterfactuals,
    remembered,
    removal_effects,
    smallest_keyword_set,
    strongest,
)
from models.evidence import Evidence, category_history
from models.explanation import (
    Explanation,
    Grounds,
    KeywordVote,
    NamedItem,
    Neighbour,
    Reason,
    SASRecVote,
    SharedKeyword,
    SimilarityVote,
)
from models.interactions import NO_ITEM, Histories
from models.knowledge import ItemKnowledge
from models.packed_sets import PackedSets
from models.response_models import FEATURE_GROUPS
from models.simulator import Responses, UserSimulator

_NEIGHBOURS = 3
_REASONS = 3
_MOST_LEFT_OUT = 5  # past reactions, in search of a set that turns the answer


def explain(
    simulator: UserSimulator,
    user: int,
    item: int,
    history: Histories,
    rng: np.random.Generator,
    *,
    user_name: str | None = None,
) -> Explanation:
    """Ask the simulator about one pair and take the answer apart.

    Parameters
    ----------
    simulator
        The audience.
    user, item
        Row numbers.
    history
        One history. Where it holds the item itself, the item is left out: a reaction is not explained by itself.
    rng
        Decides ties, as in `UserSimulator.respond`.
    user_name
        For people; "user <row number>" where not given.

    Raises
    ------
    ValueError
        Where there is no such user or item, or not exactly one history.
    """
    for name, value, size in (("user", user, simulator.n_users), ("item", item, simulator.n_items)):
        if not 0 <= value < size:
            raise ValueError(f"{name}: found {value}, expected a row number from 0 to {size - 1}")
    if len(history) != 1:
        raise ValueError(f"expected one history, found {len(history)}")
    pairs = Pairs(np.array([user]), np.array([item]), without_item(history, item))
    responses = simulator.respond(pairs.users, pairs.items, pairs.histories, rng)
    return explain_responses(simulator, pairs, responses, user_names=None if user_name is None else [user_name])[0]


def explain_responses(
    simulator: UserSimulator, pairs: Pairs, responses: Responses, *, user_names: Sequence[str] | None = None
) -> list[Explanation]:
    """Take apart responses that were given before.

    Parameters
    ----------
    simulator
        Who gave them.
    pairs
        What they were given for.
    responses
        Of as many rows.
    user_names
        For people; "user <row number>" where not given.
    """
    names = user_names or [f"user {user}" for user in pairs.users.tolist()]
    pairs, categories = remembered(simulator, pairs), PackedSets(simulator.knowledge.categories)
    relevant = category_history(categories, pairs.items, pairs.histories)
    features = simulator.models.opinions(pairs.users, pairs.items, pairs.histories).features
    average_logit, added = contributions(simulator.ensemble, features)
    effects = removal_effects(simulator, pairs)
    turning = counterfactuals(simulator, pairs, effects, _MOST_LEFT_OUT)
    explanations = []
    for row, name in enumerate(names):
        of_reactions = _OfReactions(
            average_logit, dict(zip(FEATURE_GROUPS, added[row].tolist(), strict=True)), effects[row], turning[row]
        )
        explanations.append(
            _explained(simulator, pairs, responses, row, user_name=name, relevant=relevant[row], found=of_reactions)
        )
    return explanations


class _OfReactions(NamedTuple):
    """What was found of one pair's probability: its logit's parts, the effect of each reaction, those that turn it."""

    average_logit: float
    contributions: dict[str, float]
    effects: NDArray[np.float32]
    turning: tuple[int, ...] | None


def _explained(
    simulator: UserSimulator,
    pairs: Pairs,
    responses: Responses,
    row: int,
    *,
    user_name: str,
    relevant: NDArray[np.bool_],
    found: _OfReactions,
) -> Explanation:
    knowledge = simulator.knowledge
    user, item, history = int(pairs.users[row]), int(pairs.items[row]), pairs.histories
    length = int(history.mask[row].sum())
    items, likes, relevant = history.items[row, :length], history.likes[row, :length], relevant[:length]
    liked, disliked = items[relevant & likes], items[relevant & ~likes]
    keywords, similarity = _row(responses.keyword_evidence, row), _row(responses.similarity_evidence, row)
    keyword_vote, similarity_vote, sasrec_vote = responses.votes[row].tolist()
    of_keywords = KeywordVote(
        keyword_vote,
        _tied(keywords),
        float(keywords.positive[0]),
        float(keywords.negative[0]),
        _shared_keywords(knowledge, knowledge.pro, item, liked),
        _shared_keywords(knowledge, knowledge.con, item, disliked),
    )
    probability = float(responses.probability[row])
    return Explanation(
        user=user,
        user_name=user_name or f"user {user}",
        item=item,
        item_name=knowledge.item_names[item],
        categories=_known_categories(knowledge, item, items),
        history_size=len(items),
        compared_size=len(liked) + len(disliked),
        keyword_matching=of_keywords,
        similarity=SimilarityVote(
            similarity_vote,
            _tied(similarity),
            float(similarity.positive[0]),
            float(similarity.negative[0]),
            _nearest(knowledge, knowledge.pro_vectors, item, liked),
            _nearest(knowledge, knowledge.con_vectors, item, disliked),
        ),
        sasrec=SASRecVote(sasrec_vote, float(responses.sasrec_probability[row])),
        like=bool(responses.like[row]),
        probability=probability,
        grounds=_grounds(knowledge, history[row : row + 1], probability >= 0.5, of_keywords, found),
    )


def _grounds(
    knowledge: ItemKnowledge, history: Histories, above: bool, keywords: KeywordVote, found: _OfReactions
) -> Grounds:
    items, likes, names = history.items[0].tolist(), history.likes[0].tolist(), knowledge.item_names
    shared = keywords.pros if keywords.vote else keywords.cons
    margin = round(abs(keywords.positive - keywords.negative))
    counts = {match.keyword: len(match.items) for match in shared}
    return Grounds(
        found.average_logit,
        found.contributions,
        tuple(
            Reason(items[t], names[items[t]], likes[t], float(found.effects[t]))
            for t in strongest(found.effects, above, _REASONS)
        ),
        None if found.turning is None else tuple(NamedItem(items[t], names[items[t]]) for t in found.turning),
        _MOST_LEFT_OUT,
        None if keywords.by_coin else smallest_keyword_set(counts, margin),
    )


def without_item(history: Histories, item: int) -> Histories:
    """One history without an item, still padded on the right only."""
    kept = history.mask[0] & (history.items[0] != item)
    if not kept.any():
        return Histories(np.array([[NO_ITEM]]), np.array([[False]]))
    return Histories(history.items[:, kept], history.likes[:, kept], history.ratings[:, kept])


def _row(evidence: Evidence, row: int) -> Evidence:
    return Evidence(evidence.positive[row : row + 1], evidence.negative[row : row + 1])


def _tied(evidence: Evidence) -> bool:
    return bool(evidence.values()[0] == 0.5)


def _members(matrix: csr_array, row: int) -> NDArray[np.int64]:
    """Columns of the row's positive entries, ascending."""
    return np.sort(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]).astype(np.int64)


def _known_categories(knowledge: ItemKnowledge, item: int, items: NDArray[np.int64]) -> tuple[str, ...]:
    known = {column for other in items for column in _members(knowledge.categories, int(other)).tolist()}
    return tuple(
        knowledge.category_names[column] for column in _members(knowledge.categories, item).tolist() if column in known
    )


def _shared_keywords(
    knowledge: ItemKnowledge, matrix: csr_array, item: int, items: NDArray[np.int64]
) -> tuple[SharedKeyword, ...]:
    sharers: dict[int, list[NamedItem]] = {column: [] for column in _members(matrix, item).tolist()}
    for other in items.tolist():
        for column in _members(matrix, other).tolist():
            if column in sharers:
                sharers[column].append(NamedItem(other, knowledge.item_names[other]))
    shared = [SharedKeyword(knowledge.keywords[column], tuple(found)) for column, found in sharers.items() if found]
    return tuple(sorted(shared, key=lambda match: (-len(match.items), match.keyword)))


def _nearest(
    knowledge: ItemKnowledge, vectors: NDArray[np.float32], item: int, items: NDArray[np.int64]
) -> tuple[Neighbour, ...]:
    items = items[np.any(vectors[items] != 0, axis=1)]
    if not np.any(vectors[item]) or not len(items):
        return ()
    cosines = vectors[items] @ vectors[item]
    return tuple(
        Neighbour(int(items[row]), knowledge.item_names[items[row]], float(cosines[row]))
        for row in np.argsort(-cosines, kind="stable")[:_NEIGHBOURS]
    )
