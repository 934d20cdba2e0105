"""Cosines between items of a catalogue too large for a table of all pairs; models/response/similarity.py has the table.

An item's vector of a side is the normalised sum of its keywords' unit vectors (models/keywords/embeddings.py), so with
products
<k, l> of keywords

    cos(i, j) = sum over keywords k of i and l of j of <k, l> / (length of i's sum * length of j's sum).

Where the products of all keywords fit into memory, the candidate's rows of them are added up once, and an item of the
history reads a number for each of its own keywords. Otherwise items' vectors are multiplied. Reading is what takes the
time, so the way that reads less is taken: a row of v products for each of the candidate's keywords, or vectors of d
numbers for 50 items of a history. Both keep 16-bit numbers, which are half as much to read. Multiplied vectors are
accurate to 2e-5; products, rounded, leave an error of 1e-5 (its standard deviation) where an item's keywords are at
right angles to one another, and a smaller one where they are alike.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.interactions import NO_ITEM
from models.kernels.compiled import inner_loop, inner_vector_loop, loop
from models.kernels.prefetch import LINE, prefetch
from models.knowledge import ItemKnowledge

_LARGEST = 32_767  # of 16-bit numbers
_ITEMS_AHEAD = 6  # that are on their way from memory while one is multiplied
_HISTORY = 50  # items of a history, of which vectors would be read
_MOST_KEYWORDS = 8192  # whose products are kept: 128 MiB
_AT_ONCE = 8  # keywords read together: most items have no more of a side
_NEARLY_CANCELLED = 0.25  # n vectors whose sum is shorter than this times n, squared: rounding of products would show


class UnitVectors(NamedTuple):
    """Vectors of n items.

    Parameters
    ----------
    vectors
        int16 array of shape (n, 2, d): pro and con vectors side by side, each in units of its scale.
    scales
        float32 array of shape (n, 2); 0 where an item has no vector.
    """

    vectors: NDArray[np.int16]
    scales: NDArray[np.float32]

    @classmethod
    def of(cls, pro: NDArray[np.float32], con: NDArray[np.float32]) -> Self:
        """Of pro and con vectors (n, d)."""
        n, d = pro.shape
        vectors, scales = np.empty((n, 2, d), dtype=np.int16), np.empty((n, 2), dtype=np.float32)
        for place, side in enumerate((pro, con)):
            vectors[:, place], scales[:, place] = in_units(side)
        return cls(vectors, scales)


class KeywordProducts(NamedTuple):
    """Products of v keywords' vectors, and which keywords n items have.

    Parameters
    ----------
    products
        int16 array of shape (v + 1, w), w > v, in units of 1 / 32767; beyond v they are 0.
    starts
        int32 array of shape (2 n + 1,): item i's pros are in rows `starts[2 i]` to `starts[2 i + 1]` of `keywords`, its
        cons in those up to `starts[2 i + 2]`.
    keywords
        uint16 array of shape (m, 8): keywords, and v where a row has less than 8.
    scales
        float32 array of shape (n, 2): 1 / length of the sum of an item's keyword vectors, in the products' units; 0
        where an item has no vector.
    """

    products: NDArray[np.int16]
    starts: NDArray[np.int32]
    keywords: NDArray[np.uint16]
    scales: NDArray[np.float32]

    @classmethod
    def of(cls, knowledge: ItemKnowledge) -> Self | None:
        """Of a catalogue's keywords; None where these vectors nearly cancel out in some item."""
        sides = [csr_array(side > 0) for side in (knowledge.pro, knowledge.con)]
        products, (starts, keywords) = _products(knowledge.keyword_vectors), _lists(sides, len(knowledge.keywords))
        squares, counts = (
            _squares(products, starts, keywords),
            np.stack([np.diff(side.indptr) for side in sides], axis=1),
        )
        present = np.stack(
            [np.any(side != 0, axis=1) for side in (knowledge.pro_vectors, knowledge.con_vectors)], axis=1
        )
        if np.any(present & (squares < _NEARLY_CANCELLED * _LARGEST * counts)):
            return None
        scales = np.where(present, 1 / np.sqrt(np.maximum(squares, 1)), 0).astype(np.float32)
        return cls(products, starts, keywords, scales)


