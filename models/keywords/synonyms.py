"""Keywords of one meaning under one name: the most frequent of them, or the verdict on what they judge.

Embeddings of short phrases put opposites side by side ("hard beds", "soft beds"). So phrases that share a word are
synonyms only if the words that they do not share are alike as well ("huge hit", "big hit").

Many items share what a reviewer praises, few the words of praise: "brilliant lyrics" is "great lyrics", and so is
"honest lyrics" where a single item has it. So a keyword of an aspect and bare praise or blame goes by the side's
verdict on the aspect, as does one of an aspect and any quality where too few items share it: opinions on an aspect are
what is counted, as by Hu and Liu, "Mining and summarizing customer reviews" (KDD 2004). The members of a name are
listed in vocabulary.parquet, and every keyword keeps its own evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from models.keywords.embeddings import Encode
from models.keywords.nearest import NearestVectors
from models.knowledge import Side
from models.reading.chinese import is_chinese
from models.reading.lexicon import lexicon, speaks_for, words_of
from models.reading.source_text import content_stems, stem

_ALIKE = 0.82
"""Cosine from which words mean the same: opposites have up to 0.8 (cheap, expensive; west, east), huge and big 0.9."""
_ANY_NOUN = "item"
_OTHER: dict[Side, Side] = {"pro": "con", "con": "pro"}


def canonical_keywords(
    items: Mapping[str, set[int]], side: Side, encode: Encode, *, merge: float, absorb: float, min_items: int
) -> dict[str, str]:
    """Canonical keyword of every keyword of a side.

    Parameters
    ----------
    items
        The items that have each keyword.
    side
        The side that the keywords speak for.
    encode
        Texts to unit vectors, float32 (n, d).
    merge
        Cosine from which keywords are synonyms.
    absorb
        Cosine from which a keyword of fewer than `min_items` items joins one of more.
    """

    def heads_of(names: Mapping[str, str]) -> tuple[dict[str, str], dict[str, set[int]]]:
        named: dict[str, set[int]] = defaultdict(set)
        for keyword, its_items in items.items():
            named[names[keyword]] |= its_items
        head_of_name = _merged(named, encode, merge=merge, absorb=absorb, min_items=min_items)
        heads = {keyword: head_of_name[names[keyword]] for keyword in items}
        reach: dict[str, set[int]] = defaultdict(set)
        for keyword, head in heads.items():
            reach[head] |= items[keyword]
        return heads, reach

    names = {keyword: verdict_on_aspect(keyword, side, bare=True) or keyword for keyword in items}
    heads, reach = heads_of(names)
    shared = {
        keyword: (len(reach[heads[keyword]]) < min_items and _shared_name(keyword, side)) or name
        for keyword, name in names.items()
    }
    return heads if shared == names else heads_of(shared)[0]


def verdict_on_aspect(keyword: str, side: Side, *, bare: bool) -> str | None:
    """The side's verdict on the aspect that a keyword judges ("great lyrics").

    Parameters
    ----------
    bare
        Whether all other words must be praise or blame without further content.

    Returns
    -------
    None where it judges no aspect, or not for the side.
    """
    lists = lexicon()
    words = words_of(keyword)
    while words and words[-1] in lists.empty:  # sound quality
        words.pop()
    if len(words) < 2 or words[-1] not in lists.aspects:
        return None
    judging = set(words[:-1])
    if judging.isdisjoint(speaks_for(side, _ANY_NOUN)) or not judging.isdisjoint(
        speaks_for(_OTHER[side], _ANY_NOUN) | lists.negations
    ):
        return None
    if bare and not judging <= lists.empty | lists.all_verdicts | lists.stopwords:
        return None
    return f"{lists.verdicts[side][0]} {words[-1]}"


def quality_alone(keyword: str, side: Side) -> str | None:
    """The quality that a keyword gives to something empty ("funky stuff": funky); None where it is not of that form."""
    lists = lexicon()
    words = words_of(keyword)
    telling = [word for word in words if word not in lists.empty]
    if len(telling) != 1 or words[0] != telling[0] or telling[0] in lists.all_verdicts or len(words) == 1:
        return None
    return telling[0] if telling[0] in lists.all_qualities & speaks_for(side, _ANY_NOUN) else None


def _shared_name(keyword: str, side: Side) -> str | None:
    """The name for a keyword of too few items."""
    return verdict_on_aspect(keyword, side, bare=False) or quality_alone(keyword, side)


def _merged(
    items: Mapping[str, set[int]], encode: Encode, *, merge: float, absorb: float, min_items: int
) -> dict[str, str]:
    """The most frequent synonym of every keyword; parameters as in `canonical_keywords`."""
    words = sorted(items, key=lambda word: (-len(items[word]), len(word), word))
    if not words:
        return {}
    synonyms = _Synonyms(words, encode, min(merge, absorb))
    heads: dict[int, int] = {}
    own: set[int] = set()
    spelled: dict[frozenset[str], int] = {}
    for row, word in enumerate(words):
        same = spelled.setdefault(frozenset(content_stems(word)), row)
        heads[row] = heads[same] if same != row else synonyms.nearest(row, own, merge)
        if heads[row] == row:
            own.add(row)
    reach: dict[int, set[int]] = defaultdict(set)
    for row, head in heads.items():
        reach[head] |= items[words[row]]
    frequent = {head for head, its_items in reach.items() if len(its_items) >= min_items}
    joined = {head: head if head in frequent else synonyms.nearest(head, frequent, absorb) for head in reach}
    return {words[row]: words[joined[head]] for row, head in heads.items()}


class _Synonyms:
    """Keywords near to each other for the right reason, nearest first.

    Parameters
    ----------
    words
        The keywords.
    encode
        Texts to unit vectors. It reads English: a Chinese keyword has no synonyms but its own spelling.
    least
        Smallest cosine of two synonyms.
    """

    def __init__(self, words: list[str], encode: Encode, least: float) -> None:
        self._words = words
        self._stems = [frozenset(content_stems(word)) for word in words]
        vectors = encode(words).copy()
        vectors[[row for row, word in enumerate(words) if is_chinese(word)]] = 0
        nearby = NearestVectors(vectors).pairs_within(least)
        cosines = dict(
            zip(zip(nearby.first.tolist(), nearby.second.tolist(), strict=True), nearby.cosines, strict=True)
        )
        differing = {pair: self._differing(*pair) for pair in cosines}
        texts = sorted({text for parts in differing.values() for text in parts if text})
        part_vectors = dict(zip(texts, encode(texts), strict=True)) if texts else {}
        self._near: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for (first, second), (a, b) in differing.items():
            unrelated = self._stems[first].isdisjoint(self._stems[second])
            if unrelated or (a and b and part_vectors[a] @ part_vectors[b] >= _ALIKE):
                cosine = float(cosines[first, second])
                self._near[first].append((cosine, second))
                self._near[second].append((cosine, first))

    def nearest(self, row: int, heads: set[int], threshold: float) -> int:
        """The nearest synonym among `heads` from `threshold` on, of equals the first; `row` itself where none is."""
        near = [(-cosine, other) for cosine, other in self._near[row] if cosine >= threshold and other in heads]
        return min(near, default=(0.0, row))[1]

    def _differing(self, first: int, second: int) -> tuple[str, str]:
        """The words of each that the other lacks."""
        a, b = (
            " ".join(word for word in words_of(self._words[one]) if stem(word) not in self._stems[other])
            for one, other in ((first, second), (second, first))
        )
        return a, b
