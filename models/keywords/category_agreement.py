"""Whether keywords suit what their item is: what is said of a café should sound like a café.

A keyword points to the categories of the other items that have it. An item's keywords agree with its categories where
the category that they point to most, above its share of all items, is one of the item's own. Keywords that share a word
with one of these are left out, for they agree because they were read from it. It needs no truth, and keywords at random
agree only by chance, a share that stands beside it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.reading.lexicon import Side
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
    """Agreement over all items whose keywords point anywhere; None where none does.

    Parameters
    ----------
    keywords
        (item, side, keyword), each once.
    categories
        Categories of every item that has some.

    Returns
    -------
    By chance: the share were the categories pointed to dealt out among the items anew.
    """
    words = {item: {stem for name in names for stem in content_stems(name)} for item, names in categories.items()}
    told: dict[int, list[tuple[Side, str]]] = defaultdict(list)
    having: dict[tuple[Side, str], Counter[str]] = defaultdict(Counter)
    carriers: Counter[tuple[Side, str]] = Counter()
    for item, side, keyword in keywords:
        if item in categories:
            having[side, keyword].update(set(categories[item]))
            carriers[side, keyword] += 1
            if words[item].isdisjoint(content_stems(keyword)):
                told[item].append((side, keyword))
    of_all = Counter(name for names in categories.values() for name in set(names))
    base = {name: count / len(categories) for name, count in of_all.items()}
    pointed: dict[int, str] = {}
    for item, said in sorted(told.items()):
        own = set(categories[item])
        scores: dict[str, float] = defaultdict(float)
        for one in said:
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
