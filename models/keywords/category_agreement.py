"""Whether keywords suit the category of their item: keywords of a café should sound like a café.

A keyword points to the categories of the other items that have it. An item's keywords agree with its categories where
the category that they point to most, above its share of all items, is one of the item's own. Keywords that share a word
with one of these are left out, for they agree because they were read from it. No labels are needed; random keywords
agree by chance only, and that share is reported beside it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.knowledge import Side
from models.reading.source_text import content_stems


@dataclass(frozen=True)
class CategoryAgreement:
    """Share of `items` whose keywords agree with their categories, and the share of them that would by chance."""

    share: float
    by_chance: float
    items: int


def category_agreement(
    keywords: Iterable[tuple[int, Side, str]], categories: Mapping[int, Sequence[str]]
) -> CategoryAgreement | None:
    """Agreement over all items whose keywords point to a category; None where none do.

    Parameters
    ----------
    keywords
        (item, side, keyword), each once.
    categories
        Categories of every item that has some.

    Returns
    -------
    `by_chance` is the share to expect if the categories pointed to were dealt out among the items at random.
    """
    words = {item: {stem for name in names for stem in content_stems(name)} for item, names in categories.items()}
    telling: dict[int, list[tuple[Side, str]]] = defaultdict(list)
    having: dict[tuple[Side, str], Counter[str]] = defaultdict(Counter)
    carriers: Counter[tuple[Side, str]] = Counter()
    for item, side, keyword in keywords:
        if item in categories:
            having[side, keyword].update(set(categories[item]))
            carriers[side, keyword] += 1
            if words[item].isdisjoint(content_stems(keyword)):
                telling[item].append((side, keyword))
    totals = Counter(name for names in categories.values() for name in set(names))
    base = {name: count / len(categories) for name, count in totals.items()}
    pointed: dict[int, str] = {}
    for item, own_keywords in sorted(telling.items()):
        own = set(categories[item])
        scores: dict[str, float] = defaultdict(float)
        for one in own_keywords:
            others = carriers[one] - 1
            for name, count in having[one].items() if others else ():
                scores[name] += (count - (name in own)) / others - base[name]
        if scores:
            pointed[item] = min(scores, key=lambda name: (-scores[name], name))
    if not pointed:
        return None
    among = Counter(name for item in pointed for name in set(categories[item]))
    by_chance = sum(count * among[name] for name, count in Counter(pointed.values()).items()) / len(pointed) ** 2
    return CategoryAgreement(
        share=sum(name in categories[item] for item, name in pointed.items()) / len(pointed),
        by_chance=by_chance,
        items=len(pointed),
    )
