"""Self-attention seen from a sequence's last position alone, without a key or a value being worked out.

With one query, keys need not exist: the score q . (W_K n_t + b_K) of a normalised input n_t = g * c_t / s_t + b, where
c_t is the centred input and s_t its standard deviation, is (g * W_K' q) . c_t / s_t and a constant, which softmax does
not see. Likewise the sum of w_t (W_V n_t + b_V) is W_V (g * sum of w_t c_t / s_t + b) + b_V. So an input costs its own
width instead of two projections; and as inputs are sums of an item's, a reaction's and a position's vector, centring
them beforehand centres the sum. The idea is that of absorbed projections (DeepSeek-V2, arXiv 2405.04434, section 2.1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.interactions import NO_ITEM


class InputVectors(NamedTuple):
    """What the inputs of a network of width d are sums of, each centred to a mean of 0.

    Parameters
    ----------
    items
        float32 array of shape (n_items, d).
    feedback
        float32 array of shape (2, d): of a dislike and a like.
    surprise
        float32 array of shape (d,): times a reaction's surprise.
    positions
        float32 array of shape (at least l + 1, d).
    start
        float32 array of shape (d,): the input at position 0.
    """

    items: NDArray[np.float32]
    feedback: NDArray[np.float32]
    surprise: NDArray[np.float32]
    positions: NDArray[np.float32]
    start: NDArray[np.float32]


class Queries(NamedTuple):
    """How h heads ask: a head scores c_t / s_t by its product with `matrix @ c / s + constant` of the last position.

    Parameters
    ----------
    matrices, constants
        float32 arrays of shapes (h, d, d) and (h, d).
    epsilon
        float32, added to variances.
    """

    matrices: NDArray[np.float32]
    constants: NDArray[np.float32]
    epsilon: np.float32


def attention(
    inputs: InputVectors,
    queries: Queries,
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
    surprises: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the last position of each of b sequences attends to.

    Parameters
    ----------
    inputs, queries
        Of the network.
    items, likes, surprises
        Arrays of shape (b, l), padded on the right with `NO_ITEM`; see `models/sasrec.py`.

    Returns
    -------
    float32 arrays of shapes (b, h, d), the sum of w_t c_t / s_t, and (b, d), c of the last position.
    """
    contiguous = np.ascontiguousarray
    return _attention(inputs, queries, contiguous(items), contiguous(likes), contiguous(surprises))


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})  # sums in any order, so that they vectorise
def _attention(
    inputs: InputVectors,
    queries: Queries,
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
    surprises: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    (b, length), (heads, d) = items.shape, queries.constants.shape
    attended, last = np.zeros((b, heads, d), dtype=np.float32), np.empty((b, d), dtype=np.float32)
    c, scale = np.empty((length + 1, d), dtype=np.float32), np.empty(length + 1, dtype=np.float32)
    query, weights = np.empty(d, dtype=np.float32), np.empty(length + 1, dtype=np.float32)
    for row in range(b):
        c[0] = inputs.start + inputs.positions[0]
        end = 1
        for t, item in enumerate(items[row]):
            if item == NO_ITEM:
                break
            feedback, above = inputs.feedback[int(likes[row, t])], surprises[row, t]
            for k in range(d):
                c[end, k] = inputs.items[item, k] + feedback[k] + above * inputs.surprise[k] + inputs.positions[end, k]
            end += 1
        for t in range(end):
            scale[t] = 1 / np.sqrt(_dot(c[t], c[t]) / np.float32(d) + queries.epsilon)
        last[row] = c[end - 1]
        for head in range(heads):
            for k in range(d):
                query[k] = _dot(queries.matrices[head, k], last[row]) * scale[end - 1] + queries.constants[head, k]
            for t in range(end):
                weights[t] = _dot(query, c[t]) * scale[t]
            highest, total = weights[:end].max(), np.float32(0)
            for t in range(end):
                weights[t] = np.exp(weights[t] - highest)
                total += weights[t]
            for t in range(end):
                weight = weights[t] / total * scale[t]
                for k in range(d):
                    attended[row, head, k] += weight * c[t, k]
    return attended, last


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _dot(x: NDArray[np.float32], y: NDArray[np.float32]) -> np.float32:
    product = np.float32(0)
    for k in range(len(x)):
        product += x[k] * y[k]
    return product
