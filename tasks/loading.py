"""A run folder's tables as the arrays that models take."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.explanation.keyword_removal import KeywordRecord
from models.interactions import Interactions
from models.knowledge import ItemKnowledge
from storage.contracts import INTERACTIONS, ITEMS, KEYWORDS, USERS, VOCABULARY
from storage.run_folder import RunFolder
from storage.tables import read_table
from storage.vectors import read_item_vectors, read_keyword_vectors


def load_interactions(folder: RunFolder, splits: tuple[str, ...]) -> Interactions:
    """Interactions of the named splits, sorted by user and time.

    Parameters
    ----------
    folder
        A run folder with users, items and interactions.
    splits
        Any of `train`, `validation`, `test`.
    """
    columns = ["user_id", "item_id", "like", "rating", "order"]
    rows = read_table(
        folder.path("interactions.parquet"), INTERACTIONS, columns, rows=pl.col("split").is_in(splits)
    ).sort("user_id", "order")
    return Interactions(
        users=rows["user_id"].to_numpy().astype(np.int64),
        items=rows["item_id"].to_numpy().astype(np.int64),
        likes=rows["like"].to_numpy().astype(bool),
        ratings=rows["rating"].to_numpy().astype(np.float32),
        n_users=read_table(folder.path("users.parquet"), USERS, ["user_id"]).height,
        n_items=read_table(folder.path("items.parquet"), ITEMS, ["item_id"]).height,
    )


def load_knowledge(folder: RunFolder) -> ItemKnowledge:
    """What the language model said about every item, from keywords, vocabulary and item vectors."""
    items = read_table(folder.path("items.parquet"), ITEMS)
    vocabulary = read_table(folder.path("vocabulary.parquet"), VOCABULARY)["keyword"].to_list()
    keywords = read_table(folder.path("keywords.parquet"), KEYWORDS).join(
        pl.DataFrame({"keyword": vocabulary, "column": np.arange(len(vocabulary))}), on="keyword"
    )
    categories, category_names = _categories(items)
    pro, con = (keywords.filter(pl.col("side") == side) for side in ("pro", "con"))
    shape = (items.height, len(vocabulary))
    vectors = {side: read_item_vectors(folder.path("embeddings"), side, items.height) for side in ("pro", "con")}
    names, of_keywords = read_keyword_vectors(folder.path("embeddings"))
    row = {name: place for place, name in enumerate(names)}
    return ItemKnowledge(
        keywords=tuple(vocabulary),
        keyword_vectors=of_keywords[np.array([row[keyword] for keyword in vocabulary], dtype=np.int64)],
        pro=_binary(pro["item_id"].to_numpy(), pro["column"].to_numpy(), shape),
        con=_binary(con["item_id"].to_numpy(), con["column"].to_numpy(), shape),
        pro_vectors=vectors["pro"],
        con_vectors=vectors["con"],
        categories=categories,
        category_names=category_names,
        item_names=tuple(items["name"].to_list()),
    )


def load_keyword_record(folder: RunFolder, knowledge: ItemKnowledge, items: NDArray[np.int64]) -> KeywordRecord:
    """What stands behind the keywords: every keyword's vector, and the evidence of those of `items` (n,)."""
    asked = pl.col("item_id").is_in(np.unique(items).tolist())
    columns = ["item_id", "side", "keyword", "evidence"]
    found = read_table(folder.path("keywords.parquet"), KEYWORDS, columns, rows=asked)
    evidence = {(item, side, keyword): text for item, side, keyword, text in found.iter_rows()}
    return KeywordRecord(knowledge.keyword_vectors, evidence)


def item_texts(items: pl.DataFrame) -> list[str]:
    """Name, attributes and description of every item of the item table, as one text each."""
    return items.select(pl.concat_str("name", "attributes", "description", separator=" ")).to_series().to_list()


def load_categories(folder: RunFolder) -> csr_array:
    """Every item's categories: sparse binary float32 matrix of shape (n_items, n_categories)."""
    return _categories(read_table(folder.path("items.parquet"), ITEMS))[0]


def _categories(items: pl.DataFrame) -> tuple[csr_array, tuple[str, ...]]:
    """Matrix of shape (n_items, n_categories) and the names of its columns."""
    pairs = items.select("item_id", "categories").explode("categories").drop_nulls()
    names = pairs["categories"].unique().sort().to_list()
    columns = pairs["categories"].replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64)
    return _binary(pairs["item_id"].to_numpy(), columns.to_numpy(), (items.height, len(names))), tuple(names)


def _binary(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> csr_array:
    matrix = csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    matrix.data[:] = 1.0  # repeats are summed on construction; the sets are binary
    return matrix
