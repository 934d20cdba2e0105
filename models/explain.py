"""Explain a simulated user's reaction: ask the simulator, and take its evidence apart.

Nothing is estimated here: shared keywords add up to the counts of keyword matching, the nearest items carry the cosines
of similarity, and votes and probabilities are those of the response itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.evidence import Evidence, category_history
from models.explanation import Explanation, KeywordVote, NamedItem, Neighbour, SASRecVote, SharedKeyword, SimilarityVote
from models.interactions import NO_ITEM, Histories
from models.knowledge import ItemKnowledge
from models.packed_sets import PackedSets
from models.simulator import Responses, UserSimulator

_NEIGHBOURS = 3


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
    history = without_item(history, item)
    responses = simulator.respond(np.array([user]), np.array([item]), history, rng)
    return explain_response(simulator, user, item, history, responses, user_name=user_name)


def explain_response(
    simulator: UserSimulator,
    user: int,
    item: int,
    history: Histories,
    responses: Responses,
    *,
    user_name: str | None = None,
) -> Explanation:
    """Take apart a response that was given before.

    Parameters
    ----------
    simulator
        Who gave it.
    user, item
        Row numbers.
    history
        The one history that the response was given for.
    responses
        Of one row.
    user_name
        For people; "user <row number>" where not given.
    """
    knowledge = simulator.knowledge
    length = int(history.mask.sum())
    remembered = slice(max(0, length - simulator.max_history), length)
    items, likes = history.items[0, remembered], history.likes[0, remembered]
    relevant = category_history(PackedSets(knowledge.categories), np.array([item]), Histories(items[None], likes[None]))
    liked, disliked = items[relevant[0] & likes], items[relevant[0] & ~likes]
    keywords, similarity = responses.keyword_evidence, responses.similarity_evidence
    keyword_vote, similarity_vote, sasrec_vote = responses.votes[0].tolist()
    return Explanation(
        user=user,
        user_name=user_name or f"user {user}",
        item=item,
        item_name=knowledge.item_names[item],
        categories=_known_categories(knowledge, item, items),
        history_size=len(items),
        compared_size=len(liked) + len(disliked),
        keyword_matching=KeywordVote(
            keyword_vote,
            _tied(keywords),
            float(keywords.positive[0]),
            float(keywords.negative[0]),
            _shared_keywords(knowledge, knowledge.pro, item, liked),
            _shared_keywords(knowledge, knowledge.con, item, disliked),
        ),
        similarity=SimilarityVote(
            similarity_vote,
            _tied(similarity),
            float(similarity.positive[0]),
            float(similarity.negative[0]),
            _nearest(knowledge, knowledge.pro_vectors, item, liked),
            _nearest(knowledge, knowledge.con_vectors, item, disliked),
        ),
        sasrec=SASRecVote(sasrec_vote, float(responses.sasrec_probability[0])),
        like=bool(responses.like[0]),
        probability=float(responses.probability[0]),
    )


def without_item(history: Histories, item: int) -> Histories:
    """One history without an item, still padded on the right only."""
    kept = history.mask[0] & (history.items[0] != item)
    if not kept.any():
        return Histories(np.array([[NO_ITEM]]), np.array([[False]]))
    return Histories(history.items[:, kept], history.likes[:, kept], history.ratings[:, kept])


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
