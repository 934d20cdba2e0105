"""Ratings and yes-or-no answers read from the probabilities of an answer's first token, not from the token drawn.

A score that is a mean over all answers ranks more finely than the likeliest answer alone. Source of the expected rating
from digits: Liu et al., "G-Eval" (2023, arXiv 2303.16634).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

T = TypeVar("T")
_LARGEST_DIGIT = 9


class RatingReading(NamedTuple):
    """What a first token says of a rating.

    Parameters
    ----------
    expected
        Expected rating, on the dataset's own scale.
    probability
        P(like): share of the digits' probability that lies at or above the like threshold.
    mass
        Probability of all digits of the scale together; the rest went to tokens that are no rating.
    """

    expected: float
    probability: float
    mass: float


class YesNoReading(NamedTuple):
    """What a first token says of a question: P(yes) among yes and no, and the probability of both together."""

    probability: float
    mass: float


@dataclass(frozen=True)
class RatingScale:
    """A rating scale as one digit can tell it.

    A rating of two digits is no single token everywhere, and its first digit would be read as another rating. So a
    scale that goes beyond 9 is divided until it ends at 5: on a scale to 10 a 7 is shown as 3.5, and the answer 4
    counts as 8.

    Parameters
    ----------
    minimum, maximum, like_threshold
        Of the dataset's ratings.
    """

    minimum: float
    maximum: float
    like_threshold: float

    @property
    def divisor(self) -> float:
        """By what ratings are divided before they are shown."""
        return 1.0 if self.maximum <= _LARGEST_DIGIT else self.maximum / 5

    @property
    def digits(self) -> range:
        """The answers: whole numbers of the scale that is shown."""
        return range(math.ceil(self.minimum / self.divisor), math.floor(self.maximum / self.divisor) + 1)

    def shown(self, rating: float) -> str:
        """A rating as prompts show it."""
        return f"{round(rating / self.divisor, 1):g}"

    def read(self, first_token: str) -> RatingReading:
        """The rating of an answer.

        Parameters
        ----------
        first_token
            See `storage.completions.Completion`.

        Raises
        ------
        ValueError
            Where there are no log-probabilities, or no digit of the scale is among the likeliest tokens.
        """
        of_text = {str(digit): digit for digit in self.digits}
        digits = _probabilities(first_token, of_text.get)
        mass = sum(digits.values())
        if mass == 0:
            raise ValueError(f"none of {', '.join(of_text)} is among the likeliest tokens")
        ratings = {digit * self.divisor: p / mass for digit, p in digits.items()}
        liked = sum(p for rating, p in ratings.items() if rating >= self.like_threshold)
        return RatingReading(sum(rating * p for rating, p in ratings.items()), min(liked, 1.0), mass)


def read_yes_no(first_token: str) -> YesNoReading:
    """P(yes) against no.

    Raises
    ------
    ValueError
        Where there are no log-probabilities, or neither word is among the likeliest tokens.
    """
    words = _probabilities(first_token, lambda token: {"yes": True, "no": False}.get(token.lower().rstrip(".,!")))
    mass = sum(words.values())
    if mass == 0:
        raise ValueError("neither yes nor no is among the likeliest tokens")
    return YesNoReading(words.get(True, 0.0) / mass, mass)


def _probabilities(first_token: str, meaning: Callable[[str], T | None]) -> dict[T, float]:
    """Summed probabilities of the tokens that mean something, by their meaning."""
    if not first_token:
        raise ValueError("the server gave no log-probabilities")
    summed: dict[T, float] = {}
    for token, log_probability in json.loads(first_token):
        means = meaning(token.strip())
        if means is not None and math.isfinite(log_probability):
            summed[means] = summed.get(means, 0.0) + math.exp(min(log_probability, 0.0))
    return summed
