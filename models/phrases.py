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
from typing import Literal

import yaml

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE = re.compile(r"[.!?;:,()]+(?:\s|$)|\s-+\s")
_LONGEST_PHRASE = 40
_MOST_FACTS = 60
_MOST_QUOTES = 60
_SHORT_TEXT = 250
_PLAIN = 2
_LABEL = re.compile(r"\s*(?:(?P<label>[A-Z]\w*): )?(?P<value>.*)")
_NEVER_LAST = frozenset({"not", "too"})
_SAME_DOMAIN = {
    "movie": "film",
    "show": "film",
    "series": "film",
    "record": "album",
    "restaurant": "place",
    "café": "place",
}


@dataclass(frozen=True)
class Lexicon:
    """Words of the bundled lists (models/templates/few_shot/phrases.yaml)."""

    qualities: dict[str, dict[str, list[str]]]
    opinions: dict[str, list[str]]
    aspects: frozenset[str]
    stopwords: frozenset[str]
    empty: frozenset[str]

    def qualities_of(self, side: Literal["pro", "con"], noun: str) -> list[str]:
        """Qualities of a side that suit a noun; a noun without words of its own gets all."""
        groups = self.qualities[side]
        domain = domain_of(noun)
        chosen = ("any", domain) if domain in groups else tuple(groups)
        return _unique(word for group in chosen for word in groups[group])


@cache
def lexicon() -> Lexicon:
    """Read the bundled word lists once."""
    text = resources.files("models").joinpath("templates/few_shot/phrases.yaml").read_text(encoding="utf-8")
    lists = yaml.safe_load(text)
    return Lexicon(
        lists["qualities"],
        lists["opinions"],
        frozenset(lists["aspects"]),
        frozenset(lists["stopwords"]),
        frozenset(lists["empty"]),
    )


def words_of(text: str) -> list[str]:
    """Lower-case words of a text, hyphens and apostrophes kept inside them."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def domain_of(noun: str) -> str:
    """Name of a noun's word lists and examples: a `music album` is an album, a movie a film, a restaurant a place."""
    last = noun.lower().split()[-1]
    return _SAME_DOMAIN.get(last, last)


def fact_phrases(categories: Iterable[str], attributes: str) -> list[str]:
    """What an item's categories, tags and unlabelled attributes name, in one to three words each.

    Other labelled attributes (`Year: 1995.`, `By: Nico.`) are facts to know but nothing to like or dislike.
    """
    labelled = (_LABEL.match(sentence) for sentence in re.split(r"\.(?:\s|$)", attributes))
    listed = [*categories, *(found["value"] for found in labelled if found and found["label"] in (None, "Tags"))]
    parts = [words_of(part) for text in listed for part in re.split(r"[,;&/()|.]| and ", text.lower())]
    phrases = (" ".join(words) for words in parts if 1 <= len(words) <= 3 and not all(w.isdigit() for w in words))
    return _unique(phrase for phrase in phrases if 3 <= len(phrase) <= _LONGEST_PHRASE)[:_MOST_FACTS]


def quoted_phrases(text: str, side: Literal["pro", "con"], noun: str, *, most: int = _MOST_QUOTES) -> list[str]:
    """Phrases of two or three words that a text says itself: those around words of opinion, all of a short text.

    A phrase that states an opinion of the other side only is left out.
    """
    words = lexicon()
    telling, opposed = (
        set(words.opinions[one]) | set(words.qualities_of(one, noun))
        for one in (side, "con" if side == "pro" else "pro")
    )
    runs = [run for sentence in _SENTENCE.split(text) for run in _runs(sentence, words.stopwords)]
    fitting = [run for run in runs if telling & set(run) or not opposed & set(run)]
    chosen = [run for run in fitting if telling & set(run)]
    if len(text) <= _SHORT_TEXT or not chosen:
        chosen += fitting
    return _unique(" ".join(run) for run in chosen)[:most]


def objective_pattern(
    categories: Iterable[str], attributes: str, description: str, side: Literal["pro", "con"], noun: str
) -> str | None:
    """Regular expression of the keywords that an item's facts allow; None where they name nothing."""
    quotes = quoted_phrases(description, side, noun)
    listed = list(categories)
    # A history is compared within a category, where an item's only category tells nothing.
    facts = fact_phrases(listed if len(listed) > 1 or not quotes else (), attributes) + aspects_of(description)
    return _pattern(lexicon().qualities_of(side, noun), facts, quotes)


def subjective_pattern(comment: str, side: Literal["pro", "con"], noun: str) -> str | None:
    """Regular expression of the keywords that a review allows; None where it offers nothing."""
    spoken = set(words_of(comment))
    qualities = lexicon().qualities_of(side, noun)
    # Plain qualities always fit the rating; a telling one must be the reviewer's own.
    allowed = [*qualities[:_PLAIN], *(word for word in qualities[_PLAIN:] if word in spoken)]
    return _pattern(allowed, aspects_of(comment), quoted_phrases(comment, side, noun))


def aspects_of(text: str) -> list[str]:
    """Things that people judge (vocals, plot, staff) as far as a text names them."""
    return _unique(word for word in words_of(text) if word in lexicon().aspects)


def _pattern(qualities: list[str], things: list[str], quotes: list[str]) -> str | None:
    choices = [f"({'|'.join(qualities)}) ({'|'.join(things)})"] if things else []
    choices += quotes
    return f"^({'|'.join(choices)})$" if choices else None


def _runs(sentence: str, stop: frozenset[str]) -> list[tuple[str, ...]]:
    """Runs of two or three words of content; names of people and works are left out."""
    spelled = _WORD.findall(sentence)
    words = words_of(sentence)
    shouted = sum(word[0].isupper() for word in spelled) > len(spelled) / 2
    return [
        run
        for size in (2, 3)
        for start in range(len(words) - size + 1)
        if (run := tuple(words[start : start + size]))
        and not stop & set(run)
        and run[-1] not in _NEVER_LAST
        and len(run[-1]) > 2
        and len(" ".join(run)) <= _LONGEST_PHRASE
        and (shouted or not (spelled[start][0].isupper() and spelled[start + size - 1][0].isupper()))
    ]


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
