"""The items table: facts of every rated item, with what metadata lacks filled in."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from storage.contracts import ITEMS

_COMMON_SHARE = 0.9
_FEWEST_ITEMS = 2  # of one item nothing can be said to be common


def read_items(batches: Iterable[pl.DataFrame], ids: pl.Series) -> pl.DataFrame:
    """Metadata of the items in `ids`; of an item listed twice the last counts."""
    schema = pl.Schema(
        {
            "item_id": pl.String,
            "name": pl.String,
            "categories": pl.List(pl.String),
            "attributes": pl.String,
            "description": pl.String,
        }
    )
    wanted = pl.DataFrame({"item_id": ids}).unique()
    parts = [
        batch.select(list(schema)).cast(schema).join(wanted, on="item_id", how="semi", maintain_order="left")
        for batch in batches
    ]
    return pl.concat([schema.to_frame(), *parts]).unique("item_id", keep="last", maintain_order=True)


def describe(
    metadata: pl.DataFrame, catalogue: pl.DataFrame, words: pl.DataFrame, *, one_category: bool = False
) -> tuple[pl.DataFrame, int]:
    """The items table, and how many items have no metadata.

    Parameters
    ----------
    metadata
        item_id (the dataset's own), name, categories, attributes, description; any may be null.
    catalogue
        item_id (row numbers) and source_id of all items.
    words
        item_id (row numbers) and `words`, the ones that users of train rows gave it most often, as text.
    one_category
        Whether an item keeps one of its categories only; see `single_categories`.
    """
    items = catalogue.join(
        _without_common_categories(metadata).rename({"item_id": "source_id"}),
        on="source_id",
        how="left",
        maintain_order="left",
    )
    missing = catalogue.join(metadata, left_on="source_id", right_on="item_id", how="anti").height
    blank_name = pl.col("name").fill_null("").str.strip_chars() == ""
    described = items.join(words, on="item_id", how="left", maintain_order="left").with_columns(
        name=pl.when(blank_name).then("source_id").otherwise("name"),
        categories=pl.col("categories").fill_null([]),
        attributes=pl.concat_str(
            pl.col("attributes").replace("", None), pl.format("Tags: {}.", "words"), separator=" ", ignore_nulls=True
        ).fill_null(""),
        description=pl.col("description").fill_null(""),
    )
    if one_category:
        described = described.with_columns(single_categories(described["categories"]))
    return described.select(list(ITEMS.columns)), missing


def single_categories(categories: pl.Series) -> pl.Series:
    """One category an item, the paper's D_cate (arXiv 2412.16984): neither the most nor the least frequent ones.

    The paper tells no thresholds and no choice. Here the most frequent category of all and those of one item alone are
    avoided, and of the others an item keeps its most frequent one. An item that has no others keeps its most frequent
    all the same. Ties go to the first by name.

    Parameters
    ----------
    categories
        Lists of names, one an item.

    Returns
    -------
    Lists of one name, or of none where there was none.
    """
    rows = categories.to_frame("categories").with_row_index("row")
    pairs = rows.explode("categories").drop_nulls().unique()
    counts = pairs.group_by("categories").len("items").sort(["items", "categories"], descending=[True, False])
    extreme = counts.with_columns(extreme=(pl.int_range(pl.len()) == 0) | (pl.col("items") == 1))
    kept = (
        pairs.join(extreme, on="categories")
        .sort("row", "extreme", pl.col("items"), "categories", descending=[False, False, True, False])
        .group_by("row", maintain_order=True)
        .agg(pl.col("categories").first())
        .select("row", pl.concat_list("categories"))
    )
    chosen = rows.select("row").join(kept, on="row", how="left", maintain_order="left")["categories"]
    return chosen.fill_null(pl.Series([[]], dtype=pl.List(pl.String)))


def _without_common_categories(items: pl.DataFrame) -> pl.DataFrame:
    """A category that nearly every item has, such as a shop's root, says nothing."""
    if items.height < _FEWEST_ITEMS:
        return items
    counts = items.select(pl.col("categories").explode()).to_series().value_counts()
    common = counts.filter(pl.col("count") > _COMMON_SHARE * items.height)["categories"].drop_nulls().to_list()
    # One sort of all names, since `list.sort` takes ten times as long.
    rows = items.select("categories").with_row_index("row")
    rest = (
        rows.explode("categories")
        .filter(pl.col("categories").is_in(common).not_())
        .unique()
        .sort("row", "categories")
        .group_by("row", maintain_order=True)
        .agg("categories")
    )
    sorted_lists = rows.select("row").join(rest, on="row", how="left", maintain_order="left")["categories"]
    empty = pl.when(pl.col("categories").is_not_null()).then(pl.lit([], pl.List(pl.String)))
    return items.with_columns(pl.coalesce(sorted_lists, empty).alias("categories"))
