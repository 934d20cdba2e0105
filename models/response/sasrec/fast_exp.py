"""exp of float32 numbers in plain arithmetic, which compilers turn into vector instructions; the library's call is not.

x = n log 2 + r with |r| <= log 2 / 2; exp(r) is its Taylor series to the seventh power, 2^n is written into the
exponent's bits (Cody and Waite, Software Manual for the Elementary Functions, 1980, chapter 6). The error is below
3e-7 of the result. Below -87 the answer is 1.6e-38 and not 0, and -inf may be asked for.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
_LOG2_E = np.float32(1.4426950408889634)
_LOG_2_HIGH, _LOG_2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_C7, _C6, _C5 = np.float32(1 / 5040), np.float32(1 / 720), np.float32(1 / 120)
_C4, _C3, _C2, _ONE = np.float32(1 / 24), np.float32(1 / 6), np.float32(0.5), np.float32(1)


@njit(inline="always")
def fast_exp(x: np.float32) -> np.float32:
    """exp(x) for float32 x; see above."""
    x = min(max(x, _LOWEST), _HIGHEST)
    n = np.floor(x * _LOG2_E + _C2)
    r = (x - n * _LOG_2_HIGH) - n * _LOG_2_LOW
    series = ((((((_C7 * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2) * r + _ONE) * r + _ONE
    return series * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
