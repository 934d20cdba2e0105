import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.response.sasrec.fast_exp import fast_exp


@njit(fastmath={"reassoc", "contract"})  # as the loops that use it
def _exponentials(x: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.empty_like(x)
    for k in range(len(x)):
        found[k] = fast_exp(x[k])
    return found


def test_it_is_the_exponential_to_the_last_bits_of_float32() -> None:
    x = np.linspace(-87, 88, 20_001).astype(np.float32)
    np.testing.assert_allclose(_exponentials(x), np.exp(x.astype(np.float64)), rtol=3e-7)


def test_what_is_far_below_zero_is_as_good_as_nothing() -> None:
    found = _exponentials(np.array([-np.inf, -1e30, -88], dtype=np.float32))
    assert (found >= 0).all()
    assert (found < 2e-38).all()
