"""What the calibrated P(like) rests on, and what would change the response, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from models.explanation.keyword_removal import OwnKeyword
from models.explanation.reasons import Effects, Reasons
from models.explanation.votes import KeywordRecord, NamedItem
from models.interactions import Histories
from models.knowledge import ItemKnowledge

MOST_REACTIONS, MOST_KEYWORDS = 5, 3  # in a set without which the response would be the other one
_EXACT = 2  # past reactions: for a larger set, it is not certain that no smaller one exists


@dataclass(frozen=True)
class ReactionReason:
    """A past reaction that speaks for the response.

    Parameters
    ----------
    item, name, liked
        What was reacted to and how.
    effect
        P(like) with this reaction less P(like) without it.
    """

    item: int
    name: str
    liked: bool
    effect: float


@dataclass(frozen=True)
class KeywordReason:
    """A keyword of the candidate that speaks for the response.

    Parameters
    ----------
    side, keyword, evidence
        `pro` or `con`, the keyword, and the words of the candidate's facts or reviews that it rests on.
    effect
        P(like) with this keyword less P(like) of the candidate without it.
    """

    side: str
    keyword: str
    evidence: str
    effect: float


@dataclass(frozen=True)
class SharedTaste:
    """What users with the same reactions think of a keyword of the candidate.

    Parameters
    ----------
    side, keyword
        `pro` or `con`, and the keyword.
    effect
        What it adds to the logit of P(like) that the user is of this kind and not anybody.
    """

    side: str
    keyword: str
    effect: float


@dataclass(frozen=True)
class VoteTurned:
    """What would turn the vote of the three models, however coins fall; None where there is no such set.

    Parameters
    ----------
    without_keywords
        The fewest keywords of the candidate (side and keyword), at most three.
    without_reactions
        Past reactions, at most five, none of which can be spared.
    """

    without_keywords: tuple[tuple[str, str], ...] | None
    without_reactions: tuple[NamedItem, ...] | None

    @property
    def smallest(self) -> bool | None:
        """Whether no smaller set of reactions turns the vote; None also means unknown for sets of three and more."""
        return None if self.without_reactions is None else len(self.without_reactions) <= _EXACT


@dataclass(frozen=True)
class Grounds:
    """What the calibrated P(like) rests on, and what would turn it.

    Parameters
    ----------
    average_logit
        Logit of P(like) where every feature has its average.
    contributions
        What each part of the simulator adds to it; all together come to the logit of the probability.
    reasons
        Past reactions that speak most for the side of 0.5 on which the probability lies, strongest first.
    keyword_reasons
        Keywords of the candidate that do, strongest first. Without all reasons together P(like) moves to the other side
        or towards it.
    shared_tastes
        Keywords of the candidate in which the user's kind lies apart from everybody, furthest first.
    turned_without
        Past reactions without which the probability would lie on the other side of 0.5, none of which can be spared;
        None where there is no such set of at most `looked_for`.
    looked_for
        Largest set of past reactions that was tried.
    vote
        What would turn the vote.
    """

    average_logit: float
    contributions: dict[str, float]
    reasons: tuple[ReactionReason, ...]
    keyword_reasons: tuple[KeywordReason, ...]
    shared_tastes: tuple[SharedTaste, ...]
    turned_without: tuple[NamedItem, ...] | None
    looked_for: int
    vote: VoteTurned


class Attribution(NamedTuple):
    """What one pair's response rests on, by positions in the history and columns of the vocabulary.

    Parameters
    ----------
    average_logit, contributions
        As in `Grounds`.
    shared_tastes
        Of the candidate's keywords, in logits.
    effects, reasons
        Effects of all past reactions and keywords, and those that are named.
    turning, turning_vote, keywords_turning_vote
        Sets without which the probability, or the vote, would be the other one.
    """

    average_logit: float
    contributions: Mapping[str, float]
    shared_tastes: Mapping[OwnKeyword, float]
    effects: Effects
    reasons: Reasons
    turning: tuple[int, ...] | None
    turning_vote: tuple[int, ...] | None
    keywords_turning_vote: tuple[OwnKeyword, ...] | None


def named_grounds(
    knowledge: ItemKnowledge, record: KeywordRecord, item: int, history: Histories, attribution: Attribution
) -> Grounds:
    """An attribution by names, for a candidate and one history."""
    items, likes, names = history.items[0].tolist(), history.likes[0].tolist(), knowledge.item_names

    def named(positions: tuple[int, ...] | None) -> tuple[NamedItem, ...] | None:
        return None if positions is None else tuple(NamedItem(items[t], names[items[t]]) for t in positions)

    def keyword_reason(own: OwnKeyword) -> KeywordReason:
        keyword = knowledge.keywords[own.column]
        evidence = record.evidence.get((item, own.side, keyword), "")
        return KeywordReason(own.side, keyword, evidence, attribution.effects.keywords[own])

    turning = attribution.keywords_turning_vote
    keywords = None if turning is None else tuple((side, knowledge.keywords[column]) for side, column in turning)
    return Grounds(
        attribution.average_logit,
        dict(attribution.contributions),
        tuple(
            ReactionReason(items[t], names[items[t]], likes[t], float(attribution.effects.reactions[t]))
            for t in attribution.reasons.reactions
        ),
        tuple(keyword_reason(own) for own in attribution.reasons.keywords),
        tuple(
            SharedTaste(own.side, knowledge.keywords[own.column], effect)
            for own, effect in attribution.shared_tastes.items()
        ),
        named(attribution.turning),
        MOST_REACTIONS,
        VoteTurned(keywords, named(attribution.turning_vote)),
    )
