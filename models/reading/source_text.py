"""Keywords as text: their spelling, whether they say anything, and whether a source text supports them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property

import snowballstemmer

from models.reading.chinese import chinese_parts, chinese_says_nothing, is_chinese
from models.reading.lexicon import lexicon, words_of

_LEADING = frozenset(
    {"a", "an", "the", "very", "really", "so", "such", "quite", "of", "its", "his", "her", "their", "is"}
)
_SEGMENT = re.compile(r"[.!?;]+(?:\s|$)|[。！？；]+|(?<=[\u3400-\u9fff])[!?;]+|\n+")
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
    """Stems of the words of a text that carry meaning, in order; 'not' and 'too' do.

    Chinese is written without spaces: there, pairs of neighbouring characters stand for words.
    """
    stop = lexicon().stopwords
    parts = (part for word in words_of(text) if word not in stop for part in word.split("-") if part)
    return [one for part in parts for one in (chinese_parts(part) if is_chinese(part) else (stem(part),))]


def says_nothing(keyword: str) -> bool:
    """Whether a keyword only says that it is a good or bad thing of its kind, or one word over again."""
    if is_chinese(keyword):
        return chinese_says_nothing(keyword)
    words = lexicon()
    nothing = words.empty | words.stopwords | words.all_verdicts | {"not", "too"}
    telling = [word for word in words_of(keyword) if word not in nothing]
    stems = content_stems(keyword)
    return not telling or (len(stems) > 1 and len(set(stems)) == 1)


def repeats_name(keyword: str, name: str) -> bool:
    """Whether a keyword has no content beside words of the item's name."""
    stems = content_stems(keyword)
    return bool(stems) and set(stems) <= set(content_stems(name))


def excerpt(sentence: str, keyword: str, longest: int) -> str:
    """The part of a sentence, at most so many characters of whole words, that holds a keyword's words in its middle."""
    if len(sentence) <= longest:
        return sentence
    wanted = set(content_stems(keyword))
    spans = [match.span() for match in re.finditer(r"\S+", sentence)]
    held = [span for span in spans if not wanted.isdisjoint(content_stems(sentence[slice(*span)]))] or spans[:1]
    middle = (held[0][0] + min(held[-1][1], held[0][0] + longest)) // 2
    start = max(0, min(middle - longest // 2, len(sentence) - longest))
    inside = [span for span in spans if span[0] >= start and span[1] <= start + longest]
    return sentence[inside[0][0] : inside[-1][1]] if inside else sentence[:longest]


@dataclass(frozen=True)
class Support:
    """How far a sentence supports a keyword by its words.

    Parameters
    ----------
    share
        Share of the keyword's words of content that the sentence holds, in any inflection.
    exact
        Whether it holds them as they stand.
    sentence
        The sentence; '' where none holds any.
    """

    share: float
    exact: bool
    sentence: str


@dataclass(frozen=True)
class SourceText:
    """The text that a keyword was read from: facts of an item, or a review."""

    text: str

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Its sentences; evidence is one of them."""
        return tuple(part.strip() for part in _SEGMENT.split(self.text) if part.strip())

    @cached_property
    def _stems(self) -> tuple[frozenset[str], ...]:
        return tuple(frozenset(content_stems(segment)) for segment in self.segments)

    def support(self, keyword: str) -> Support:
        """The sentence that holds most of a keyword's words.

        A bare verdict ("great vocals") only says which side is meant and needs no support where more is said.
        """
        words = words_of(keyword)
        verdicts = lexicon().all_verdicts
        telling = " ".join(word for word in words if word not in verdicts) or keyword
        wanted = set(content_stems(telling))
        if not wanted or not self._stems:
            return Support(0.0, exact=False, sentence="")
        shares = [len(wanted & stems) / len(wanted) for stems in self._stems]
        best = max(range(len(shares)), key=shares.__getitem__)
        if shares[best] == 0:
            return Support(0.0, exact=False, sentence="")
        sentence = self.segments[best]
        return Support(shares[best], exact=f" {telling} " in f" {' '.join(words_of(sentence))} ", sentence=sentence)
