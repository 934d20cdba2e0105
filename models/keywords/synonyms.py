"""Keywords of one meaning under one name: the most frequent of them.

Embeddings of short phrases put opposites side by side ("hard beds", "soft beds"). So phrases that share a word are
synonyms only if what they do not share is alike as well ("huge hit", "big hit").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.reading.chinese import is_chinese
from models.reading.lexicon import words_of
from models.reading.source_text import content_stems, stem

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
_ALIKE = 0.82
"""Cosine from which words mean the same: opposites have up to 0.8 (cheap, expensive; west, east), huge and big 0.9."""


def canonical_keywords(
    items: Mapping[str, set[int]], encode: Encode, *, merge: float, absorb: float, min_items: int
) -> dict[str, str]:
    """Canonical keyword of every keyword.

    Parameters
    ----------
    items
        The items that have each keyword.
    encode
        Texts to unit vectors, float32 (n, d).
    merge
        Cosine from which keywords are synonyms.
    absorb
        Cosine from which a keyword of fewer than `min_items` items joins one of more.
    """
    words = sorted(items, key=lambda word: (-len(items[word]), len(word), word))
    if not words:
        return {}
    likeness = _Likeness(words, encode, min(merge, absorb))
    heads: dict[int, int] = {}
    own: list[int] = []
    spelled: dict[frozenset[str], int] = {}
    for row, word in enumerate(words):
        same = spelled.setdefault(frozenset(content_stems(word)), row)
        heads[row] = heads[same] if same != row else likeness.nearest(row, own, merge)
        if heads[row] == row:
            own.append(row)
    reach: dict[int, set[int]] = defaultdict(set)
    for row, head in heads.items():
        reach[head] |= items[words[row]]
    frequent = [head for head, found in reach.items() if len(found) >= min_items]
    joined = {
        head: likeness.nearest(head, frequent, absorb) if len(found) < min_items else head
        for head, found in reach.items()
    }
    return {words[row]: words[joined[head]] for row, head in heads.items()}


class _Likeness:
    """Cosines of keywords, and which near pairs are near for the right reason."""

    def __init__(self, words: list[str], encode: Encode, least: float) -> None:
        self._words = words
        self._stems = [frozenset(content_stems(word)) for word in words]
        vectors = encode(words)
        self._cosines = vectors @ vectors.T
        foreign = [row for row, word in enumerate(words) if is_chinese(word)]  # the encoder reads English only
        self._cosines[foreign, :] = self._cosines[:, foreign] = -1.0
        near = np.argwhere(np.triu(self._cosines >= least, k=1)).tolist()
        parts = {(a, b): self._differing(a, b) for a, b in near}
        texts = sorted({text for pair in parts.values() for text in pair if text})
        part_vectors = dict(zip(texts, encode(texts), strict=True)) if texts else {}
        self._alike = {
            pair: self._stems[pair[0]].isdisjoint(self._stems[pair[1]])
            or bool(first and second and part_vectors[first] @ part_vectors[second] >= _ALIKE)
            for pair, (first, second) in parts.items()
        }

    def nearest(self, row: int, heads: list[int], threshold: float) -> int:
        """The nearest head that is alike, from `threshold` on; `row` itself where there is none."""
        cosines = self._cosines[row, heads]
        for place in np.argsort(-cosines, kind="stable"):
            head = heads[place]
            if cosines[place] < threshold:
                break
            if self._alike.get((min(row, head), max(row, head))):
                return head
        return row

    def _differing(self, first: int, second: int) -> tuple[str, str]:
        """The words of each that the other has not."""
        a, b = (
            " ".join(word for word in words_of(self._words[one]) if stem(word) not in self._stems[other])
            for one, other in ((first, second), (second, first))
        )
        return a, b
