"""Bundled word lists of a language: praise and blame, aspects that people judge, and words without content.

Source: models/reading/templates/<language>/lexicon.yaml, where each list says what it is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import TypeAdapter

from models.knowledge import Side

Language = Literal["en", "zh"]

TEMPLATES = Path(__file__).parent / "templates"
"""Prompts, worked examples and word lists, by language."""

# Letters and digits, joined by hyphens or apostrophes (beat-'em-up), or two letters by an ampersand (R&B).
WORD = re.compile(r"\b[^\W\d_]&[^\W\d_]\b|[^\W_]+(?:['’-]{1,2}[^\W_]+)*")


@dataclass(frozen=True)
class Lexicon:
    """The lists.

    Parameters
    ----------
    verdicts
        By side, words that state nothing but the side itself ("great").
    qualities
        By side and noun, words that state a quality ("witty"); `any` suits all nouns.
    opinions, cues
        By side, further words that tell a clause's side: of a reviewer's own, and of somebody who reports.
    aspects
        Things that people judge ("plot").
    nouns
        Names of the groups of `qualities` and of the worked examples, by what an item may be called.
    objections
        Things that some people object to, whatever their quality, and hardly anybody seeks ("gore").
    divisive, audiences
        Things that some seek and others avoid ("horror"), and those of them that name the people a thing is made for.
    stories
        Groups whose description tells a story.
    negations, states, degrees
        Words that deny; verbs that say how something is; words that may stand between such a verb and the quality.
    determiners
        Words that open a phrase of their own.
    stopwords, fragments, empty
        Words that no phrase begins or ends with; that no quoted phrase holds; that say nothing by themselves.
    """

    verdicts: dict[Side, list[str]]
    qualities: dict[Side, dict[str, list[str]]]
    opinions: dict[Side, list[str]]
    cues: dict[Side, list[str]]
    aspects: frozenset[str]
    nouns: dict[str, str]
    objections: frozenset[str]
    stories: frozenset[str]
    negations: frozenset[str]
    states: frozenset[str]
    degrees: frozenset[str]
    stopwords: frozenset[str]
    fragments: frozenset[str]
    empty: frozenset[str]
    divisive: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    determiners: frozenset[str] = frozenset()

    @cached_property
    def all_verdicts(self) -> frozenset[str]:
        """Verdicts of both sides."""
        return frozenset(self.verdicts["pro"] + self.verdicts["con"])

    @cached_property
    def all_qualities(self) -> frozenset[str]:
        """Verdicts and qualities of both sides and all nouns."""
        return self.all_verdicts.union(*(words for groups in self.qualities.values() for words in groups.values()))

    @cached_property
    def judging(self) -> frozenset[str]:
        """All words that say how something is, of both sides and all nouns."""
        return self.all_qualities.union(*self.opinions.values())

    def domain(self, noun: str) -> str:
        """Name of a noun's group: a `music album` is an album, a movie a film, a 餐厅 a place."""
        endings = [name for name in self.nouns if noun.lower().endswith(name)]
        return self.nouns[max(endings, key=len)] if endings else noun.lower().split()[-1]

    def qualities_of(self, side: Side, noun: str) -> list[str]:
        """Qualities of a side that suit a noun; a noun without words of its own gets all."""
        groups = self.qualities[side]
        domain = self.domain(noun)
        chosen = ("any", domain) if domain in groups else tuple(groups)
        return unique(word for group in chosen for word in groups[group])


@cache
def lexicon(language: Language = "en") -> Lexicon:
    """Read the bundled lists of a language once."""
    file = TEMPLATES / language / "lexicon.yaml"
    return TypeAdapter(Lexicon).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))


@cache
def speaks_for(side: Side, noun: str, language: Language = "en") -> frozenset[str]:
    """All words that tell that a clause speaks for a side of a noun."""
    words = lexicon(language)
    own = (*words.verdicts[side], *words.qualities_of(side, noun), *words.opinions[side], *words.cues[side])
    if side == "pro" or language != "en":
        return frozenset(own)
    return frozenset((*own, *(f"un{word}" for word in speaks_for("pro", noun))))  # unfriendly, uncomfortable


def words_of(text: str) -> list[str]:
    """Lower-case words of a text, hyphens and apostrophes kept inside them."""
    return [word.replace("’", "'") for word in WORD.findall(text.lower())]


def unique(values: Iterable[str]) -> list[str]:
    """Values in order, each once."""
    return list(dict.fromkeys(values))
