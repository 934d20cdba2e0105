"""The parts of an explanation: what each model's vote rests on, what the probability does, and what would turn them."""

from __future__ import annotations

import math
from dataclasses import dataclass

_EXACT = 2  # past reactions: a set of so many is found only where no smaller one does it


@dataclass(frozen=True)
class NamedItem:
    """An item by row number and name."""

    item: int
    name: str


@dataclass(frozen=True)
class Neighbour:
    """An item of the history, its name and the cosine between its keywords and the candidate's."""

    item: int
    name: str
    cosine: float


@dataclass(frozen=True)
class SharedKeyword:
    """A keyword of the candidate, the items of the history that have it too, oldest first, and the words behind it.

    The evidence is what the candidate's facts or reviews say; empty where nothing is known.
    """

    keyword: str
    items: tuple[NamedItem, ...]
    evidence: str = ""


@dataclass(frozen=True)
class KeywordVote:
    """Keyword matching's vote.

    Parameters
    ----------
    vote, by_coin
        0 or 1, and whether a tie was decided by the coin.
    positive, negative
        a_pos and a_neg: how often keywords are shared, over all of `pros` (`cons`) and their items.
    pros, cons
        Pros shared with liked items, cons shared with disliked ones; most shared first.
    """

    vote: int
    by_coin: bool
    positive: float
    negative: float
    pros: tuple[SharedKeyword, ...]
    cons: tuple[SharedKeyword, ...]


@dataclass(frozen=True)
class SimilarityVote:
    """Similarity's vote.

    Parameters
    ----------
    vote, by_coin
        0 or 1, and whether a tie was decided by the coin.
    positive, negative
        b_pos and b_neg: the first neighbour's cosine, or the side's neutral value where only the other has one; 0 and
        0 where neither has.
    nearest_liked, nearest_disliked
        At most three each, nearest first.
    """

    vote: int
    by_coin: bool
    positive: float
    negative: float
    nearest_liked: tuple[Neighbour, ...]
    nearest_disliked: tuple[Neighbour, ...]


@dataclass(frozen=True)
class SASRecVote:
    """SASRec's vote, 0 or 1, and the P(like) that it rests on."""

    vote: int
    probability: float

    @property
    def logit(self) -> float:
        """log(P / (1 - P)), the statistical logit; kept finite."""
        p = min(max(self.probability, 1e-7), 1 - 1e-7)
        return math.log(p / (1 - p))


@dataclass(frozen=True)
class Reason:
    """A past reaction that speaks for the answer.

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
    """A keyword of the candidate that speaks for the answer.

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
class VoteTurned:
    """What would turn the vote of the three models, whatever coins say; None where no set was found.

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
        """Whether no smaller set of reactions turns the vote; of three and more that is not known."""
        return None if self.without_reactions is None else len(self.without_reactions) <= _EXACT


@dataclass(frozen=True)
class Grounds:
    """What the calibrated P(like) rests on, and what would turn the answer.

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
    turned_without
        Past reactions without which the probability would lie on the other side of 0.5, none of which can be spared;
        None where no set of at most `looked_for` was found.
    looked_for
        Largest set of past reactions that was looked for.
    vote
        What would turn the vote.
    """

    average_logit: float
    contributions: dict[str, float]
    reasons: tuple[Reason, ...]
    keyword_reasons: tuple[KeywordReason, ...]
    turned_without: tuple[NamedItem, ...] | None
    looked_for: int
    vote: VoteTurned
