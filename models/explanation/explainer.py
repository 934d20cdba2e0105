"""Explain the response of a simulated user: respond, and take apart what the response rests on.

Nothing is estimated here: shared keywords add up to the counts of keyword matching, the nearest items carry the cosines
of similarity, votes and probabilities are those of the response itself, and the effect of a past reaction
(models/explanation/attribution.py) or of a keyword (models/explanation/keyword_removal.py) is that of leaving it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.explanation.attribution import Margins, Pairs, contributions, margins_without_each, remembered
from models.explanation.counterfactuals import counterfactuals
from models.explanation.explanation import Explanation
from models.explanation.grounds import MOST_KEYWORDS, MOST_REACTIONS, Attribution, named_grounds
from models.explanation.keyword_removal import keyword_effects, smallest_keyword_sets
from models.explanation.reasons import Effects, reasons
from models.explanation.shared_tastes import shared_tastes
from models.explanation.votes import Comparison, ItemIndexes, KeywordRecord, SASRecVote, shared_categories
from models.interactions import NO_ITEM, Histories
from models.kernels.bitsets import PackedSets
from models.response.evidence import category_history
from models.response.features import FEATURE_GROUPS
from models.simulation.simulator import Responses, UserSimulator, coins


def explain(
    simulator: UserSimulator,
    user: int,
    item: int,
    history: Histories,
    rng: np.random.Generator,
    *,
    record: KeywordRecord | None = None,
) -> Explanation:
    """The response to one pair, and what it rests on.

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
    record
        Evidence and embeddings of the keywords; without it, keywords have no evidence.

    Raises
    ------
    ValueError
        Where there is no such user or item, or not exactly one history.
    """
    for name, value, size in (("user", user, simulator.n_users), ("item", item, simulator.n_items)):
        if not 0 <= value < size:
            raise ValueError(f"{name}: found {value}, expected a row number from 0 to {size - 1}")
    if len(history) != 1:
        raise ValueError(f"history: found {len(history)} histories, expected one")
    pairs = Pairs(np.array([user]), np.array([item]), without_item(history, item))
    responses = simulator.respond(pairs.users, pairs.items, pairs.histories, coins(rng, 1))
    return explain_responses(simulator, pairs, responses, record=record)[0]


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
        The audience that gave them.
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
    pairs = remembered(simulator, pairs)
    record = record or KeywordRecord({}, ItemIndexes.build(simulator.knowledge))
    compared = category_history(PackedSets(simulator.knowledge.categories), pairs.items, pairs.histories)
    batch = _Batch(simulator, pairs, responses, record, compared)
    attributions = _attributions(simulator, pairs, responses)
    return [batch.explanation(row, name, attributions[row]) for row, name in enumerate(names)]


def without_item(history: Histories, item: int) -> Histories:
    """One history without an item, still padded on the right only."""
    kept = history.mask[0] & (history.items[0] != item)
    if not kept.any():
        return Histories(np.array([[NO_ITEM]]), np.array([[False]]))
    return Histories(history.items[:, kept], history.likes[:, kept], history.ratings[:, kept])


@dataclass(frozen=True)
class _Batch:
    """Responses to b pairs; `compared` (b, l) marks the past reactions that candidates are compared with."""

    simulator: UserSimulator
    pairs: Pairs
    responses: Responses
    record: KeywordRecord
    compared: NDArray[np.bool_]

    def explanation(self, row: int, user_name: str, attribution: Attribution) -> Explanation:
        """That of one row."""
        knowledge, responses, history = self.simulator.knowledge, self.responses, self.pairs.histories[row : row + 1]
        item, length = int(self.pairs.items[row]), int(history.mask.sum())
        items, likes, compared = history.items[0, :length], history.likes[0, :length], self.compared[row, :length]
        comparison = Comparison(knowledge, self.record, item, items[compared & likes], items[compared & ~likes])
        keywords, similarity = responses.keyword_evidence, responses.similarity_evidence
        keyword_vote, similarity_vote, sasrec_vote = responses.votes[row].tolist()
        return Explanation(
            user=int(self.pairs.users[row]),
            user_name=user_name,
            item=item,
            item_name=knowledge.item_names[item],
            categories=shared_categories(knowledge, item, items),
            history_size=length,
            compared_size=int(compared.sum()),
            keyword_matching=comparison.keyword_vote(
                keyword_vote,
                float(keywords.positive[row]),
                float(keywords.negative[row]),
                by_coin=bool(keywords.values()[row] == 0.5),
            ),
            similarity=comparison.similarity_vote(
                similarity_vote,
                float(similarity.positive[row]),
                float(similarity.negative[row]),
                by_coin=bool(similarity.values()[row] == 0.5),
            ),
            sasrec=SASRecVote(sasrec_vote, float(responses.sasrec_probability[row])),
            like=bool(responses.like[row]),
            probability=float(responses.probability[row]),
            grounds=named_grounds(knowledge, self.record, item, history, attribution),
        )


def _attributions(simulator: UserSimulator, pairs: Pairs, responses: Responses) -> list[Attribution]:
    """What each response rests on."""
    opinions = simulator.models.opinions(pairs.users, pairs.items, pairs.histories)
    average_logit, added = contributions(simulator.ensemble, opinions.features)
    without_one = margins_without_each(simulator, pairs)
    before = Margins.from_opinions(simulator, opinions).probability
    reaction_effects = np.where(pairs.histories.mask, before[:, None] - without_one.probability, 0)
    likely, vote = responses.probability >= 0.5, responses.vote
    turning = counterfactuals(simulator, pairs, likely, without_one, target="probability", most=MOST_REACTIONS)
    turning_vote = counterfactuals(simulator, pairs, vote, without_one, target="vote", most=MOST_REACTIONS)
    keyword_sets = smallest_keyword_sets(simulator, pairs, opinions, likes=vote, most=MOST_KEYWORDS)
    effects = [
        Effects(*both) for both in zip(reaction_effects, keyword_effects(simulator, pairs, opinions), strict=True)
    ]
    named = reasons(simulator, pairs, responses.probability, effects)
    shared = shared_tastes(simulator, pairs)
    return [
        Attribution(
            average_logit - simulator.selection,
            dict(zip(FEATURE_GROUPS, added[row].tolist(), strict=True)),
            shared[row],
            effects[row],
            named[row],
            turning[row],
            turning_vote[row],
            keyword_sets[row],
        )
        for row in range(len(pairs))
    ]
