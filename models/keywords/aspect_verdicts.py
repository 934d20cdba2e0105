"""Names of judgements: "brilliant lyrics" is "great lyrics", and so is "honest lyrics" where one item has that alone.

What a reviewer praises is shared by many items, the words of praise by few. So a keyword of an aspect and bare praise
or blame goes by the side's verdict on it, as does one of an aspect and any quality where too few items share it: the
opinion on an aspect is what is counted, as by Hu and Liu, "Mining and summarizing customer reviews" (KDD 2004).
Members of a name stand in vocabulary.parquet, and every keyword keeps its own evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from models.keywords.synonyms import Encode, canonical_keywords
from models.reading.lexicon import Side, lexicon, speaks_for, words_of

_ANY_NOUN = "item"
_OTHER: dict[Side, Side] = {"pro": "con", "con": "pro"}


def verdict_on_aspect(keyword: str, side: Side, *, bare: bool) -> str | None:
    """The side's verdict on the aspect that a keyword judges ("great lyrics").

    Parameters
    ----------
    bare
        Whether all else must be praise or blame that says nothing more.

    Returns
    -------
    None where it judges none, or not for the side.
    """
    known = lexicon()
    words = words_of(keyword)
    while words and words[-1] in known.empty:  # sound quality
        words.pop()
    if len(words) < 2 or words[-1] not in known.aspects:
        return None
    judging = set(words[:-1])
    if judging.isdisjoint(speaks_for(side, _ANY_NOUN)) or not judging.isdisjoint(
        speaks_for(_OTHER[side], _ANY_NOUN) | known.negations
    ):
        return None
    if bare and not judging <= known.empty | known.all_verdicts | known.stopwords:
        return None
    return f"{known.verdicts[side][0]} {words[-1]}"


def quality_alone(keyword: str, side: Side) -> str | None:
    """The quality that a keyword gives to something empty ("funky stuff": funky); None where it is not of that form."""
    known = lexicon()
    words = words_of(keyword)
    telling = [word for word in words if word not in known.empty]
    if len(telling) != 1 or words[0] != telling[0] or telling[0] in known.all_verdicts or len(words) == 1:
        return None
    return telling[0] if telling[0] in known.all_qualities & speaks_for(side, _ANY_NOUN) else None


def _shared_name(keyword: str, side: Side) -> str | None:
    """What a keyword of too few items may go by."""
    return verdict_on_aspect(keyword, side, bare=False) or quality_alone(keyword, side)


def canonical_of_side(
    items: Mapping[str, set[int]], side: Side, encode: Encode, *, merge: float, absorb: float, min_items: int
) -> dict[str, str]:
    """Canonical keyword of every keyword of a side: verdicts and synonyms (parameters as of `canonical_keywords`)."""

    def heads_of(names: Mapping[str, str]) -> tuple[dict[str, str], dict[str, set[int]]]:
        named: dict[str, set[int]] = defaultdict(set)
        for keyword, found in items.items():
            named[names[keyword]] |= found
        of_name = canonical_keywords(named, encode, merge=merge, absorb=absorb, min_items=min_items)
        heads = {keyword: of_name[names[keyword]] for keyword in items}
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
