"""Numbers side by side come to what they come to one by one."""

import numpy as np
import pytest

from models.kernels.compiled import inner_vector_loop
from models.kernels.lanes import LANES, add, filled_up, larger, largest, load, multiply_add, spread, store, total


@inner_vector_loop
def _everything(rows, factor, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - a loop's own
    """Write the sum, x y + z and the larger of the first three rows; the total and the largest of the first."""
    x, y, z = load(rows, (0, 0)), load(rows, (1, 0)), load(rows, (2, 0))
    store(found, (0, 0), add(x, y))
    store(found, (1, 0), multiply_add(x, y, z))
    store(found, (2, 0), larger(x, y))
    store(found, (3, LANES), spread(factor))
    return total(x), largest(x)


def test_what_loops_do_with_lanes_is_what_numpy_does() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 2 * LANES)).astype(np.float32)
    found = np.zeros((4, 2 * LANES), dtype=np.float32)
    of_all, highest = _everything(rows, np.float32(0.25), found)
    x, y, z = rows[:, :LANES]
    assert of_all == pytest.approx(x.sum(), abs=1e-5)
    assert highest == x.max()
    np.testing.assert_array_equal(found[0, :LANES], x + y)
    np.testing.assert_allclose(found[1, :LANES], x * y + z, atol=1e-6)
    np.testing.assert_array_equal(found[2, :LANES], np.maximum(x, y))
    np.testing.assert_array_equal(found[3, LANES:], np.full(LANES, 0.25))
    assert not found[:3, LANES:].any()
    assert not found[3, :LANES].any()


def test_a_row_of_an_array_laid_out_otherwise_is_read_and_written() -> None:
    wide = np.random.default_rng(1).normal(size=(6, 3 * LANES)).astype(np.float32)
    found = np.zeros((8, 2 * LANES), dtype=np.float32)
    _everything(wide[::2, 5:], np.float32(1), found[::2])
    np.testing.assert_array_equal(found[0, :LANES], wide[0, 5 : 5 + LANES] + wide[2, 5 : 5 + LANES])
    assert not found[1::2].any()


@pytest.mark.parametrize(("n", "long"), [(1, LANES), (LANES, LANES), (LANES + 1, 2 * LANES)])
def test_arrays_are_filled_up_with_zeros(n: int, long: int) -> None:
    array = np.ones((2, n), dtype=np.float32)
    for axis, filled in ((1, filled_up(array)), (0, filled_up(array.T, axis=0).T)):
        assert filled.shape == (2, long), axis
        assert filled.sum() == 2 * n
        np.testing.assert_array_equal(filled[:, :n], array)
