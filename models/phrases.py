"""Phrases that a small model may answer with: decoding is held to qualities joined to what the source names.

A model of 135 million parameters that writes freely drifts into nonsense; one that chooses among phrases does well.
For an item's facts a phrase is a quality ("tense") and a fact ("thriller"). For a review it is a quality and an aspect
that the review names ("great vocals"), or words of the review itself around an opinion ("far too long"). The model
chooses; every choice is anchored in the source. Larger models write freely (style `reasoning`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Literal

import yaml

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE = re.compile(r"[.!?;:,()]+(?:\s|$)|\s-+\s")
_LONGEST_PHRASE = 40
_MOST_FACTS = 60
_MOST_QUOTES = 60


@dataclass(frozen=True)
class Lexicon:
    """Words of the bundled lists (models/templates/few_shot/phrases.yaml)."""

    qualities: dict[str, dict[str, list[str]]]
    opinions: dict[str, list[str]]
    aspects: frozenset[str]
    stopwords: frozenset[str]

    def qualities_of(self, side: Literal["pro", "con"], noun: str) -> list[str]:
        """Qualities of a side that suit a noun; a noun without words of its own gets all."""
        groups = self.qualities[side]
        chosen = ("any", noun) if noun in groups else tuple(groups)
        return _unique(word for group in chosen for word in groups[group])


@cache
def lexicon() -> Lexicon:
    """Read the bundled word lists once."""
    text = resources.files("models").joinpath("templates/few_shot/phrases.yaml").read_text(encoding="utf-8")
    lists = yaml.safe_load(text)
    return Lexicon(lists["qualities"], lists["opinions"], frozenset(lists["aspects"]), frozenset(lists["stopwords"]))


def words_of(text: str) -> list[str]:
    """Lower-case words of a text, hyphens and apostrophes kept inside them."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def fact_phrases(categories: Iterable[str], attributes: str, description: str) -> list[str]:
    """What an item's facts name, most telling first: categories, attributes, words of its description."""
    stop = lexicon().stopwords
    listed = [part for text in (*categories, attributes) for part in re.split(r"[,;&/()|]| and ", text.lower())]
    phrases = [" ".join(words_of(part)) for part in listed if 1 <= len(words_of(part)) <= 3]
    for sentence in _SENTENCE.split(description):
        words = words_of(sentence)
        phrases += [
            f"{first} {second}"
            for first, second in pairwise(words)
            if min(len(first), len(second)) > 3 and not {first, second} & stop
        ]
    phrases += [word for word in words_of(description) if len(word) > 4 and word not in stop]
    return _unique(phrase for phrase in phrases if 3 <= len(phrase) <= _LONGEST_PHRASE)[:_MOST_FACTS]


def review_phrases(comment: str, side: Literal["pro", "con"], noun: str) -> tuple[list[str], list[str]]:
    """What a review offers: the aspects that it names, and its own phrases around words of opinion of its side."""
    words = lexicon()
    telling = set(words.opinions[side]) | set(words.qualities_of(side, noun))
    aspects = _unique(word for word in words_of(comment) if word in words.aspects)
    quotes = [gram for sentence in _SENTENCE.split(comment) for gram in _quotes(words_of(sentence), telling)]
    if not aspects and not quotes:
        quotes = [gram for sentence in _SENTENCE.split(comment) for gram in _quotes(words_of(sentence), None)]
    return aspects, _unique(quotes)[:_MOST_QUOTES]


def objective_pattern(
    categories: Iterable[str], attributes: str, description: str, side: Literal["pro", "con"], noun: str
) -> str | None:
    """Regular expression of the keywords that an item's facts allow; None where they name nothing."""
    facts = fact_phrases(categories, attributes, description)
    qualities = lexicon().qualities_of(side, noun)
    return f"^({'|'.join(qualities)}) ({'|'.join(facts)})$" if facts else None


def subjective_pattern(comment: str, side: Literal["pro", "con"], noun: str) -> str | None:
    """Regular expression of the keywords that a review allows; None where it offers nothing."""
    aspects, quotes = review_phrases(comment, side, noun)
    spoken = set(words_of(comment))
    qualities = lexicon().qualities_of(side, noun)
    # Two plain qualities always fit the rating; a telling one must be the reviewer's own.
    qualities = [*qualities[:2], *(word for word in qualities[2:] if word in spoken)]
    choices = [f"({'|'.join(qualities)}) ({'|'.join(aspects)})"] if aspects else []
    choices += quotes
    return f"^({'|'.join(choices)})$" if choices else None


def _quotes(words: list[str], telling: set[str] | None) -> list[str]:
    """Runs of two or three words with content at both ends and, where asked for, a telling word among them."""
    stop = lexicon().stopwords
    return [
        " ".join(gram)
        for size in (2, 3)
        for start in range(len(words) - size + 1)
        if (gram := words[start : start + size])
        and gram[0] not in stop
        and gram[-1] not in stop
        and len(gram[-1]) > 2
        and gram[-1] not in ("not", "too")
        and (telling is None or telling & set(gram))
        and len(" ".join(gram)) <= _LONGEST_PHRASE
    ]


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
