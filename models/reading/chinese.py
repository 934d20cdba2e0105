"""Chinese texts: the side that a clause speaks for, the phrases in it that could be a keyword, and its units of text.

Chinese is written without spaces, and most clauses of a review are as short as a keyword ("服务员态度很差"). So a
clause of a few characters is itself a phrase; from a longer one, a quality is cut out together with the thing that has
it ("味道很正宗", "新鲜的海鲜"). Neither needs word segmentation. Words of the lists
(models/reading/templates/zh/lexicon.yaml) are looked for inside a clause, the longest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from models.knowledge import Side
from models.reading.lexicon import lexicon, speaks_for, unique

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_CLAUSE = re.compile(r"[\s,.!?;:()，。！？；：、（）…~]+|但是|但|不过|然而|可是|只是|却")
_LIST = re.compile(r"[,，、;；|/·\s]+")
_LABEL = re.compile(r"\s*(?:标签[:：])?(?P<value>[^:：]*)$")
_LENGTHS = range(2, 9)
_LONGEST_THING = 4


def is_chinese(text: str) -> bool:
    """Whether a text holds Chinese characters."""
    return _CHINESE.search(text) is not None


def chinese_clauses(text: str) -> list[str]:
    """The clauses of a text, in order."""
    return [part for part in _CLAUSE.split(text) if part]


def chinese_side(clause: str, noun: str) -> Side | None:
    """The side that a clause speaks for; None where it takes neither, or both alike. What is "not good" is bad."""
    counts = {"pro": 0, "con": 0}
    for match in _judging(noun).finditer(clause):
        pro = match["word"] in speaks_for("pro", noun, "zh")
        if match["denied"] and not pro:
            continue  # what is not bad need not be good
        counts["pro" if pro and not match["denied"] else "con"] += 1
    if counts["pro"] == counts["con"]:
        return None
    return "pro" if counts["pro"] > counts["con"] else "con"


def chinese_phrases(clause: str, noun: str) -> Iterator[str]:
    """Phrases that could be a keyword: the clause itself where it is short and telling, else what it states."""
    for part in _one_of((*lexicon("zh").cues["pro"], *lexicon("zh").cues["con"])).split(clause):
        whole = _trimmed(part)
        if len(whole) in _LENGTHS and _telling(noun).search(whole):
            yield whole
        else:
            yield from (match[0] for match in _statement(noun).finditer(part) if len(match[0]) in _LENGTHS)


def chinese_facts(categories: Iterable[str], attributes: str) -> list[str]:
    """The facts that categories, tags and unlabelled attributes name."""
    unlabelled = (match["value"] for match in map(_LABEL.match, re.split("[。.]", attributes)) if match)
    parts = (part.strip() for text in (*categories, *unlabelled) for part in _LIST.split(text))
    return unique(part for part in parts if len(part) in _LENGTHS and not chinese_says_nothing(part))


def chinese_blame(fact: str, noun: str) -> bool:
    """Whether people object to a fact, or it blames."""
    objected = _one_of(tuple(lexicon("zh").objections)).search(fact) is not None
    return objected or chinese_side(fact, noun) == "con"


def chinese_parts(text: str) -> list[str]:
    """The units of a text that stand in for words: pairs of neighbouring characters, words of degree left out."""
    runs = _one_of((*lexicon("zh").degrees, *lexicon("zh").stopwords)).sub("", text)
    return [runs[start : start + 2] for start in range(len(runs) - 1)] or ([runs] if runs else [])


def chinese_says_nothing(keyword: str) -> bool:
    """Whether a keyword only says that something is good or bad."""
    words = lexicon("zh")
    nothing = (*words.empty, *words.all_verdicts, *words.degrees, *words.stopwords, *words.negations)
    return not _one_of(nothing).sub("", keyword).strip()


def _trimmed(clause: str) -> str:
    """A clause without the words of no content at its ends."""
    words = lexicon("zh")
    ends = _any((*words.stopwords, *words.fragments))
    return re.sub(rf"^(?:{ends})+|(?:{ends})+$", "", clause)


@cache
def _judging(noun: str) -> re.Pattern[str]:
    """A word that tells a side, with what denies it."""
    words = lexicon("zh")
    judgements = _words((*speaks_for("pro", noun, "zh"), *speaks_for("con", noun, "zh")))
    return re.compile(f"(?:(?P<denied>{_any(words.negations)})(?:{_any(words.degrees)})?)?(?P<word>{judgements})")


@cache
def _telling(noun: str) -> re.Pattern[str]:
    """A quality or something that people judge."""
    words = lexicon("zh")
    return re.compile(_words((*words.qualities_of("pro", noun), *words.qualities_of("con", noun), *words.aspects)))


@cache
def _statement(noun: str) -> re.Pattern[str]:
    """A thing with its quality: 味道很正宗, or 新鲜的海鲜."""
    words = lexicon("zh")
    stop = "".join(sorted(word for word in words.stopwords if len(word) == 1))
    degree = _any((*words.degrees, *words.negations))
    quality = _words((*words.qualities_of("pro", noun), *words.qualities_of("con", noun)))
    thing = rf"(?:(?![{stop}])[\u3400-\u9fff]){{2,{_LONGEST_THING}}}"
    return re.compile(rf"{thing}?(?:{degree})*(?:{quality})|(?:{quality})的{thing}(?=[{stop}]|$)")


@cache
def _one_of(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(_any(words))


def _words(words: Iterable[str]) -> str:
    """Pattern of any of the words; one of a single character, mostly part of another word, counts at an end only."""
    distinct = set(words)
    single = [f"{word}(?=$|[了的又])" for word in sorted(distinct) if len(word) == 1]
    return "|".join([_any(word for word in distinct if len(word) > 1), *single])


def _any(words: Iterable[str]) -> str:
    """Pattern of any of the words, the longest first."""
    return "|".join(map(re.escape, sorted(set(words), key=lambda word: (-len(word), word))))
