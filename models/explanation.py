"""What an explanation is: a reaction, and for each of the three models its vote and the reasons behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter

_NAMED = 3  # keywords a side in the sentence
_SMALL = 0.005  # contributions that are not named


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
    """A keyword of the candidate and the items of the history that have it too, oldest first."""

    keyword: str
    items: tuple[NamedItem, ...]


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
    turned_without
        Past reactions without which the probability would lie on the other side of 0.5, none of which can be spared;
        None where no set of at most `looked_for` was found.
    looked_for
        Largest set that was looked for.
    keywords_turned_without
        The fewest shared keywords without which keyword matching would not vote as it does; None on a tie.
    """

    average_logit: float
    contributions: dict[str, float]
    reasons: tuple[Reason, ...]
    turned_without: tuple[NamedItem, ...] | None
    looked_for: int
    keywords_turned_without: tuple[str, ...] | None


@dataclass(frozen=True)
class Explanation:
    """One reaction and its reasons.

    Parameters
    ----------
    user, user_name, item, item_name
        Who is asked about what: row numbers and names for people.
    categories
        The candidate's categories that the history knows; empty where keyword matching and similarity had to look at
        the whole history.
    history_size, compared_size
        Interactions known of the user, without the candidate, and how many of them those two models looked at.
    keyword_matching, similarity, sasrec
        The votes.
    like
        At least two votes.
    probability
        The calibrated P(like).
    grounds
        What that probability rests on.
    """

    user: int
    user_name: str
    item: int
    item_name: str
    categories: tuple[str, ...]
    history_size: int
    compared_size: int
    keyword_matching: KeywordVote
    similarity: SimilarityVote
    sasrec: SASRecVote
    like: bool
    probability: float
    grounds: Grounds

    @property
    def confidence(self) -> float:
        """Probability of the likelier answer, 0.5 to 1."""
        return max(self.probability, 1 - self.probability)

    @property
    def votes(self) -> dict[str, int]:
        """The three votes by model."""
        return {
            "keyword_matching": self.keyword_matching.vote,
            "similarity": self.similarity.vote,
            "sasrec": self.sasrec.vote,
        }

    def to_json(self) -> dict[str, JsonValue]:
        """All fields, the votes by model, the confidence and the sentences, as JSON values."""
        fields = TypeAdapter(Explanation).dump_python(self, mode="json")
        return {
            **fields,
            "votes": dict(self.votes),
            "confidence": self.confidence,
            "sentence": self.sentence(),
            "why": self.why(),
        }

    def sentence(self) -> str:
        """The whole explanation as one sentence."""
        scope = f"compared within {_listed(self.categories)}, " if self.categories else ""
        verdict = "likes" if self.like else "does not like"
        joint = "and" if self.like == (self.probability >= 0.5) else "although"
        return (
            f"{self.user_name} {verdict} “{self.item_name}” with {sum(self.votes.values())} of 3 votes, {joint} the "
            f"calibrated P(like) is {self.probability:.2f}: {scope}"
            f"keywords vote {_keyword_reason(self.keyword_matching)}, "
            f"similarity votes {_similarity_reason(self.similarity)}, "
            f"and SASRec votes {_yes(self.sasrec.vote)} (P(like) {self.sasrec.probability:.2f})."
        )

    def why(self) -> str:
        """What the probability rests on and what would turn it, as one sentence."""
        grounds, above = self.grounds, self.probability >= 0.5
        by_size = sorted(grounds.contributions.items(), key=lambda part: -abs(part[1]))
        parts = ", ".join(f"{name} {added:+.2f}" for name, added in by_size if abs(added) >= _SMALL)
        reasons = ", ".join(
            f"“{reason.name}” ({'liked' if reason.liked else 'disliked'}, {reason.effect:+.3f})"
            for reason in grounds.reasons
        )
        if grounds.turned_without is None:
            turn = f"no {grounds.looked_for} past reactions or fewer were found that turn it"
        else:
            names = _listed(tuple(f"“{item.name}”" for item in grounds.turned_without))
            turn = f"without {names} it would {'fall below' if above else 'reach'} 0.5"
        return (
            f"P(like) {self.probability:.2f} is an average of {_probability(grounds.average_logit):.2f} moved by "
            f"{parts or 'next to nothing'} (logits); "
            f"{f'past reactions that speak most for it: {reasons}' if reasons else 'no past reaction speaks for it'}; "
            f"{turn}."
        )


def _probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _yes(vote: int) -> str:
    return "yes" if vote else "no"


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _keyword_reason(vote: KeywordVote) -> str:
    if not vote.positive and not vote.negative:
        return f"{_yes(vote.vote)} by coin (nothing shared with the history)"
    parts = [
        f"{count:.0f} shared with {what} items: {', '.join(match.keyword for match in matches[:_NAMED])}"
        for count, what, matches in ((vote.positive, "liked", vote.pros), (vote.negative, "disliked", vote.cons))
        if count
    ]
    return f"{_yes(vote.vote)}{' by coin' if vote.by_coin else ''} ({'; '.join(parts)})"


def _similarity_reason(vote: SimilarityVote) -> str:
    if not vote.nearest_liked and not vote.nearest_disliked:
        return f"{_yes(vote.vote)} by coin (nothing to compare)"
    parts = [
        f"nearest {what} item “{neighbours[0].name}” at {value:.2f}"
        if neighbours
        else f"no {what} item to compare, so the usual {value:.2f}"
        for value, what, neighbours in (
            (vote.positive, "liked", vote.nearest_liked),
            (vote.negative, "disliked", vote.nearest_disliked),
        )
    ]
    return f"{_yes(vote.vote)}{' by coin' if vote.by_coin else ''} ({'; '.join(parts)})"
