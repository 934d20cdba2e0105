"""Self-attention seen from a sequence's last position alone, without a key or a value being worked out.

With one query, keys need not exist: the score q . (W_K n_t + b_K) of a normalised input n_t = g * c_t / s_t + b, where
c_t is the centred input and s_t its standard deviation, is (g * W_K' q) . c_t / s_t and a constant, which softmax does
not see. Likewise the sum of w_t (W_V n_t + b_V) is W_V (g * sum of w_t c_t / s_t + b) + b_V. So an input costs its own
width instead of two projections; and as inputs are sums of an item's, a reaction's and a position's vector, centring
them beforehand centres the sum. The idea is that of absorbed projections (DeepSeek-V2, arXiv 2405.04434, section 2.1).

What remains of projections and of the feed-forward layer are products of vectors and small matrices, for two sequences
at a time, which share what is read of a matrix. A sequence's sums are taken in the same order whatever is beside it, so
that a state does not depend on what was asked together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.estimators.reaction_sums import Scalars, Usual, residual
from models.interactions import NO_ITEM, HistoryArrays
from models.kernels.compiled import Plain, inner_vector_loop, vector_loop
from models.kernels.lanes import LANES, add, larger, largest, load, multiply_add, spread, store, total, whole_lanes
from models.kernels.prefetch import prefetch_next
from models.kernels.threads import by_blocks
from models.response.sasrec.fast_exp import fast_exp

_TOGETHER = 2  # sequences


class InputVectors(NamedTuple):
    """What the inputs of a network of width d are sums of, each centred to a mean of 0 and `filled_up` to a width f.

    Parameters
    ----------
    items
        float32 array of shape (n_items, f).
    reactions
        float32 array of shape (2, at least l + 1, f): of a dislike and of a like at each position.
    surprise
        float32 array of shape (f,): times a reaction's surprise.
    start
        float32 array of shape (f,): the whole input at position 0.
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
        float32 arrays of shapes (d, h f), the heads side by side, and (h, f): each `filled_up`.
    epsilon
        float32, added to variances.
    """

    matrices: NDArray[np.float32]
    constants: NDArray[np.float32]
    epsilon: np.float32


class Answer(NamedTuple):
    """How the block goes on from what its heads attended to; w is the width of its feed-forward layer.

    Rows of matrices are `filled_up`.

    Parameters
    ----------
    project, project_constant
        float32 arrays of shapes (h f, f) and (d,): values and projection of each head as one matrix, one below another.
    widen, widen_constant
        float32 arrays of shapes (d, w) and (w,), with the normalisation before it taken in.
    narrow, narrow_constant
        float32 arrays of shapes (w, f) and (d,).
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


def last_states_of(network: Plain, usual: Plain, histories: HistoryArrays) -> NDArray[np.float32]:
    """`last_states`, in blocks of rows."""
    parts = by_blocks(lambda rows: last_states(network, usual, histories.of(rows)), len(histories.items))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@vector_loop
def last_states(network: Plain, known: Plain, histories: Plain) -> NDArray[np.float32]:
    """State at the last position of each of b sequences: float32 (b, d).

    Parameters
    ----------
    network
        Its parts, `InputVectors`, `Queries` and `Answer`, as `plain` tuples.
    known
        `Usual`, as a `plain` tuple: what makes a reaction a surprise.
    histories
        Reactions (b, l), padded on the right with `NO_ITEM`; see `models/response/sasrec/network.py`.
    """
    inputs, queries, answer = InputVectors(*network[0]), Queries(*network[1]), Answer(*network[2])
    usual = Usual(Scalars(*known[0]), known[1], known[2])
    (b, length), (heads, f), d, w = histories[0].shape, queries.constants.shape, len(answer.norm), len(answer.narrow)
    states = np.empty((b, d), dtype=np.float32)
    c, room = np.empty((_TOGETHER, length + 1, f), dtype=np.float32), whole_lanes(length + 1)
    scales, weights = np.empty((_TOGETHER, room), dtype=np.float32), np.empty((heads, room), dtype=np.float32)
    ends = np.zeros(_TOGETHER, dtype=np.int64)
    last, normal = np.zeros((_TOGETHER, d), dtype=np.float32), np.zeros((_TOGETHER, d), dtype=np.float32)
    query = np.empty((_TOGETHER, heads * f), dtype=np.float32)
    attended = np.zeros((_TOGETHER, heads * f), dtype=np.float32)
    own, added = np.empty((_TOGETHER, f), dtype=np.float32), np.empty((_TOGETHER, f), dtype=np.float32)
    wide = np.zeros((_TOGETHER, answer.widen.shape[1]), dtype=np.float32)
    for first in range(0, b, _TOGETHER):
        n = min(_TOGETHER, b - first)
        for row in range(n):
            ends[row] = _write_inputs(inputs, usual, histories, first + row, row, c, scales, (d, queries.epsilon))
            for k in range(d):
                last[row, k] = c[row, ends[row] - 1, k] * scales[row, ends[row] - 1]
        _multiply(last, queries.matrices, query)
        for row in range(n):
            _attend(query, queries.constants, row, c, scales, ends[row], weights, attended)
        _multiply(attended, answer.project, own)
        for row in range(n):
            for k in range(d):
                own[row, k] += c[row, ends[row] - 1, k] + answer.project_constant[k]
            _normalise(own, row, queries.epsilon, normal)
        _multiply(normal, answer.widen, wide)
        for row in range(n):
            for k in range(w):
                x = wide[row, k] + answer.widen_constant[k]
                wide[row, k] = x * _normal_distribution(x)  # GELU
        _multiply(wide, answer.narrow, added)
        for row in range(n):
            for k in range(d):
                own[row, k] += added[row, k] + answer.narrow_constant[k]
            _normalise(own, row, queries.epsilon, normal)
            for k in range(d):
                states[first + row, k] = normal[row, k] * answer.norm[k] + answer.norm_constant[k]
    return states


