"""An explanation: a response, and for each of the three models its vote and the reasons behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter

from models.explanation.grounds import Grounds, KeywordReason, SharedTaste
from models.explanation.votes import KeywordVote, NamedItem, SASRecVote, SimilarityVote

_MOST_NAMED = 3  # keywords of a side in the sentence
_SMALL = 0.005  # contributions that are not named


@dataclass(frozen=True)
class Explanation:
    """One response and its reasons.

    Parameters
    ----------
    user, user_name, item, item_name
        Who responds to what: row numbers, and names for people.
    categories
        The candidate's categories that occur in the history; empty where keyword matching and similarity had to look at
        the whole history.
    history_size, compared_size
        Remembered interactions of the user, without the candidate, and how many of them those two models looked at.
    keyword_matching, similarity, sasrec
        The votes.
    like
        The reaction: drawn from `probability`, unless the rules of the session say otherwise.
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

    def __str__(self) -> str:
        """What happened and why, in two sentences."""
        return f"{self.sentence()}\n{self.why()}"

    @property
    def confidence(self) -> float:
        """Probability of the likelier response, 0.5 to 1."""
        return max(self.probability, 1 - self.probability)

    @property
    def votes(self) -> dict[str, int]:
        """The three votes by model."""
        return {
            "keyword_matching": self.keyword_matching.vote,
            "similarity": self.similarity.vote,
            "sasrec": self.sasrec.vote,
        }

    @property
    def vote(self) -> bool:
        """At least two of the three votes."""
        return sum(self.votes.values()) >= 2

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
        """The reaction and the three votes, in two sentences."""
        scope = f"compared within {_listed(self.categories)}, " if self.categories else ""
        verdict = "likes" if self.like else "does not like"
        joint = "and" if self.like == (self.probability >= 0.5) else "although"
        return (
            f"{self.user_name} {verdict} “{self.item_name}”, {joint} the calibrated P(like) is {self.probability:.2f}. "
            f"By vote it is {'a like' if self.vote else 'no like'}, {sum(self.votes.values())} of 3: {scope}"
            f"keywords vote {_keyword_reason(self.keyword_matching)}, "
            f"similarity votes {_similarity_reason(self.similarity)}, "
            f"and SASRec votes {_yes(self.sasrec.vote)} (P(like) {self.sasrec.probability:.2f})."
        )

    def why(self) -> str:
        """What the probability rests on and what would turn it, as one sentence."""
        grounds = self.grounds
        by_size = sorted(grounds.contributions.items(), key=lambda part: -abs(part[1]))
        parts = ", ".join(f"{name} {added:+.2f}" for name, added in by_size if abs(added) >= _SMALL)
        reasons = ", ".join(
            f"“{reason.name}” ({'liked' if reason.liked else 'disliked'}, {reason.effect:+.3f})"
            for reason in grounds.reasons
        )
        keywords = ", ".join(map(_keyword_effect, grounds.keyword_reasons))
        shared = ", ".join(map(_taste, grounds.shared_tastes))
        return (
            f"P(like) {self.probability:.2f} is an average of {_probability(grounds.average_logit):.2f} moved by "
            f"{parts or 'next to nothing'} (logits); "
            f"{f'past reactions that speak most for it: {reasons}' if reasons else 'no past reaction speaks for it'}"
            f"{keywords and f'; keywords that do: {keywords}'}"
            f"{shared and f'; users with such reactions find more or less in {shared}'}; {self._turned()}."
        )

    def _turned(self) -> str:
        """What would turn the probability, and the vote."""
        grounds, above = self.grounds, self.probability >= 0.5
        if grounds.turned_without is None:
            turn = f"no {grounds.looked_for} past reactions or fewer were found that turn it"
        else:
            turn = f"without {_quoted(grounds.turned_without)} it would {'fall below' if above else 'reach'} 0.5"
        ways = []
        if grounds.vote.without_keywords:
            ways.append(
                "the " + _listed(tuple(f"{side} “{keyword}”" for side, keyword in grounds.vote.without_keywords))
            )
        if grounds.vote.without_reactions:
            ways.append(_quoted(grounds.vote.without_reactions))
        other = "no like" if self.vote else "like"
        return f"{turn}; " + (
            f"the vote would be {other} without {', or without '.join(ways)}"
            if ways
            else "nothing so small was found that turns the vote"
        )


def _probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _yes(vote: int) -> str:
    return "yes" if vote else "no"


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _quoted(items: tuple[NamedItem, ...]) -> str:
    return _listed(tuple(f"“{item.name}”" for item in items))


def _keyword_effect(reason: KeywordReason) -> str:
    source = f", from “{reason.evidence}”" if reason.evidence not in ("", reason.keyword) else ""
    return f"{reason.side} “{reason.keyword}” ({reason.effect:+.3f}{source})"


def _taste(taste: SharedTaste) -> str:
    return f"{taste.side} “{taste.keyword}” ({taste.effect:+.2f})"


def _keyword_reason(vote: KeywordVote) -> str:
    if not vote.positive and not vote.negative:
        return f"{_yes(vote.vote)} by coin (nothing shared with the history)"
    parts = [
        f"{count:.0f} shared with {what} items: {', '.join(match.keyword for match in matches[:_MOST_NAMED])}"
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
        else f"no {what} item to compare; {other} ones speak neither way at {value:.2f}"
        for value, what, other, neighbours in (
            (vote.positive, "liked", "disliked", vote.nearest_liked),
            (vote.negative, "disliked", "liked", vote.nearest_disliked),
        )
    ]
    return f"{_yes(vote.vote)}{' by coin' if vote.by_coin else ''} ({'; '.join(parts)})"
