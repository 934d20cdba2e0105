"""Rows of a batch shared among threads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from models.kernels.threads import by_blocks


@pytest.fixture
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_two_threads")
def test_blocks_hold_every_row_once_and_in_order() -> None:
    rows = np.arange(101)
    parts = by_blocks(lambda block: rows[block], len(rows), 20)
    assert len(parts) == 2
    np.testing.assert_array_equal(np.concatenate(parts), rows)


@pytest.mark.usefixtures("_two_threads")
def test_few_rows_are_one_block() -> None:
    assert by_blocks(lambda block: block, 39, 20) == [slice(0, 39)]
    assert by_blocks(lambda block: block, 0, 20) == [slice(0, 0)]


@pytest.mark.usefixtures("_two_threads")
def test_work_that_shares_out_rows_within_a_block_does_them_itself() -> None:
    found = by_blocks(lambda block: by_blocks(lambda inner: inner, block.stop - block.start, 1), 40, 1)
    assert found == [[slice(0, 20)], [slice(0, 20)]]
