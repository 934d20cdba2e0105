"""Other knowledge of the same items, for comparisons: fewer keywords, those of another source, none, the true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.keywords.embeddings import Encode, item_vectors
from models.keywords.tfidf import tfidf_words
from models.knowledge import ItemKnowledge
from storage.contracts import INTERACTIONS, ITEMS, KEYWORDS, TRUTH_ASPECTS
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.loading import item_texts

PROFILES = "profiles"
"""Folder of a run with the keywords of other language-model profiles, `<profile>.parquet` each."""

_REVIEWS_PER_ITEM = 20


def knowledge_variants(folder: RunFolder, full: ItemKnowledge, encode: Encode) -> Mapping[str, ItemKnowledge]:
    """Variants by name, in the order in which a table shows them.

    Parameters
    ----------
    folder
        A run with keywords and embeddings.
    full
        Its knowledge as the simulator has it.
    encode
        The sentence encoder, for words that have no vector yet.
    """
    sources = read_table(folder.path("keywords.parquet"), KEYWORDS, ["item_id", "side", "keyword", "source"])
    variants = {}
    for source in ("objective", "subjective"):
        kept = sources.filter(pl.col("source").is_in([source, "both"]))
        if 0 < kept.height < sources.height:
            variants[f"{source} keywords only"] = _only(full, kept)
    for path in sorted(folder.path(PROFILES).glob("*.parquet")):
        of_profile = read_table(path, KEYWORDS, ["item_id", "side", "keyword", "source"])
        if of_profile.height:
            variants[f"keywords of {path.stem}"] = of_keywords(full, of_profile, encode)
    no_restriction = csr_array(np.ones((full.n_items, 1), dtype=np.float32))
    variants["no restriction to the category"] = replace(full, categories=no_restriction, category_names=("all",))
    if full.category_names:
        both = full.categories, full.categories
        variants["categories instead of keywords"] = _of_sets(
            full, full.category_names, both, encode(full.category_names)
        )
    variants["TF-IDF words instead of keywords"] = _of_words(folder, full, encode)
    true = true_keywords(folder)
    if true is not None:
        variants["true aspects instead of keywords"] = of_keywords(full, true, encode)
    return variants


def true_keywords(folder: RunFolder) -> pl.DataFrame | None:
    """The true aspects of the items of a generated world, as keywords: `item_id`, `side`, `keyword`; None elsewhere."""
    path = folder.path("truth_aspects.parquet")
    if not path.exists():
        return None
    return (
        read_table(path, TRUTH_ASPECTS).select("item_id", "side", keyword="aspect").sort("item_id", "side", "keyword")
    )


def misread(
    true: pl.DataFrame, categories: pl.DataFrame, precision: float, recall: float, rng: np.random.Generator
) -> pl.DataFrame:
    """Keywords as a reader of this precision and recall would have them.

    Parameters
    ----------
    true
        `true_keywords`.
    categories
        `item_id` and `category`, one an item.
    precision, recall
        Shares of the result that is true, and of the true ones that are in it.
    rng
        Decides what is missed and what is made up: aspects of other items of the category.
    """
    kept = true[np.flatnonzero(rng.random(true.height) < recall)]
    listed = true.join(categories, on="item_id")
    possible = categories.join(listed.select("category", "side", "keyword").unique(), on="category")
    wrong = possible.select("item_id", "side", "keyword").join(true, on=["item_id", "side", "keyword"], how="anti")
    wrong = wrong.sort("item_id", "side", "keyword")
    n = min(wrong.height, round(kept.height * (1 - precision) / precision))
    return pl.concat([kept, wrong[np.sort(rng.permutation(wrong.height)[:n])]])


def no_keywords(full: ItemKnowledge) -> ItemKnowledge:
    """Categories alone."""
    nothing = csr_array((full.n_items, 0), dtype=np.float32)
    return _of_sets(full, (), (nothing, nothing), np.zeros((0, full.keyword_vectors.shape[1]), dtype=np.float32))


def _only(full: ItemKnowledge, kept: pl.DataFrame) -> ItemKnowledge:
    """Those keywords alone, with the vectors that they have."""
    return _of_sets(full, full.keywords, _sides(kept, full.keywords, full.n_items), full.keyword_vectors)


def of_keywords(full: ItemKnowledge, keywords: pl.DataFrame, encode: Encode) -> ItemKnowledge:
    """Knowledge from other keywords: a table of `item_id`, `side` and `keyword`."""
    names = tuple(keywords["keyword"].unique().sort().to_list())
    vectors = encode(names)
    sets = _sides(keywords, names, full.n_items)
    return _of_sets(full, names, sets, vectors)


def _sides(keywords: pl.DataFrame, names: Sequence[str], n_items: int) -> tuple[csr_array, csr_array]:
    """Which of the names are pros, and cons, of each item: sparse (n_items, v) each."""
    rows = keywords.join(pl.DataFrame({"keyword": names, "column": np.arange(len(names))}), on="keyword")
    sets = []
    for side in ("pro", "con"):
        of_side = rows.filter(pl.col("side") == side)
        places = (of_side["item_id"].to_numpy(), of_side["column"].to_numpy())
        sets.append(csr_array((np.ones(of_side.height, dtype=np.float32), places), shape=(n_items, len(names))))
    return sets[0], sets[1]


def _of_words(folder: RunFolder, full: ItemKnowledge, encode: Encode) -> ItemKnowledge:
    """TF-IDF words of an item's facts and of the reviews of those who liked it (disliked it), train rows only."""
    items = read_table(folder.path("items.parquet"), ITEMS)
    facts = items.select("item_id", text=pl.Series(item_texts(items)))
    train = pl.col("review_text").is_not_null() & (pl.col("split") == "train")
    reviews = read_table(
        folder.path("interactions.parquet"), INTERACTIONS, ["item_id", "like", "review_text", "split"], rows=train
    )
    sides = []
    for like in (True, False):
        of_side = (
            reviews.filter(pl.col("like") == like)
            .group_by("item_id")
            .agg(pl.col("review_text").head(_REVIEWS_PER_ITEM))
        )
        joined = of_side.select("item_id", reviews=pl.col("review_text").list.join(" "))
        texts = facts.join(joined, on="item_id", how="left").sort("item_id")
        sides.append(tfidf_words((texts["text"] + " " + texts["reviews"].fill_null("")).to_list()))
    (pro, pro_words), (con, con_words) = sides
    words = tuple(sorted({*pro_words, *con_words}))
    position = {word: column for column, word in enumerate(words)}
    sets = tuple(_renamed(matrix, names, position) for matrix, names in ((pro, pro_words), (con, con_words)))
    vectors = encode(words)
    return _of_sets(full, words, (sets[0], sets[1]), vectors)


def _renamed(matrix: csr_array, names: tuple[str, ...], position: Mapping[str, int]) -> csr_array:
    """The same sets over a larger vocabulary."""
    of_name = np.array([position[name] for name in names], dtype=np.int64)
    entries = matrix.tocoo()
    rows, columns = entries.coords
    return csr_array((entries.data, (rows, of_name[columns])), shape=(matrix.indptr.size - 1, len(position)))


def _of_sets(
    full: ItemKnowledge, keywords: tuple[str, ...], sets: tuple[csr_array, csr_array], vectors: NDArray[np.float32]
) -> ItemKnowledge:
    """Knowledge from keyword sets (n_items, v) of pros and cons and the keywords' vectors (v, d)."""
    pro, con = (item_vectors(side, vectors) for side in sets)
    return replace(
        full,
        keywords=keywords,
        keyword_vectors=vectors,
        pro=sets[0],
        con=sets[1],
        pro_vectors=pro,
        con_vectors=con,
    )
