"""Clauses of a text: the side that each speaks for, and the phrases in it that could be a keyword.

A text speaks for an item in one clause and against it in the next ("quiet rooms, but the staff was rude"). A clause
speaks for the side whose words it holds more of (models/reading/lexicon.py); "not" reverses it. Its phrases are runs of
two or three content words, and statements of a verb about its subject ("the staff was rude": rude staff).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from models.knowledge import SIDES, Side
from models.reading.lexicon import WORD, lexicon, speaks_for, words_of

_BOUNDARY = re.compile(
    r"([.!?;:,()。！？，；：、]+(?:\s|$)|\s-+\s|\b(?:but|although|though|however|yet|while|whereas)\b)", re.IGNORECASE
)
_LONGEST_PHRASE = 40
_SHOUTED = 0.75
_NEAR = 4
_WORDS_OF_A_PHRASE = 4


@dataclass(frozen=True)
class Clause:
    """A part of a sentence between punctuation marks or before a `but`.

    Parameters
    ----------
    text
        The part.
    lead
        What announces it ("its weak point:", "on the downside,"); where that takes a side, so does the clause.
    """

    text: str
    lead: str = ""

    @cached_property
    def words(self) -> list[str]:
        """Its words in lower case."""
        return words_of(self.text)

    def side(self, noun: str) -> Side | None:
        """The side that it speaks for; None where it takes neither, or both alike."""
        if self.lead and (announced := Clause(self.lead).side(noun)):
            return announced
        denied = not lexicon().negations.isdisjoint(self.words)
        words = set(self.words) - lexicon().negations
        pro, con = (len(speaks_for(side, noun) & words) for side in SIDES)
        if pro == con:
            return None
        if denied:  # what is not good is bad, what is not bad need not be good
            return "con" if pro > con else None
        return "pro" if pro > con else "con"

    @property
    def reports(self) -> bool:
        """Whether it says what others think ("praised for ..."): then every phrase in it may be meant."""
        cues = lexicon().cues
        return bool(self.lead) or not {*cues["pro"], *cues["con"]}.isdisjoint(self.words)

    @property
    def is_phrase(self) -> bool:
        """Whether it is hardly more than a phrase ("Fluffy pancakes"), which somebody wrote down because it matters."""
        return len(self.words) <= _WORDS_OF_A_PHRASE

    def phrases(self, around: frozenset[str] | None = None) -> Iterator[str]:
        """What could be a keyword: predicates first, then runs of words; names are left out.

        An English noun phrase ends with what it is about, so that a run is taken to the end of its words of content, or
        to something that people judge.

        Parameters
        ----------
        around
            Words of which a run must hold one; where not given, every run will do.
        """
        yield from self._predicates()
        for run in self._runs():
            while run and not _can_close(run):
                run.pop()
            ends = [place for place, word in enumerate(run[:-1], 1) if word in lexicon().aspects]
            for end in (*ends, len(run)):
                for size in (2, 3):
                    phrase = run[max(0, end - size) : end]
                    if len(phrase) == size and (around is None or not around.isdisjoint(phrase)):
                        yield from _fitting(phrase)

    def judged(self, things: frozenset[str], noun: str, side: Side) -> list[str]:
        """Things that the clause names near a word that speaks for the side.

        The nearest opinion is taken as that on a thing, as by Hu and Liu, "Mining and summarizing customer reviews"
        (KDD 2004, section 3.4).
        """
        words, telling = self.words, speaks_for(side, noun)
        opinions = [place for place, word in enumerate(words) if word in telling]
        return [
            word
            for place, word in enumerate(words)
            if word in things and any(0 < abs(place - other) <= _NEAR for other in opinions)
        ]

    @cached_property
    def _named(self) -> list[bool]:
        """Which of the words are spelled as a name."""
        spelled = WORD.findall(self.text)
        shouted = sum(word[0].isupper() for word in spelled) > _SHOUTED * len(spelled)
        return [word[0].isupper() and place > 0 and not shouted for place, word in enumerate(spelled)]

    def _runs(self) -> Iterator[list[str]]:
        """Runs of words that a phrase may hold, as long as they go on."""
        run: list[str] = []
        for word, named in zip(self.words, self._named, strict=True):
            if named or not _tells(word):
                if word in lexicon().determiners and run and run[-1] not in lexicon().aspects:
                    run.pop()
                yield run
                run = []
            else:
                run.append(word)
        yield run

    def _predicates(self) -> Iterator[str]:
        words = self.words
        for place, verb in enumerate(words):
            if (
                verb not in lexicon().states
                or place == 0
                or not _is_content(words[place - 1])
                or self._named[place - 1]
            ):
                continue
            first = place + 1
            while first < len(words) and words[first] in lexicon().degrees:
                first += 1
            for state in (first, first + 2) if words[first + 1 : first + 2] == ["and"] else (first,):
                if self._is_state(state):
                    if place > 1 and _is_content(words[place - 2]):
                        yield from _fitting([words[state], *words[place - 2 : place]])
                    yield from _fitting([words[state], words[place - 1]])

    def _is_state(self, place: int) -> bool:
        """Whether a verb before the place says how something is ("was rude"), not what it is or does ("is a joke")."""
        words = self.words
        if place >= len(words) or not _is_content(words[place]) or self._named[place] or words[place].endswith("ly"):
            return False
        return words[place - 1] != "a" and words[place + 1 : place + 2] not in (["of"], ["to"])


def clauses_of(text: str) -> list[Clause]:
    """The clauses of a text, in order."""
    parts = [*_BOUNDARY.split(text), ""]
    clauses, lead = [], ""
    for part, mark in zip(parts[::2], parts[1::2], strict=True):
        if part.strip():
            clauses.append(Clause(part.strip(), lead))
            announces = mark.strip() in (":", "：") or (mark.strip() in (",", "，") and _announces(part))
            lead = part.strip() if announces else ""
    return clauses


def _announces(part: str) -> bool:
    """Whether a part before a comma only says how the next one is meant ("on the downside", "to be fair")."""
    words = set(words_of(part)) - lexicon().stopwords
    cues = lexicon().cues
    return len(words) == 1 and words <= {*cues["pro"], *cues["con"]}


def _is_content(word: str) -> bool:
    words = lexicon()
    return len(word) > 2 and word.isalpha() and word not in words.stopwords | words.fragments | words.negations


def _tells(word: str) -> bool:
    """Whether a run may hold the word: `too` and `not` tell as well."""
    words = lexicon()
    return (
        not word.isnumeric() and not word.endswith("'s") and word not in words.stopwords and word not in words.fragments
    )


def _can_close(run: list[str]) -> bool:
    """Whether a run ends well: with a thing, or with a quality where it is denied or overdone ("far too long")."""
    last = run[-1]
    if last in lexicon().all_qualities:
        return run[-2:-1] in (["not"], ["too"])
    return _is_content(last.replace("-", "")) and last != "too" and not last.endswith(("ed", "ly"))


def _fitting(words: Sequence[str]) -> Iterator[str]:
    phrase = " ".join(words)
    if words[0] in ("not", "too") and words[1] not in lexicon().judging:
        return
    if len(words) == len(set(words)) and len(phrase) <= _LONGEST_PHRASE:
        yield phrase
