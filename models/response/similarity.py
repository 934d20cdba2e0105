"""Similarity, f_sim: is the candidate closer, in embedding space, to something liked or disliked.

Source: arXiv 2412.16984. With E an item's mean-pooled keyword embedding and h_C the history in its category,
b_pos = max cosine of Epos(c) to the liked items' Epos, b_neg = max cosine of Eneg(c) to the disliked items' Eneg.
A side without evidence (nothing disliked in h_C, say) takes that side's neutral value, so that a history of likes
only is still answered by how close the candidate comes. Without evidence on either side it is a tie.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM, Histories, HistoryArrays, Interactions
from models.kernels.bitsets import PackedSets
from models.kernels.compiled import inner_loop, loop, vector_loop
from models.kernels.prefetch import prefetch
from models.knowledge import ItemKnowledge
from models.response.cosines import FarCosines, add_up, multiply
from models.response.evidence import Evidence, category_history
from models.response.sasrec.fast_exp import fast_exp

SHARPNESS = np.float32(10.0)  # of the kernel: an item at cosine 0.9 counts 1 / e of one at 1
_MOST_KNOWN = 1 << 27  # cosines kept of a side: 512 MiB, as far as they are asked for; catalogues up to 11,585 items
_BLOCK = 64  # rows worked out together


class Cosines(NamedTuple):
    """What cosines between n items come from: two matrices, or something else where these are (0, 0).

    Parameters
    ----------
    pro, con
        float32 arrays of shape (n, n): -inf where either item has no vector.
    far
        Where there are no matrices.
    """

    pro: NDArray[np.float32]
    con: NDArray[np.float32]
    far: FarCosines


class _AllCosines:
    """Cosines between items by pro and by con vectors.

    Where the matrices of all pairs fit into memory, a block of rows is worked out when one of them is first asked for,
    and an answer is a look-up afterwards. In a larger catalogue each pair's is worked out whenever it is asked for
    (models/response/cosines.py). A row always comes from the same product, so answers do not depend on what was asked
    together.
    """

    def __init__(self, knowledge: ItemKnowledge) -> None:
        sides, n = (knowledge.pro_vectors, knowledge.con_vectors), knowledge.n_items
        self._sides = tuple(np.ascontiguousarray(side, dtype=np.float32) for side in sides)
        self._present = tuple(np.any(side != 0, axis=1) for side in sides)
        small = n * n <= _MOST_KNOWN
        pro, con = (np.empty((n, n) if small else (0, 0), dtype=np.float32) for _ in range(2))
        self._known = Cosines(pro, con, FarCosines.nothing() if small else FarCosines.of(knowledge))
        self._known_blocks, self._all_known = np.full(-(-n // _BLOCK), not small), not small

    def of(self, candidates: NDArray[np.int64]) -> Cosines:
        """What the candidates' cosines come from; matrices are known in their rows at least."""
        if not self._all_known:
            asked = np.bincount(candidates // _BLOCK, minlength=len(self._known_blocks)) > 0
            for block in np.flatnonzero(asked & ~self._known_blocks):
                rows = slice(block * _BLOCK, (block + 1) * _BLOCK)
                matrices = (self._known.pro, self._known.con)
                for matrix, side, present in zip(matrices, self._sides, self._present, strict=True):
                    matrix[rows] = np.where(present[rows, None] & present, side[rows] @ side.T, -np.inf)
                self._known_blocks[block] = True
            self._all_known = bool(self._known_blocks.all())
        return self._known


class Similarity:
    """Nearest liked and nearest disliked item, by cosine of keyword embeddings.

    Parameters
    ----------
    knowledge
        Embeddings and categories of all items.
    neutral
        Values (b_pos, b_neg) of a side without evidence; see `neutral_values`.
    """

    def __init__(self, knowledge: ItemKnowledge, neutral: tuple[float, float]) -> None:
        self.neutral = neutral
        self.categories = PackedSets(knowledge.categories)
        self._cosines = _AllCosines(knowledge)

    def scores(self, candidates: NDArray[np.int64], histories: Histories) -> Evidence:
        """Evidence (b_pos, b_neg) of each candidate for the user with the history in the same row.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        """
        relevant = category_history(self.categories, candidates, histories)
        highest = closest(self.cosines(candidates), relevant, candidates, histories.arrays(), self.neutral)
        return Evidence(highest[0], highest[1])

    def cosines(self, candidates: NDArray[np.int64]) -> Cosines:
        """What cosines of the candidates (b,) to any item come from."""
        return self._cosines.of(candidates)

    def scores_and_tastes(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> tuple[Evidence, NDArray[np.float32]]:
        """Evidence as in `scores`, and how the user rates what is similar, by pros and by cons.

        A taste is a kernel regression (Nadaraya 1964, Watson 1964) over the whole history: the mean surprise of its
        items, each weighed by exp(10 (cosine - 1)), with one more item of surprise 0.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.
        surprises
            float32 array of shape (b, l): `ReactionStatistics.surprises`.

        Returns
        -------
        Evidence of b rows and tastes, float32 array of shape (b, 2).
        """
        highest, tastes = self._nearest(candidates, histories, surprises)
        _settle(highest, self.neutral)
        return Evidence(highest[0], highest[1]), tastes

    def _nearest(
        self, candidates: NDArray[np.int64], histories: Histories, surprises: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Highest cosines by pros and cons, (2, b), -inf where a side has no evidence; and tastes (b, 2): float32."""
        relevant = category_history(self.categories, candidates, histories)
        rows = histories.arrays(), np.ascontiguousarray(surprises)
        return _compared(self.cosines(candidates), relevant, candidates, *rows)


@vector_loop
def _compared(
    known: Cosines,
    relevant: NDArray[np.bool_],
    candidates: NDArray[np.int64],
    histories: HistoryArrays,
    surprises: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Highest cosines to liked (disliked) relevant items (b, l), (2, b), and tastes by all of them, (b, 2): float32."""
    items, likes, (b, length) = histories.items, histories.likes, histories.items.shape
    highest, tastes = np.full((2, b), -np.inf, dtype=np.float32), np.zeros((b, 2), dtype=np.float32)
    cosines = np.empty((2, length), dtype=np.float32)
    products, vectors = known.far
    sums = np.empty((2, products.products.shape[1]), dtype=np.int32)
    own = np.empty((2, vectors.vectors.shape[2]), dtype=np.float32)
    for row in range(b):
        if len(known.pro):
            _look_up(known, row, candidates, items, cosines)
        elif len(products.scales):
            add_up(products, row, candidates, items, cosines, sums)
        else:
            multiply(vectors, row, candidates, items, cosines, own)
        for which in range(2):
            nearest = np.float32(-np.inf)
            for t in range(length):
                if relevant[row, t] and likes[row, t] == (which == 0):
                    nearest = max(nearest, cosines[which, t])
            highest[which, row] = nearest
            weights, weighted = np.float32(1), np.float32(0)
            for t in range(length):
                weight = fast_exp(SHARPNESS * (cosines[which, t] - np.float32(1)))
                weights += weight
                weighted += weight * surprises[row, t]
            tastes[row, which] = weighted / weights
    return highest, tastes


@inner_loop
def _look_up(
    known: Cosines,
    row: int,
    candidates: NDArray[np.int64],
    items: NDArray[np.int64],
    cosines: NDArray[np.float32],
) -> None:
    """Cosines (2, l) of a row's candidate to its items, -inf on padding; the next row's are asked for meanwhile."""
    candidate, following = candidates[row], min(row + 1, len(candidates) - 1)
    n, next_candidate = np.uint64(len(known.pro)), np.uint64(candidates[following])
    for t in range(items.shape[1]):
        item = items[row, t]
        cosines[0, t] = known.pro[candidate, item] if item != NO_ITEM else -np.inf
        cosines[1, t] = known.con[candidate, item] if item != NO_ITEM else -np.inf
        place = np.uint64(4) * (next_candidate * n + np.uint64(max(items[following, t], 0)))
        prefetch(np.uint64(known.pro.ctypes.data) + place)
        prefetch(np.uint64(known.con.ctypes.data) + place)


@loop
def closest(
    known: Cosines,
    relevant: NDArray[np.bool_],
    candidates: NDArray[np.int64],
    histories: HistoryArrays,
    neutral: tuple[float, float],
) -> NDArray[np.float32]:
    """Evidence (b_pos, b_neg), float32 (2, b): the highest cosines to liked (disliked) relevant items (b, l)."""
    items, likes = histories.items, histories.likes
    if len(known.pro):
        highest = np.full((2, len(candidates)), -np.inf, dtype=np.float32)
        for row, candidate in enumerate(candidates):
            for t in range(items.shape[1]):
                if relevant[row, t] and likes[row, t]:
                    highest[0, row] = max(highest[0, row], known.pro[candidate, items[row, t]])
                elif relevant[row, t]:
                    highest[1, row] = max(highest[1, row], known.con[candidate, items[row, t]])
    else:  # taking cosines from vectors is most of the work, whatever follows
        nothing = np.zeros(items.shape, dtype=np.float32)
        highest = _compared(known, relevant, candidates, histories, nothing)[0]
    _settle(highest, neutral)
    return highest


@inner_loop
def _settle(highest: NDArray[np.float32], neutral: tuple[float, float]) -> None:
    """`settle` in place: highest cosines (2, b)."""
    for row in range(highest.shape[1]):
        positive, negative = highest[0, row], highest[1, row]
        if positive == -np.inf:
            highest[0, row] = 0 if negative == -np.inf else neutral[0]
        if negative == -np.inf:
            highest[1, row] = 0 if positive == -np.inf else neutral[1]


def settle(positive: NDArray[np.float32], negative: NDArray[np.float32], neutral: tuple[float, float]) -> Evidence:
    """Evidence from highest cosines of any shape, -inf where a side has none.

    One side without evidence takes its neutral value; where both lack it there is nothing to compare, which is a tie.
    """
    lacking = positive == -np.inf, negative == -np.inf
    values = np.where(lacking[1], 0, neutral[0]), np.where(lacking[0], 0, neutral[1])
    sides = zip(lacking, values, (positive, negative), strict=True)
    return Evidence(*(np.where(lacks, value, side).astype(np.float32) for lacks, value, side in sides))


def neutral_values(
    knowledge: ItemKnowledge, train: Interactions, max_history: int, seed: int, n_pairs: int = 20_000
) -> tuple[float, float]:
    """Medians of b_pos and b_neg over training pairs, each judged by the rest of its user's training history.

    Parameters
    ----------
    train
        Training interactions.
    max_history
        Longest history looked at.
    seed
        Chooses `n_pairs` of the training pairs where there are more.

    Returns
    -------
    The two medians; 0 for a side that never has evidence.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(train))[:n_pairs])
    if not len(rows):
        return 0.0, 0.0
    candidates, histories = train.items[rows], train.histories(train.users[rows], max_history)
    others = histories.items != candidates[:, None]
    histories = Histories(np.where(others, histories.items, NO_ITEM), histories.likes & others)
    nothing = np.zeros(histories.items.shape, dtype=np.float32)
    highest, _ = Similarity(knowledge, (0.0, 0.0))._nearest(candidates, histories, nothing)
    return _finite_median(highest[0]), _finite_median(highest[1])


def _finite_median(values: NDArray[np.float32]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else 0.0
