"""Keywords as text: one spelling, what counts as saying nothing, and whether a source text supports them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property

import snowballstemmer

from models.phrases import lexicon, words_of

_LEADING = frozenset(
    {"a", "an", "the", "very", "really", "so", "such", "quite", "of", "its", "his", "her", "their", "is"}
)
_SEGMENT = re.compile(r"[.!?;]+(?:\s|$)|\n+")
_MOST_WORDS = 4


@cache
def stem(word: str) -> str:
    """English stem of a lower-case word (Snowball)."""
    return _stemmer().stemWord(word)


@cache
def _stemmer() -> snowballstemmer.EnglishStemmer:
    return snowballstemmer.EnglishStemmer()


def normalise(keyword: str) -> str:
    """One spelling of a keyword: lower-case words, single spaces, no leading article; '' where none or too many."""
    words = words_of(unicodedata.normalize("NFKC", keyword))
    while words and words[0] in _LEADING:
        words.pop(0)
    return " ".join(words) if len(words) <= _MOST_WORDS else ""


def content_stems(text: str) -> list[str]:
    """Stems of the words of a text that carry meaning, in order; 'not' and 'too' do."""
    stop = lexicon().stopwords
    return [stem(part) for word in words_of(text) if word not in stop for part in word.split("-") if part]


def says_nothing(keyword: str) -> bool:
    """Whether a keyword only says that it is a good or bad thing of its kind, or one word over again."""
    words = lexicon()
    telling = [word for word in words_of(keyword) if word not in words.empty | words.stopwords]
    stems = content_stems(keyword)
    return not telling or (len(stems) > 1 and len(set(stems)) == 1)


def repeats_name(keyword: str, name: str) -> bool:
    """Whether a keyword has no content beside words of the item's name."""
    stems = content_stems(keyword)
    return bool(stems) and set(stems) <= set(content_stems(name))


@dataclass(frozen=True)
class SourceText:
    """What a keyword was read from: facts of an item, or a review."""

    text: str

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Its sentences; evidence is one of them."""
        return tuple(part.strip() for part in _SEGMENT.split(self.text) if part.strip())

    @cached_property
    def _stems(self) -> tuple[frozenset[str], ...]:
        return tuple(frozenset(content_stems(segment)) for segment in self.segments)

    def word_support(self, keyword: str) -> tuple[float, str]:
        """Largest share of a keyword's content words that one sentence holds, and that sentence."""
        wanted = set(content_stems(keyword))
        if not wanted or not self._stems:
            return 0.0, ""
        shares = [len(wanted & stems) / len(wanted) for stems in self._stems]
        best = max(range(len(shares)), key=shares.__getitem__)
        return shares[best], self.segments[best] if shares[best] > 0 else ""
