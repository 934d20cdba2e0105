"""The paper's one category an item."""

from __future__ import annotations

import polars as pl

from storage.ingest.item_catalogue import single_categories


def chosen(*categories: list[str]) -> list[list[str]]:
    return single_categories(pl.Series(categories, dtype=pl.List(pl.String))).to_list()


def test_an_item_keeps_its_most_frequent_category_that_is_no_extreme() -> None:
    everywhere, common, rare, single = "films", "crime", "noir", "heist"
    rows = chosen(
        [everywhere, rare, common, single],
        [everywhere, common],
        [everywhere, rare, single + " 2"],
        [common, everywhere],
    )
    assert rows == [[common], [common], [rare], [common]]


def test_an_item_of_extremes_only_keeps_the_most_frequent_of_them() -> None:
    assert chosen(["films"], ["films", "crime"], ["films", "crime"], ["unique", "films"]) == [
        ["films"],
        ["crime"],
        ["crime"],
        ["films"],
    ]


def test_ties_go_to_the_first_by_name_and_an_item_without_categories_has_none() -> None:
    assert chosen(["b", "a"], ["b", "a"], ["c"], ["c"], ["c"], []) == [["a"], ["a"], ["c"], ["c"], ["c"], []]
