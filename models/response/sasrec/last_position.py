"""Self-attention seen from a sequence's last position alone, without a key or a value being worked out.

With one query, keys need not exist: the score q . (W_K n_t + b_K) of a normalised input n_t = g * c_t / s_t + b, where
c_t is the centred input and s_t its standard deviation, is (g * W_K' q) . c_t / s_t and a constant, which softmax does
not see. Likewise the sum of w_t (W_V n_t + b_V) is W_V (g * sum of w_t c_t / s_t + b) + b_V. So an input costs its own
width instead of two projections; and as inputs are sums of an item's, a reaction's and a position's vector, centring
them beforehand centres the sum. The idea is that of absorbed projections (DeepSeek-V2, arXiv 2405.04434, section 2.1).

It is `Network.forward` (models/response/sasrec/network.py) at one position, some ten times as fast: simulated users
need a state at every step. A state does not depend on the sequences beside it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.interactions import NO_ITEM
from models.kernels.compiled import vector_loop


class InputVectors(NamedTuple):
    """What the inputs of a network of width d are sums of, each centred to a mean of 0: float32 arrays.

    Parameters
    ----------
    items
        (n_items, d).
    reactions
        (2, at least l + 1, d): of a dislike and of a like at each position.
    surprise
        (d,): times a reaction's surprise.
    start
        (d,): the whole input at position 0.
    """

    items: NDArray[np.float32]
    reactions: NDArray[np.float32]
    surprise: NDArray[np.float32]
    start: NDArray[np.float32]


class Attention(NamedTuple):
    """What h heads do with centred inputs over their standard deviations, c_t / s_t: float32 arrays.

    Parameters
    ----------
    queries, query_constants
        (h, d, d) and (h, d): a head scores c_t / s_t by its product with `c / s @ matrix + constant` of the last
        position.
    project, project_constant
        (h, d, d) and (d,): values and projection of each head as one matrix.
    """

    queries: NDArray[np.float32]
    query_constants: NDArray[np.float32]
    project: NDArray[np.float32]
    project_constant: NDArray[np.float32]


class FeedForward(NamedTuple):
    """The layer of width w after attention, and the network's last normalisation: float32 arrays.

    Parameters
    ----------
    widen, widen_constant
        (d, w) and (w,), with the normalisation before it taken in.
    narrow, narrow_constant
        (w, d) and (d,).
    norm, norm_constant
        (d,).
    """

    widen: NDArray[np.float32]
    widen_constant: NDArray[np.float32]
    narrow: NDArray[np.float32]
    narrow_constant: NDArray[np.float32]
    norm: NDArray[np.float32]
    norm_constant: NDArray[np.float32]


@vector_loop
def last_states(
    network: tuple[InputVectors, Attention, FeedForward, np.float32],
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
    surprises: NDArray[np.float32],
) -> NDArray[np.float32]:
    """State at the last position of each of b sequences: float32 (b, d).

    Parameters
    ----------
    network
        Its parts, and what is added to variances.
    items, likes, surprises
        Arrays of shape (b, l), padded on the right with `NO_ITEM`; see `Network.forward`.
    """
    inputs, attention, layer, epsilon = network
    (b, length), d = items.shape, len(layer.norm)
    states, c = np.empty((b, d), dtype=np.float32), np.empty((length + 1, d), dtype=np.float32)
    scales, own = np.empty(length + 1, dtype=np.float32), np.empty(d, dtype=np.float32)
    for row in range(b):
        n = _write_inputs(inputs, items[row], likes[row], surprises[row], c)
        for t in range(n):
            square = np.float32(0)
            for k in range(d):
                square += c[t, k] * c[t, k]
            scales[t] = 1 / np.sqrt(square / np.float32(d) + epsilon)
        for k in range(d):
            own[k] = c[n - 1, k] + attention.project_constant[k]
        _attend(attention, c[:n], scales[:n], own)
        _feed_forward(layer, epsilon, own)
        normal = _normalised(own, epsilon)
        for k in range(d):
            states[row, k] = normal[k] * layer.norm[k] + layer.norm_constant[k]
    return states


@vector_loop
def _write_inputs(
    inputs: InputVectors,
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
    surprises: NDArray[np.float32],
    c: NDArray[np.float32],
) -> int:
    """Write the centred inputs of a sequence (l,) into c (l + 1, d); returns how many there are."""
    c[0] = inputs.start
    for t in range(len(items)):
        if items[t] == NO_ITEM:
            return t + 1
        item, reaction, own = inputs.items[items[t]], inputs.reactions[int(likes[t]), t + 1], c[t + 1]
        for k in range(len(own)):
            own[k] = item[k] + reaction[k] + surprises[t] * inputs.surprise[k]
    return len(items) + 1


@vector_loop
def _attend(
    attention: Attention, c: NDArray[np.float32], scales: NDArray[np.float32], own: NDArray[np.float32]
) -> None:
    """Add what the heads attend to, of inputs c (n, d) over their standard deviations (1 / scales), to own (d,)."""
    n, d = c.shape
    query, weighted = np.empty(d, dtype=np.float32), np.empty(d, dtype=np.float32)
    weights = np.empty(n, dtype=np.float32)
    for head in range(len(attention.queries)):
        for k in range(d):
            query[k] = attention.query_constants[head, k]
        _add_product(c[n - 1], float(scales[n - 1]), attention.queries[head], query)
        highest = np.float32(-np.inf)
        for t in range(n):
            score = np.float32(0)
            for k in range(d):
                score += query[k] * c[t, k]
            weights[t] = score * scales[t]
            highest = max(highest, weights[t])
        total = 0.0
        for t in range(n):
            weights[t] = np.exp(weights[t] - highest)
            total += weights[t]
        for k in range(d):
            weighted[k] = 0
        for t in range(n):
            weight = weights[t] * scales[t]
            for k in range(d):
                weighted[k] += weight * c[t, k]
        _add_product(weighted, 1 / float(total), attention.project[head], own)


@vector_loop
def _feed_forward(layer: FeedForward, epsilon: np.float32, own: NDArray[np.float32]) -> None:
    """Add the layer's answer to own (d,)."""
    wide = layer.widen_constant.copy()
    _add_product(_normalised(own, epsilon), 1.0, layer.widen, wide)
    for k in range(len(wide)):  # GELU
        wide[k] *= np.float32(0.5) * (np.float32(1) + np.float32(math.erf(wide[k] * np.float32(0.7071067811865476))))
    for k in range(len(own)):
        own[k] += layer.narrow_constant[k]
    _add_product(wide, 1.0, layer.narrow, own)


@vector_loop
def _add_product(
    vector: NDArray[np.float32], factor: float, matrix: NDArray[np.float32], result: NDArray[np.float32]
) -> None:
    """Add factor * vector @ matrix to result, for a matrix (m, n)."""
    for m in range(len(matrix)):
        x, weights = np.float32(factor * vector[m]), matrix[m]
        for k in range(len(result)):
            result[k] += x * weights[k]


@vector_loop
def _normalised(x: NDArray[np.float32], epsilon: np.float32) -> NDArray[np.float32]:
    """x (d,) less its mean, over its standard deviation."""
    mean, square = np.float32(0), np.float32(0)
    for k in range(len(x)):
        mean += x[k]
    mean /= np.float32(len(x))
    for k in range(len(x)):
        square += (x[k] - mean) ** 2
    return (x - mean) / np.sqrt(square / np.float32(len(x)) + epsilon)