@inner_vector_loop
def _multiply(rows: NDArray[np.float32], matrix: NDArray[np.float32], found: NDArray[np.float32]) -> None:
    """Write products of two rows (2, at least m) with a matrix (m, n) whose own are `filled_up`: (2, n)."""
    for k in range(0, matrix.shape[1], LANES):
        first = second = spread(np.float32(0))
        for m in range(len(matrix)):
            weights = load(matrix, (m, k))
            first = multiply_add(spread(rows[0, m]), weights, first)
            second = multiply_add(spread(rows[1, m]), weights, second)
        store(found, (0, k), first)
        store(found, (1, k), second)


@inner_vector_loop
def _write_inputs(  # noqa: PLR0917 - what a sequence needs
    inputs: InputVectors,
    usual: Usual,
    histories: Plain,
    at: int,
    row: int,
    c: NDArray[np.float32],
    scales: NDArray[np.float32],
    of_variances: tuple[int, np.float32],
) -> int:
    """Write centred inputs of the sequence `at` into a row of c (r, l + 1, f), 1 / their standard deviations beside it.

    The latter (r, whole lanes) are filled up with ones or nearly so: weights of nothing, which are as small as normal
    numbers can be, are multiplied by them. `of_variances` are the width without what fills it up, and what is added to
    variances.

    Returns
    -------
    How many there are.
    """
    (items, likes, ratings), (end, f), (d, epsilon) = histories, c.shape[1:], of_variances
    prefetch_next(inputs.items, items, at)
    for t in range(0, whole_lanes(end), LANES):
        store(scales, (row, t), spread(np.float32(d)))
    for t in range(end):
        squares = spread(np.float32(0))
        if t == 0:
            for k in range(0, f, LANES):
                x = load(inputs.start, (k,))
                store(c, (row, t, k), x)
                squares = multiply_add(x, x, squares)
        else:
            item, like = items[at, t - 1], likes[at, t - 1]
            if item == NO_ITEM:
                end = t
                break
            surprise = spread(np.float32(residual(usual, item, like, ratings[at, t - 1])))
            for k in range(0, f, LANES):
                x = add(load(inputs.items, (item, k)), load(inputs.reactions, (int(like), t, k)))
                x = multiply_add(surprise, load(inputs.surprise, (k,)), x)
                store(c, (row, t, k), x)
                squares = multiply_add(x, x, squares)
        scales[row, t] = total(squares)
    for t in range(whole_lanes(end)):
        scales[row, t] = 1 / np.sqrt(scales[row, t] / np.float32(d) + epsilon)
    return end


@inner_vector_loop
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
    """Write what each head of a row's query (r, h f) attends to of the first inputs; weights (h, l + 1) are room."""
    (heads, f), nothing, room = constants.shape, spread(np.float32(0)), whole_lanes(end)
    for head in range(heads):
        for k in range(0, f, LANES):
            at = (row, head * f + k)
            store(query, at, add(load(query, at), load(constants, (head, k))))
        store(weights, (head, room - LANES), spread(np.float32(-np.inf)))
        for t in range(end):
            product = nothing
            for k in range(0, f, LANES):
                product = multiply_add(load(query, (row, head * f + k)), load(c, (row, t, k)), product)
            weights[head, t] = total(product) * scales[row, t]
    for head in range(heads):
        high = load(weights, (head, 0))
        for t in range(LANES, room, LANES):
            high = larger(high, load(weights, (head, t)))
        highest, of_all = largest(high), np.float32(0)
        for t in range(room):
            weight = fast_exp(weights[head, t] - highest)
            of_all += weight
            weights[head, t] = weight * scales[row, t]
        share = spread(1 / of_all)
        for k in range(0, f, LANES):
            found = nothing
            for t in range(end):
                found = multiply_add(spread(weights[head, t]), load(c, (row, t, k)), found)
            store(attended, (row, head * f + k), multiply_add(found, share, nothing))


@njit(inline="always")
def _normal_distribution(x: np.float32) -> np.float32:
    """P(standard normal number < x): Abramowitz and Stegun (1964), formula 7.1.26; the error is below 2e-7."""
    z = abs(x) * np.float32(0.7071067811865476)
    t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * z)
    series = (np.float32(1.061405429) * t - np.float32(1.453152027)) * t + np.float32(1.421413741)
    series = (series * t - np.float32(0.284496736)) * t + np.float32(0.254829592)
    above = np.float32(0.5) * series * t * fast_exp(-z * z)
    return above + np.float32(x > 0) * (np.float32(1) - np.float32(2) * above)  # no branch, so that it vectorises


@inner_vector_loop
def _normalise(x: NDArray[np.float32], row: int, epsilon: np.float32, normal: NDArray[np.float32]) -> None:
    """Write the first d numbers of a row of x less their mean, over their standard deviation; normal is (r, d)."""
    own, found, d = x[row], normal[row], normal.shape[1]
    mean, square = np.float32(0), np.float32(0)
    for k in range(d):
        mean += own[k]
    mean /= np.float32(d)
    for k in range(d):
        square += (own[k] - mean) ** 2
    scale = 1 / np.sqrt(square / np.float32(d) + epsilon)
    for k in range(d):
        found[k] = (own[k] - mean) * scale
