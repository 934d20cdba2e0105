"""Explain a simulated user's reaction: ask the simulator, and take its evidence apart.

Nothing is estimated here: shared keywords add up to the counts of keyword matching, the nearest items carry the cosines
of similarity, votes and probabilities are those of the response itself, and the effect of a past reaction
(models/explanation/attribution.py) or of a keyword (models/explanation/keyword_removal.py) is that of leaving it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.explanation.attribution import Answers, Pairs, contributions, remembered, removals
from models.explanation.counterfactuals import counterfactuals
from models.explanation.explained_votes import known_categories, nearest, shared_keywords
from models.explanation.explanation import Explanation
from models.explanation.explanation_parts import (
    Grounds,
    KeywordReason,
    KeywordVote,
    NamedItem,
    Reason,
    SASRecVote,
    SimilarityVote,
    VoteTurned,
)
from models.explanation.keyword_removal import KeywordRecord, OwnKeyword, keyword_effects, smallest_keyword_sets
from models.explanation.reasons import Effects, Named, reasons
from models.interactions import NO_ITEM, Histories
from models.kernels.bitsets import PackedSets
from models.knowledge import ItemKnowledge
from models.response.evidence import Evidence, category_history
from models.response.features import FEATURE_GROUPS
from models.simulation.simulator import Responses, UserSimulator

_MOST_REACTIONS, _MOST_KEYWORDS = 5, 3  # left out, in search of a set that turns the answer


def explain(
    simulator: UserSimulator,
    user: int,
    item: int,
    history: Histories,
    rng: np.random.Generator,
    *,
    user_name: str | None = None,
    record: KeywordRecord | None = None,
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
    record
        What stands behind the keywords; without it they are no reasons and have no evidence.

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
    names = None if user_name is None else [user_name]
    return explain_responses(simulator, pairs, responses, user_names=names, record=record)[0]


def explain_responses(
    simulator: UserSimulator,
    pairs: Pairs,
    responses: Responses,
    *,
    user_names: Sequence[str] | None = None,
    record: KeywordRecord | None = None,
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
    record
        As in `explain`.
    """
    names = user_names or [f"user {user}" for user in pairs.users.tolist()]
    pairs, categories = remembered(simulator, pairs), PackedSets(simulator.knowledge.categories)
    relevant = category_history(categories, pairs.items, pairs.histories)
    found = _found(simulator, pairs, responses, record)
    return [
        _explained(
            simulator, pairs, responses, row, user_name=name, relevant=relevant[row], record=record, found=found[row]
        )
        for row, name in enumerate(names)
    ]


class _Found(NamedTuple):
    """What one pair's answer rests on: its logit's parts, its reasons with the effects of all, what turns it."""

    average_logit: float
    contributions: dict[str, float]
    effects: Effects
    reasons: Named
    turning: tuple[int, ...] | None
    turning_vote: tuple[int, ...] | None
    keywords_turning_vote: tuple[OwnKeyword, ...] | None


def _found(simulator: UserSimulator, pairs: Pairs, responses: Responses, record: KeywordRecord | None) -> list[_Found]:
    opinions = simulator.models.opinions(pairs.users, pairs.items, pairs.histories)
    average_logit, added = contributions(simulator.ensemble, opinions.features)
    without_one = removals(simulator, pairs)
    of_reactions = Answers.of(simulator.ensemble, opinions).probability[:, None] - without_one.probability
    of_reactions[~pairs.histories.mask] = 0
    above = responses.probability >= 0.5
    turning = counterfactuals(simulator, pairs, above, without_one, answer="probability", most=_MOST_REACTIONS)
    turning_vote = counterfactuals(simulator, pairs, responses.like, without_one, answer="vote", most=_MOST_REACTIONS)
    of_keywords: list[dict[OwnKeyword, float]] = [{} for _ in above]
    sets: list[tuple[OwnKeyword, ...] | None] = [None for _ in above]
    if record is not None:
        of_keywords = keyword_effects(simulator, record, pairs, opinions)
        sets = smallest_keyword_sets(simulator, record, pairs, opinions, likes=responses.like, most=_MOST_KEYWORDS)
    effects = [Effects(*of_pair) for of_pair in zip(of_reactions, of_keywords, strict=True)]
    named = reasons(simulator, record, pairs, responses.probability, effects)
    return [
        _Found(
            average_logit,
            dict(zip(FEATURE_GROUPS, added[row].tolist(), strict=True)),
            effects[row],
            named[row],
            turning[row],
            turning_vote[row],
            sets[row],
        )
        for row in range(len(pairs))
    ]


def _explained(
    simulator: UserSimulator,
    pairs: Pairs,
    responses: Responses,
    row: int,
    *,
    user_name: str,
    relevant: NDArray[np.bool_],
    record: KeywordRecord | None,
    found: _Found,
) -> Explanation:
    knowledge = simulator.knowledge
    user, item, history = int(pairs.users[row]), int(pairs.items[row]), pairs.histories
    length = int(history.mask[row].sum())
    items, likes, relevant = history.items[row, :length], history.likes[row, :length], relevant[:length]
    liked, disliked = items[relevant & likes], items[relevant & ~likes]
    keywords, similarity = _row(responses.keyword_evidence, row), _row(responses.similarity_evidence, row)
    keyword_vote, similarity_vote, sasrec_vote = responses.votes[row].tolist()
    probability = float(responses.probability[row])
    return Explanation(
        user=user,
        user_name=user_name,
        item=item,
        item_name=knowledge.item_names[item],
        categories=known_categories(knowledge, item, items),
        history_size=len(items),
        compared_size=len(liked) + len(disliked),
        keyword_matching=KeywordVote(
            keyword_vote,
            _tied(keywords),
            float(keywords.positive[0]),
            float(keywords.negative[0]),
            shared_keywords(knowledge, "pro", item, liked, record),
            shared_keywords(knowledge, "con", item, disliked, record),
        ),
        similarity=SimilarityVote(
            similarity_vote,
            _tied(similarity),
            float(similarity.positive[0]),
            float(similarity.negative[0]),
            nearest(knowledge, knowledge.pro_vectors, item, liked),
            nearest(knowledge, knowledge.con_vectors, item, disliked),
        ),
        sasrec=SASRecVote(sasrec_vote, float(responses.sasrec_probability[row])),
        like=bool(responses.like[row]),
        probability=probability,
        grounds=_grounds(knowledge, item, history[row : row + 1], record=record, found=found),
    )


def _grounds(
    knowledge: ItemKnowledge,
    item: int,
    history: Histories,
    *,
    record: KeywordRecord | None,
    found: _Found,
) -> Grounds:
    items, likes, names = history.items[0].tolist(), history.likes[0].tolist(), knowledge.item_names

    def named(positions: tuple[int, ...] | None) -> tuple[NamedItem, ...] | None:
        return None if positions is None else tuple(NamedItem(items[t], names[items[t]]) for t in positions)

    return Grounds(
        found.average_logit,
        found.contributions,
        tuple(
            Reason(items[t], names[items[t]], likes[t], float(found.effects.reactions[t]))
            for t in found.reasons.reactions
        ),
        tuple(
            KeywordReason(
                own.side, keyword, record.evidence.get((item, own.side, keyword), ""), found.effects.keywords[own]
            )
            for own in found.reasons.keywords
            for keyword in (knowledge.keywords[own.column],)
            if record is not None
        ),
        named(found.turning),
        _MOST_REACTIONS,
        VoteTurned(
            None
            if found.keywords_turning_vote is None
            else tuple((side, knowledge.keywords[column]) for side, column in found.keywords_turning_vote),
            named(found.turning_vote),
        ),
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
