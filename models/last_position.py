"""Self-attention seen from a sequence's last position alone, without a key or a value being worked out.

With one query, keys need not exist: the score q . (W_K n_t + b_K) of a normalised input n_t = g * c_t / s_t + b, where
c_t is the centred input and s_t its standard deviation, is (g * W_K' q) . c_t / s_t and a constant, which softmax does
not see. Likewise the sum of w_t (W_V n_t + b_V) is W_V (g * sum of w_t c_t / s_t + b) + b_V. So an input costs its own
width instead of two projections; and as inputs are sums of an item's, a reaction's and a position's vector, centring
them beforehand centres the sum. The idea is that of absorbed projections (DeepSeek-V2, arXiv 2405.04434, section 2.1).

What remains of projections and of the feed-forward layer is a matrix product of a few sequences at a time. Their number
is always the same, the last ones filled up, so that a state does not depend on what was asked together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.compiled import Plain, vector_loop
from models.fast_exp import fast_exp
from models.interactions import NO_ITEM, HistoryArrays
from models.prefetch import prefetch_row
from models.reaction_sums import Scalars, Usual, residual
from models.row_blocks import by_blocks

_TOGETHER = 8  # sequences
_IN_CACHE = 1 << 18  # numbers that are at hand unasked


class InputVectors(NamedTuple):
    """What the inputs of a network of width d are sums of, each centred to a mean of 0.

    Parameters
    ----------
    items
        float32 array of shape (n_items, d).
    reactions
        float32 array of shape (2, at least l + 1, d): of a dislike and of a like at each position.
    surprise
        float32 array of shape (d,): times a reaction's surprise.
    start
        float32 array of shape (d,): the whole input at position 0.
    """

    items: NDArray[np.float32]
    reactions: NDArray[np.float32]
    surprise: NDArray[np.float32]
    start: NDArray[np.float32]


class Queries(NamedTuple):
    """How h heads ask: a head scores c_t / s_t by its product with `c / s @ matrix + constant` of the last position.

    Parameters
    ----------
    matrices, constants
        float32 arrays of shapes (d, h d), the heads side by side, and (h, d).
    epsilon
        float32, added to variances.
    """

    matrices: NDArray[np.float32]
    constants: NDArray[np.float32]
    epsilon: np.float32


class Answer(NamedTuple):
    """How the block goes on from what its heads attended to; w is the width of its feed-forward layer.

    Parameters
    ----------
    project, project_constant
        float32 arrays of shapes (h d, d) and (d,): values and projection of each head as one matrix, one below another.
    widen, widen_constant
        float32 arrays of shapes (d, w) and (w,), with the normalisation before it taken in.
    narrow, narrow_constant
        float32 arrays of shapes (w, d) and (d,).
    norm, norm_constant
        float32 arrays of shape (d,): the network's last normalisation.
    """

    project: NDArray[np.float32]
    project_constant: NDArray[np.float32]
    widen: NDArray[np.float32]
    widen_constant: NDArray[np.float32]
    narrow: NDArray[np.float32]
    narrow_constant: NDArray[np.float32]
    norm: NDArray[np.float32]
    norm_constant: NDArray[np.float32]


def last_states(network: Plain, usual: Plain, histories: HistoryArrays) -> NDArray[np.float32]:
    """State at the last position of each of b sequences: float32 (b, d).

    Parameters
    ----------
    network
        Its parts, `InputVectors`, `Queries` and `Answer`, as `plain` tuples.
    usual
        `Usual`, as a `plain` tuple: what makes a reaction a surprise.
    histories
        Reactions (b, l), padded on the right with `NO_ITEM`; see `models/sasrec.py`.
    """
    parts = by_blocks(lambda rows: _last_states(network, usual, histories.of(rows)), len(histories.items))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@vector_loop
def _last_states(network: Plain, known: Plain, histories: Plain) -> NDArray[np.float32]:
    inputs, queries, answer = InputVectors(*network[0]), Queries(*network[1]), Answer(*network[2])
    usual = Usual(Scalars(*known[0]), known[1], known[2])
    (b, length), (heads, d), w = histories[0].shape, queries.constants.shape, len(answer.narrow)
    states = np.empty((b, d), dtype=np.float32)
    c = np.empty((_TOGETHER, length + 1, d), dtype=np.float32)
    scales, weights = np.empty((_TOGETHER, length + 1), dtype=np.float32), np.empty(length + 1, dtype=np.float32)
    ends = np.zeros(_TOGETHER, dtype=np.int64)
    last, own = np.zeros((_TOGETHER, d), dtype=np.float32), np.empty((_TOGETHER, d), dtype=np.float32)
    query = np.empty((_TOGETHER, heads * d), dtype=np.float32)
    attended = np.zeros((_TOGETHER, heads * d), dtype=np.float32)
    normal, wide = np.zeros((_TOGETHER, d), dtype=np.float32), np.empty((_TOGETHER, w), dtype=np.float32)
    added = np.empty((_TOGETHER, d), dtype=np.float32)
    for first in range(0, b, _TOGETHER):
        n = min(_TOGETHER, b - first)
        for row in range(n):
            ends[row] = _write_inputs(inputs, usual, histories, first + row, row, c, scales, queries.epsilon)
            for k in range(d):
                last[row, k] = c[row, ends[row] - 1, k] * scales[row, ends[row] - 1]
        np.dot(last, queries.matrices, query)
        for row in range(n):
            _attend(query, queries.constants, row, c, scales, ends[row], weights, attended)
        np.dot(attended, answer.project, own)
        for row in range(n):
            for k in range(d):
                own[row, k] += c[row, ends[row] - 1, k] + answer.project_constant[k]
            _normalise(own, row, queries.epsilon, normal)
        np.dot(normal, answer.widen, wide)
        for row in range(n):
            for k in range(w):
                x = wide[row, k] + answer.widen_constant[k]
                wide[row, k] = x * _normal_distribution(x)  # GELU
        np.dot(wide, answer.narrow, added)
        for row in range(n):
            for k in range(d):
                own[row, k] += added[row, k] + answer.narrow_constant[k]
            _normalise(own, row, queries.epsilon, normal)
            for k in range(d):
                states[first + row, k] = normal[row, k] * answer.norm[k] + answer.norm_constant[k]
    return states


# Below, rows are cut out where they are used: an array that is handed on has its references counted.


@vector_loop
def _write_inputs(  # noqa: PLR0917 - what a sequence needs
    inputs: InputVectors,
    usual: Usual,
    histories: Plain,
    at: int,
    row: int,
    c: NDArray[np.float32],
    scales: NDArray[np.float32],
    epsilon: np.float32,
) -> int:
    """Write centred inputs of the sequence `at` into a row of c (r, l + 1, d), 1 / their standard deviations beside it.

    Returns
    -------
    How many there are.
    """
    items, likes, ratings = histories[0][at], histories[1][at], histories[2][at]
    own, scale, (positions, d) = c[row], scales[row], c.shape[1:]
    if inputs.items.size > _IN_CACHE:
        following = histories[0][min(at + 1, len(histories[0]) - 1)]
        for t in range(positions - 1):
            prefetch_row(inputs.items, max(following[t], 0))
    square = np.float32(0)
    for k in range(d):
        own[0, k] = inputs.start[k]
        square += own[0, k] ** 2
    scale[0], end = square, positions
    for t in range(1, positions):
        item = items[t - 1]
        if item == NO_ITEM:
            end = t
            break
        of_item, reaction = inputs.items[item], inputs.reactions[int(likes[t - 1]), t]
        above = np.float32(residual(usual, item, likes[t - 1], ratings[t - 1]))
        square = np.float32(0)
        for k in range(d):
            own[t, k] = of_item[k] + reaction[k] + above * inputs.surprise[k]
            square += own[t, k] ** 2
        scale[t] = square
    for t in range(end):
        scale[t] = 1 / np.sqrt(scale[t] / np.float32(d) + epsilon)
    return end


@vector_loop
def _attend(  # noqa: PLR0917 - what a sequence needs
    query: NDArray[np.float32],
    constants: NDArray[np.float32],
    row: int,
    c: NDArray[np.float32],
    scales: NDArray[np.float32],
    end: int,
    weights: NDArray[np.float32],
    attended: NDArray[np.float32],
) -> None:
    """Write what each head of a row's query (r, h d) attends to of the first inputs; weights (l + 1,) are room."""
    (heads, d), own, scale = constants.shape, c[row], scales[row]
    for head in range(heads):
        asked, found = query[row, head * d : head * d + d], attended[row, head * d : head * d + d]
        highest, total = np.float32(-np.inf), np.float32(0)
        for k in range(d):
            asked[k] += constants[head, k]
            found[k] = 0
        for t in range(end):
            product = np.float32(0)
            for k in range(d):
                product += asked[k] * own[t, k]
            weights[t] = product * scale[t]
            highest = max(highest, weights[t])
        for t in range(end):
            weights[t] = fast_exp(weights[t] - highest)
            total += weights[t]
        for t in range(end):
            weights[t] *= scale[t] / total
        for t in range(end % 4):
            for k in range(d):
                found[k] += weights[t] * own[t, k]
        for t in range(end % 4, end, 4):  # four at once: what is found goes to memory and back each time
            first, second, third, fourth = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
            for k in range(d):
                two = first * own[t, k] + second * own[t + 1, k]
                found[k] += two + third * own[t + 2, k] + fourth * own[t + 3, k]


