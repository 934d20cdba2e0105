"""Other readers of the same items: what a reader of some precision and recall has."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.evaluation.knowledge_variants import misread

N_ITEMS = 400


def world() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Items of two categories, five of twelve aspects of its category each."""
    rng = np.random.default_rng(0)
    rows = [
        (item, "pro" if aspect % 2 else "con", f"category {item % 2} aspect {aspect}")
        for item in range(N_ITEMS)
        for aspect in rng.permutation(12)[:5].tolist()
    ]
    true = pl.DataFrame(rows, schema=["item_id", "side", "keyword"], orient="row")
    return true, pl.DataFrame({"item_id": range(N_ITEMS), "category": [str(item % 2) for item in range(N_ITEMS)]})


def test_a_perfect_reader_has_the_truth() -> None:
    true, categories = world()
    assert misread(true, categories, 1, 1, np.random.default_rng(0)).equals(true)


@pytest.mark.parametrize(("precision", "recall"), [(1, 0.5), (0.5, 1), (0.7, 0.9), (0.9, 0.6)])
def test_a_reader_misses_and_makes_up_as_much_as_told(precision: float, recall: float) -> None:
    true, categories = world()
    read = misread(true, categories, precision, recall, np.random.default_rng(1))
    right = read.join(true, on=["item_id", "side", "keyword"], how="semi")
    assert right.height / true.height == pytest.approx(recall, abs=0.04)
    assert right.height / read.height == pytest.approx(precision, abs=0.01)
    assert read.is_unique().all()


def test_what_is_made_up_is_of_the_items_category() -> None:
    true, categories = world()
    read = misread(true, categories, 0.5, 0.9, np.random.default_rng(1)).join(categories, on="item_id")
    assert read.filter(pl.col("keyword").str.slice(9, 1) != pl.col("category")).is_empty()