class FarCosines(NamedTuple):
    """What cosines come from: one of two sources, of which the other is empty."""

    products: KeywordProducts
    vectors: UnitVectors

    @classmethod
    def of(cls, knowledge: ItemKnowledge) -> Self:
        """The source that is read faster, of a whole catalogue."""
        found = KeywordProducts.of(knowledge) if products_are_less(knowledge) else None
        if found is not None:
            return cls(found, cls.nothing().vectors)
        return cls(cls.nothing().products, UnitVectors.of(knowledge.pro_vectors, knowledge.con_vectors))

    @classmethod
    def nothing(cls) -> Self:
        """Neither."""
        scales, units = np.zeros((0, 2), dtype=np.float32), np.zeros((0, 2, 0), dtype=np.int16)
        lists = np.zeros(1, dtype=np.int32), np.zeros((0, _AT_ONCE), dtype=np.uint16)
        return cls(KeywordProducts(units[:, 0], *lists, scales), UnitVectors(units, scales))


def products_are_less(knowledge: ItemKnowledge) -> bool:
    """Whether the rows of products of an item's keywords are fewer bytes than the vectors of a history, on average."""
    v, d = knowledge.keyword_vectors.shape
    keywords_of_side = (knowledge.pro.nnz + knowledge.con.nnz) / max(2 * knowledge.n_items, 1)
    return v <= _MOST_KEYWORDS and keywords_of_side * v <= _HISTORY * d