@njit(inline="always")
def _normal_distribution(x: np.float32) -> np.float32:
    """P(standard normal number < x): Abramowitz and Stegun (1964), formula 7.1.26; the error is below 2e-7."""
    z = abs(x) * np.float32(0.7071067811865476)
    t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * z)
    series = (np.float32(1.061405429) * t - np.float32(1.453152027)) * t + np.float32(1.421413741)
    series = (series * t - np.float32(0.284496736)) * t + np.float32(0.254829592)
    above = np.float32(0.5) * series * t * fast_exp(-z * z)
    return above + np.float32(x > 0) * (np.float32(1) - np.float32(2) * above)  # no branch, so that it vectorises


@vector_loop
def _normalise(x: NDArray[np.float32], row: int, epsilon: np.float32, normal: NDArray[np.float32]) -> None:
    """Write a row of x (r, d) less its mean, over its standard deviation."""
    own, found, d = x[row], normal[row], x.shape[1]
    mean, square = np.float32(0), np.float32(0)
    for k in range(d):
        mean += own[k]
    mean /= np.float32(d)
    for k in range(d):
        square += (own[k] - mean) ** 2
    scale = 1 / np.sqrt(square / np.float32(d) + epsilon)
    for k in range(d):
        found[k] = (own[k] - mean) * scale
