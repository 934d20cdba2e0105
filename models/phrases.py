"""Phrases that a small model may answer with: decoding is held to what the source itself says.

A model of 135 million parameters that writes freely drifts into nonsense; one that chooses among phrases does well. It
may choose what a text says on the side that is asked for (models/clauses.py: "rude staff", "far too long"), or a bare
verdict on something that the source names ("great vocals", "weak thriller"). No quality is invented: "witty dialogue"
is offered only where a clause says so. Larger models write freely (style `reasoning`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from models.clauses import Clause, clauses_of
from models.lexicon import domain_of, lexicon, speaks_for, unique, words_of

Side = Literal["pro", "con"]

_LONGEST_FACT = 40
_MOST_FACTS = 60
_MOST_QUOTES = 60
_MANY_QUOTES = 3
_SHORT_TEXT = 250
_LABEL = re.compile(r"\s*(?:(?P<label>[A-Z][\w ]*): )?(?P<value>.*)")


@dataclass(frozen=True)
class Choices:
    """The keywords that a source allows, the likelier ones of a text first."""

    phrases: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """Regular expression that holds an answer's keyword to one of them."""
        return f"^({'|'.join(map(re.escape, self.phrases))})$".replace("\\ ", " ").replace("\\-", "-")

    @property
    def least(self) -> int:
        """Fewest keywords to ask for: two where the source has two different things to say, else one."""
        verdicts = lexicon().all_verdicts
        first = set(words_of(self.phrases[0])) - verdicts
        return 2 if any(first.isdisjoint(words_of(phrase)) for phrase in self.phrases) else 1


def objective_choices(
    categories: Iterable[str], attributes: str, description: str, side: Side, noun: str
) -> Choices | None:
    """Keywords that an item's facts allow; None where they name nothing.

    A description that finds fault somewhere speaks well of the item where it takes no side. That of a film tells a
    story, whose good and bad are not the film's.
    """
    clauses = () if domain_of(noun) in lexicon().stories else clauses_of(description)
    sides = [clause.side(noun) for clause in clauses]
    judging = side == "pro" and "con" in sides
    said = [one for one, spoken in zip(clauses, sides, strict=True) if spoken == side or (judging and spoken is None)]
    listed = list(categories)
    # A history is compared within a category, where an item's only category tells nothing.
    facts = fact_phrases(listed if len(listed) > 1 or not clauses else (), attributes)
    telling = _telling(side, noun)
    quotes = [phrase for one in said for phrase in one.phrases(None if judging or one.reports else telling)]
    return _choices(said, quotes, facts, side, noun)


def subjective_choices(comment: str, side: Side, noun: str) -> Choices | None:
    """Keywords that a review allows; None where it offers nothing.

    The rating says that a short review means its side wherever it does not say the opposite.
    """
    short = len(comment) <= _SHORT_TEXT
    fitting = [(clause, spoken) for clause in clauses_of(comment) if (spoken := clause.side(noun)) in (side, None)]
    telling = [clause for clause, spoken in fitting if spoken == side]
    said = [clause for clause, _ in fitting] if short or not telling else telling
    quotes = [phrase for one in said for phrase in one.phrases(None if short else _telling(side, noun))]
    return _choices(telling or said, quotes, (), side, noun)


def fact_phrases(categories: Iterable[str], attributes: str) -> list[str]:
    """What an item's categories, tags and unlabelled attributes name, in one to three words each.

    Other labelled attributes (`Year: 1995.`, `By: Nico.`) are facts to know but nothing to like or dislike.
    """
    labelled = (_LABEL.match(sentence) for sentence in re.split(r"\.(?:\s|$)", attributes))
    listed = [*categories, *(found["value"] for found in labelled if found and found["label"] in (None, "Tags"))]
    parts = [words_of(part) for text in listed for part in re.split(r"[,;&/()|.]| and ", text.lower())]
    phrases = (" ".join(words) for words in parts if 1 <= len(words) <= 3 and not all(w.isdigit() for w in words))
    return unique(phrase for phrase in phrases if 3 <= len(phrase) <= _LONGEST_FACT)[:_MOST_FACTS]


def aspects_of(text: str) -> list[str]:
    """Things that people judge (vocals, plot, staff) as far as a text names them."""
    return unique(word for word in words_of(text) if word in lexicon().aspects)


def _telling(side: Side, noun: str) -> frozenset[str]:
    """Words around which a phrase of a long text is a judgement."""
    return speaks_for(side, noun) | lexicon().aspects


def _choices(
    said: Sequence[Clause], quotes: Sequence[str], facts: Sequence[str], side: Side, noun: str
) -> Choices | None:
    """Quotes; verdicts on aspects that no quote holds; verdicts on facts where there are few quotes."""
    quotes = unique(quotes)[:_MOST_QUOTES]
    quoted = {word for quote in quotes for word in quote.split()}
    aspects = [aspect for clause in said for aspect in aspects_of(clause.text) if aspect not in quoted]
    judged = [*aspects, *(facts if len(quotes) < _MANY_QUOTES else ())]
    phrases = unique([*quotes, *(judgement for thing in judged for judgement in _judgements(thing, side, noun))])
    return Choices(tuple(phrases)) if phrases else None


def _judgements(thing: str, side: Side, noun: str) -> tuple[str, ...]:
    """A verdict on a thing; where it is a judgement already ("great visuals"), itself on its own side."""
    said = set(words_of(thing))
    sides = [one for one in ("pro", "con") if said & speaks_for(one, noun)]
    if sides:
        return (thing,) if sides == [side] else ()
    return (f"{lexicon().verdicts[side][0]} {thing}",)
