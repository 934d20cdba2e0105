"""Phrases that a small model may reply with: decoding is restricted to what the source itself says.

A model of 135 million parameters that writes freely drifts into nonsense; one that chooses among phrases does well. It
may choose a phrase of the text for the requested side (models/reading/clauses.py: "rude staff", "far too long"), a bare
verdict on an aspect that a clause of that side judges ("great vocals"), or a plain fact: a genre or a tag attracts
people ("time travel"), puts them off ("gore", "slow burn"), or does both ("horror"). No quality is invented: "witty
dialogue" is offered only where a clause contains it, and a genre is never called great or weak. Where nothing speaks
against an item, no con is requested. Larger models write freely (style `reasoning`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from models.knowledge import Side
from models.reading.chinese import chinese_blame, chinese_clauses, chinese_facts, chinese_phrases, chinese_side
from models.reading.clauses import Clause, clauses_of
from models.reading.lexicon import Language, lexicon, speaks_for, unique, words_of
from models.reading.source_text import says_nothing

_LONGEST_FACT = 40
_MOST_FACTS = 60
_MOST_QUOTES = 60
_MANY_QUOTES = 3
_SHORT_TEXT = 250
_LIST = re.compile(r"[,;|.]|(?<=\s)[&/](?=\s)|(?<=\w)/(?=\w)| and ")
_LABEL = re.compile(r"\s*(?:(?P<label>[A-Z][\w ]*): )?(?P<value>.*)")


@dataclass(frozen=True)
class Choices:
    """The keywords that a source allows, the likelier ones of a text first."""

    phrases: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """Regular expression that restricts a keyword of a reply to one of them."""
        return f"^({'|'.join(map(re.escape, self.phrases))})$".replace("\\ ", " ").replace("\\-", "-")

    @property
    def least(self) -> int:
        """Fewest keywords to ask for: two where the source has two different things to say, else one."""
        verdicts = lexicon().all_verdicts
        first = set(words_of(self.phrases[0])) - verdicts
        return 2 if any(first.isdisjoint(words_of(phrase)) for phrase in self.phrases) else 1


def objective_choices(
    categories: Iterable[str], attributes: str, description: str, side: Side, noun: str, *, language: Language = "en"
) -> Choices | None:
    """Keywords that an item's facts allow; None where they name nothing.

    A description that finds fault somewhere speaks well of the item where it takes no side. That of a film tells a
    story, whose good and bad are not the film's.
    """
    if language == "zh":
        return _chinese_objective(categories, attributes, description, side, noun)
    clauses = () if lexicon().domain(noun) in lexicon().stories else clauses_of(description)
    sides = [clause.side(noun) for clause in clauses]
    judging = side == "pro" and "con" in sides
    quotable = [
        clause
        for clause, own_side in zip(clauses, sides, strict=True)
        if own_side == side or (judging and own_side is None)
    ]
    listed = list(categories)
    # A history is compared within a category, where an item's only category tells nothing.
    facts = fact_phrases(listed if len(listed) > 1 or not clauses else (), attributes)
    telling = _telling(side, noun)
    quotes = [
        phrase for clause in quotable for phrase in clause.phrases(None if judging or clause.reports else telling)
    ]
    speaking = [clause for clause, own_side in zip(clauses, sides, strict=True) if own_side == side]
    return _choices(quotes, speaking, _facts_for(facts, side, noun), side, noun)


def subjective_choices(comment: str, side: Side, noun: str, language: Language = "en") -> Choices | None:
    """Keywords that a review allows; None where it offers nothing.

    The rating says that a short review means its side wherever it does not say the opposite.
    """
    if language == "zh":
        return _chinese_choices(comment, (), side, noun)
    short = len(comment) <= _SHORT_TEXT
    fitting = [(clause, own_side) for clause in clauses_of(comment) if (own_side := clause.side(noun)) in (side, None)]
    speaking = [clause for clause, own_side in fitting if own_side == side]
    around = _telling(side, noun)
    quotes = [
        phrase
        for clause, own_side in fitting
        if short or own_side == side
        for phrase in clause.phrases(None if short and (own_side == side or clause.is_phrase) else around)
    ]
    return _choices(quotes, speaking, (), side, noun)


def _chinese_objective(
    categories: Iterable[str], attributes: str, description: str, side: Side, noun: str
) -> Choices | None:
    facts = chinese_facts(categories, attributes)
    meant = [fact for fact in facts if (side == "con") == chinese_blame(fact, noun) or side == "pro"]
    tells_a_story = lexicon("zh").domain(noun) in lexicon("zh").stories
    return _chinese_choices("" if tells_a_story else description, meant, side, noun)


def _chinese_choices(text: str, facts: Sequence[str], side: Side, noun: str) -> Choices | None:
    speaking = (clause for clause in chinese_clauses(text) if chinese_side(clause, noun) == side)
    quotes = unique(phrase for clause in speaking for phrase in chinese_phrases(clause, noun))[:_MOST_QUOTES]
    phrases = unique([*quotes, *(facts if len(quotes) < _MANY_QUOTES else ())])
    return Choices(tuple(phrases)) if phrases else None


def fact_phrases(categories: Iterable[str], attributes: str) -> list[str]:
    """What an item's categories, tags and unlabelled attributes name, in one to three words each.

    Other labelled attributes (`Year: 1995.`, `By: Nico.`) are facts to know but nothing to like or dislike, as are tags
    by which people only order their own shelves ("in netflix queue"). A genre of an audience is one for it.
    """
    listed = [*categories, *_telling_values(attributes)]
    parts = [words_of(part) for text in listed for part in _LIST.split(re.sub(r"\([^)]*\)", " ", text.lower()))]
    phrases = (" ".join(words) for words in parts if 1 <= len(words) <= 3 and _names_something(words))
    fitting = (phrase for phrase in phrases if len(phrase) <= _LONGEST_FACT)
    return unique(f"for {phrase}" if phrase in lexicon().audiences else phrase for phrase in fitting)[:_MOST_FACTS]


def _telling_values(attributes: str) -> Iterator[str]:
    """Values of tags and of what has no label; a part without one belongs to the label before it ("By: A Co. Ltd.")."""
    label = None
    for sentence in re.split(r"\.(?:\s|$)", attributes):
        match = _LABEL.match(sentence)
        if match is None:
            continue
        label = match["label"] or label
        if label in (None, "Tags"):
            yield match["value"]


def _names_something(words: list[str]) -> bool:
    """Whether words are the name of something: not of closed classes at either end, nor numbers, nor empty words."""
    lists = lexicon()
    closed = lists.stopwords - lists.empty | lists.fragments
    if not closed.isdisjoint((words[0], words[-1])):
        return False
    return len("".join(words)) > 2 and not all(word.isdigit() or word in lists.empty for word in words)


def _facts_for(facts: Iterable[str], side: Side, noun: str) -> list[str]:
    """Facts that fit a side: for con those that blame an item or put people off, for pro those that do not blame it."""
    praise, blame = speaks_for("pro", noun), speaks_for("con", noun) | lexicon().objections
    if side == "pro":
        return [fact for fact in facts if blame.isdisjoint(words_of(fact))]
    against = blame | lexicon().divisive
    return [fact for fact in facts if praise.isdisjoint(words_of(fact)) and not against.isdisjoint(words_of(fact))]


def _telling(side: Side, noun: str) -> frozenset[str]:
    """Words around which a phrase is a judgement: a bare verdict is one only of something that people judge."""
    lists = lexicon()
    return (speaks_for(side, noun) - lists.all_verdicts - lists.empty) | lists.aspects


def _speaks_against(side: Side, quote: str, noun: str) -> bool:
    """Whether a phrase by itself says the opposite ("cannot write great lyrics"); a thing that is liked may be cold."""
    words, lists = set(words_of(quote)), lexicon()
    other = speaks_for("pro", noun) if side == "con" else {*lists.verdicts["con"], *lists.opinions["con"]}
    return not words.isdisjoint(other) and words.isdisjoint(speaks_for(side, noun))


def _choices(
    quotes: Sequence[str], speaking: Sequence[Clause], facts: Sequence[str], side: Side, noun: str
) -> Choices | None:
    """Quotes; verdicts on aspects that no quote holds; facts where there are few quotes."""
    telling_quotes = (quote for quote in quotes if not (says_nothing(quote) or _speaks_against(side, quote, noun)))
    quotes = unique(telling_quotes)[:_MOST_QUOTES]
    quoted = {word for quote in quotes for word in quote.split()}
    judged = [word for clause in speaking for word in clause.judged(lexicon().aspects - quoted, noun, side)]
    verdict = lexicon().verdicts[side][0]
    phrases = [*quotes, *(f"{verdict} {aspect}" for aspect in judged)]
    phrases += facts if len(quotes) < _MANY_QUOTES else ()
    return Choices(tuple(unique(phrases))) if phrases else None