def in_units(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Vectors (n, d) as 16-bit numbers (n, d) in units of a scale each, (n,); a scale of 0 where there is no vector."""
    scales = np.abs(vectors).max(axis=1, initial=0) / _LARGEST
    units = np.rint(vectors / np.where(scales > 0, scales, 1)[:, None])
    return units.astype(np.int16), scales.astype(np.float32)


def _products(vectors: NDArray[np.float32]) -> NDArray[np.int16]:
    """`KeywordProducts.products` of unit vectors (v, d); a row is a whole number of lines of memory."""
    v, of_line = len(vectors), LINE // np.dtype(np.int16).itemsize
    products = np.zeros((v + 1, (v // of_line + 1) * of_line), dtype=np.int16)
    products[:v, :v] = np.rint(np.clip(vectors @ vectors.T, -1, 1) * _LARGEST)
    return products


def _lists(sides: list[csr_array], v: int) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
    """`KeywordProducts.starts` and `.keywords` of pros and cons (n, v)."""
    counts = np.stack([np.diff(side.indptr) for side in sides], axis=1)
    starts = np.concatenate([np.zeros(1), np.cumsum(-(-counts // _AT_ONCE))]).astype(np.int32)
    keywords = np.full((starts[-1], _AT_ONCE), v, dtype=np.uint16)
    for place, side in enumerate(sides):
        shifts = _AT_ONCE * starts[place:-1:2].astype(np.int64) - side.indptr[:-1]
        keywords.reshape(-1)[np.arange(side.nnz) + np.repeat(shifts, counts[:, place])] = side.indices
    return starts, keywords


@loop
def _squares(products: NDArray[np.int16], starts: NDArray[np.int32], keywords: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Squared length of the sum of each item's keyword vectors by side, int64 (n, 2), in the products' units."""
    squares = np.zeros((len(starts) // 2, 2), dtype=np.int64)
    for place in range(2 * len(squares)):
        own = keywords[starts[place] : starts[place + 1]].ravel()
        for k in own:
            for other in own:
                squares[place // 2, place % 2] += products[k, other]
    return squares


@inner_loop
def add_up(  # noqa: PLR0917 - what a row needs
    known: KeywordProducts,
    row: int,
    candidates: NDArray[np.int64],
    items: NDArray[np.int64],
    cosines: NDArray[np.float32],
    sums: NDArray[np.int32],
) -> None:
    """Cosines by pros and cons of a row's candidate to its items, added up from products of keywords.

    Sums are of whole numbers, so their order does not matter. What the next rows need is asked for meanwhile.

    Parameters
    ----------
    known
        Where they come from.
    row, candidates, items
        Which row of the candidates, int64 (b,), and of the histories' items, int64 (b, l).
    cosines
        float32 array of shape (2, l), written: -inf on padding and where either item has no vector.
    sums
        int32 array of shape (2, w), for intermediate results.
    """
    candidate, (b, length) = candidates[row], items.shape
    next_row, row_after = min(row + 1, b - 1), min(row + 2, b - 1)
    for t in range(length):
        item, later = max(items[next_row, t], 0), np.uint64(max(items[row_after, t], 0))
        prefetch(np.uint64(known.keywords.ctypes.data) + np.uint64(2 * _AT_ONCE) * np.uint64(known.starts[2 * item]))
        prefetch(np.uint64(known.starts.ctypes.data) + np.uint64(8) * later)
        prefetch(np.uint64(known.scales.ctypes.data) + np.uint64(8) * later)
    for which in range(2):
        own = sums[which]
        own[:] = 0
        for place in range(known.starts[2 * candidate + which], known.starts[2 * candidate + which + 1]):
            _add_rows(known.products, known.keywords[place], own)
    for t in range(length):
        item = items[row, t]
        for which in range(2):
            cosine = np.float32(-np.inf)
            if item != NO_ITEM and known.scales[candidate, which] > 0 and known.scales[item, which] > 0:
                own, total = sums[which], 0
                for place in range(known.starts[2 * item + which], known.starts[2 * item + which + 1]):
                    total += _of_keywords(own, known.keywords[place])
                cosine = np.float32(total) * known.scales[candidate, which] * known.scales[item, which]
            cosines[which, t] = cosine


@inner_loop
def _add_rows(products: NDArray[np.int16], keywords: NDArray[np.uint16], sums: NDArray[np.int32]) -> None:
    """Add the rows of eight keywords, read together, to sums (w,)."""
    a, b, c, d = products[keywords[0]], products[keywords[1]], products[keywords[2]], products[keywords[3]]
    e, f, g, h = products[keywords[4]], products[keywords[5]], products[keywords[6]], products[keywords[7]]
    for k in range(len(sums)):
        sums[k] += (
            np.int32(a[k])
            + np.int32(b[k])
            + np.int32(c[k])
            + np.int32(d[k])
            + (np.int32(e[k]) + np.int32(f[k]) + np.int32(g[k]) + np.int32(h[k]))
        )


@inner_loop
def _of_keywords(sums: NDArray[np.int32], keywords: NDArray[np.uint16]) -> int:
    """Sums (w,) of eight keywords, read together, added up."""
    a, b, c, d = sums[keywords[0]], sums[keywords[1]], sums[keywords[2]], sums[keywords[3]]
    e, f, g, h = sums[keywords[4]], sums[keywords[5]], sums[keywords[6]], sums[keywords[7]]
    return int((a + b) + (c + d) + ((e + f) + (g + h)))


@inner_vector_loop
def multiply(  # noqa: PLR0917 - what a row needs
    known: UnitVectors,
    row: int,
    candidates: NDArray[np.int64],
    items: NDArray[np.int64],
    cosines: NDArray[np.float32],
    own: NDArray[np.float32],
) -> None:
    """Cosines as in `add_up`, multiplied out; vectors that come a few items later are asked for meanwhile.

    `own` is a float32 array of shape (2, d), for intermediate results.
    """
    (length, d), candidate = (items.shape[1], own.shape[1]), candidates[row]
    vectors, size = np.uint64(known.vectors.ctypes.data), np.uint64(4 * d)  # bytes of an item: two sides of 16 bits
    for which in range(2):
        for k in range(d):
            own[which, k] = known.vectors[candidate, which, k] * known.scales[candidate, which]
    for t in range(length):
        later = row * length + t + _ITEMS_AHEAD
        if later < items.size:
            item = max(items[later // length, later % length], 0)
            for line in range(0, 4 * d, LINE):
                prefetch(vectors + np.uint64(item) * size + np.uint64(line))
        item = items[row, t]
        for which in range(2):
            cosine = np.float32(-np.inf)
            if item != NO_ITEM and known.scales[candidate, which] > 0 and known.scales[item, which] > 0:
                cosine = np.float32(0)
                for k in range(d):
                    cosine += own[which, k] * np.float32(known.vectors[item, which, k])
                cosine *= known.scales[item, which]
            cosines[which, t] = cosine
