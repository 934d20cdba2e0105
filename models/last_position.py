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

from models.fast_exp import fast_exp
from models.interactions import NO_ITEM
from models.row_blocks import by_blocks


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


class Answer(NamedTuple):
    """How the block goes on from what its heads attended to; w is the width of its feed-forward layer.

    Parameters
    ----------
    project, project_constant
        float32 arrays of shapes (h, d, d) and (d,): values and projection of each head as one matrix.
    widen, widen_constant
        float32 arrays of shapes (w, d) and (w,), with the normalisation before it taken in.
    narrow, narrow_constant
        float32 arrays of shapes (d, w) and (d,).
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


def last_states(
    network: tuple[InputVectors, Queries, Answer],
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
    surprises: NDArray[np.float32],
) -> NDArray[np.float32]:
    """State at the last position of each of b sequences: float32 (b, d).

    Parameters
    ----------
    network
        Its parts.
    items, likes, surprises
        Arrays of shape (b, l), padded on the right with `NO_ITEM`; see `models/sasrec.py`.
    """
    items, likes, surprises = (
        np.ascontiguousarray(items),
        np.ascontiguousarray(likes),
        np.ascontiguousarray(surprises),
    )
    parts = by_blocks(lambda rows: _last_states(network, items[rows], likes[rows], surprises[rows]), len(items))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})  # sums in any order, so that they vectorise
def _last_states(  # noqa: PLR0912 - one pass over a sequence without a call
    network: tuple[InputVectors, Queries, Answer],
    items: NDArray[np.int64],
    likes: NDArray[np.bool_],
    surprises: NDArray[np.float32],
) -> NDArray[np.float32]:
    inputs, queries, answer = network
    (b, length), (heads, d) = items.shape, queries.constants.shape
    states, wide = np.empty((b, d), dtype=np.float32), np.empty(len(answer.widen), dtype=np.float32)
    c, scale = np.empty((length + 1, d), dtype=np.float32), np.empty(length + 1, dtype=np.float32)
    query, attended = np.empty(d, dtype=np.float32), np.empty(d, dtype=np.float32)
    own, normal = np.empty(d, dtype=np.float32), np.empty(d, dtype=np.float32)
    weights = np.empty(length + 1, dtype=np.float32)
    epsilon, size = queries.epsilon, np.float32(d)
    for row in range(b):
        end = 0
        for t in range(length + 1):
            square = np.float32(0)
            if t == 0:
                for k in range(d):
                    c[0, k] = inputs.start[k] + inputs.positions[0, k]
                    square += c[0, k] ** 2
            else:
                item = items[row, t - 1]
                if item == NO_ITEM:
                    break
                like, above = int(likes[row, t - 1]), surprises[row, t - 1]
                for k in range(d):
                    reaction = inputs.feedback[like, k] + above * inputs.surprise[k]
                    c[t, k] = inputs.items[item, k] + reaction + inputs.positions[t, k]
                    square += c[t, k] ** 2
            scale[t] = 1 / np.sqrt(square / size + epsilon)
            end = t + 1
        for k in range(d):
            own[k] = c[end - 1, k] + answer.project_constant[k]
        for head in range(heads):
            for k in range(d):
                product = np.float32(0)
                for j in range(d):
                    product += queries.matrices[head, k, j] * c[end - 1, j]
                query[k] = product * scale[end - 1] + queries.constants[head, k]
                attended[k] = 0
            highest, total = np.float32(-np.inf), np.float32(0)
            for t in range(end):
                product = np.float32(0)
                for k in range(d):
                    product += query[k] * c[t, k]
                weights[t] = product * scale[t]
                highest = max(highest, weights[t])
            for t in range(end):
                weights[t] = fast_exp(weights[t] - highest)
                total += weights[t]
            for t in range(end):
                weight = weights[t] / total * scale[t]
                for k in range(d):
                    attended[k] += weight * c[t, k]
            for k in range(d):
                product = np.float32(0)
                for j in range(d):
                    product += answer.project[head, k, j] * attended[j]
                own[k] += product
        _normalise(own, normal, epsilon)
        for k in range(len(wide)):
            product = answer.widen_constant[k]
            for j in range(d):
                product += answer.widen[k, j] * normal[j]
            wide[k] = product
        for k in range(len(wide)):
            wide[k] *= _normal_distribution(wide[k])  # GELU
        for k in range(d):
            product = answer.narrow_constant[k]
            for j in range(len(wide)):
                product += answer.narrow[k, j] * wide[j]
            own[k] += product
        _normalise(own, normal, epsilon)
        for k in range(d):
            states[row, k] = normal[k] * answer.norm[k] + answer.norm_constant[k]
    return states


@njit(inline="always")
def _normal_distribution(x: np.float32) -> np.float32:
    """P(standard normal number < x): Abramowitz and Stegun (1964), formula 7.1.26; the error is below 2e-7."""
    z = abs(x) * np.float32(0.7071067811865476)
    t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * z)
    series = (np.float32(1.061405429) * t - np.float32(1.453152027)) * t + np.float32(1.421413741)
    series = (series * t - np.float32(0.284496736)) * t + np.float32(0.254829592)
    above = np.float32(0.5) * series * t * fast_exp(-z * z)
    return above + np.float32(x > 0) * (np.float32(1) - np.float32(2) * above)  # no branch, so that it vectorises


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _normalise(x: NDArray[np.float32], normal: NDArray[np.float32], epsilon: np.float32) -> None:
    """x (d,) less its mean, over its standard deviation."""
    mean, square = np.float32(0), np.float32(0)
    for k in range(len(x)):
        mean += x[k]
    mean /= np.float32(len(x))
    for k in range(len(x)):
        square += (x[k] - mean) ** 2
    scale = 1 / np.sqrt(square / np.float32(len(x)) + epsilon)
    for k in range(len(x)):
        normal[k] = (x[k] - mean) * scale
