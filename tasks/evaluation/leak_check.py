"""Whether anything of held-out reviews reached what the language model was asked and what it said, on a run's own data.

Tests plant marker words in held-out reviews (tests/tasks/steps/test_leaks.py). Here the words that stand in held-out
reviews
and nowhere else are the markers that a dataset has by itself.
"""

from __future__ import annotations

from typing import TypedDict

import polars as pl

from storage.contracts import ANNOTATIONS, INTERACTIONS, ITEMS, VOCABULARY
from storage.run_folder import RunFolder
from storage.tables import read_table

_WORD = r"[\p{L}\p{N}]+"


class LeakCheck(TypedDict):
    """Counts of one run.

    Parameters
    ----------
    review_prompts, from_held_out
        Prompts that showed a review, and those whose review is not one of a train row: 0 unless something leaks.
    markers, markers_in_keywords
        Words of held-out reviews that no train review, item fact or name has, and those that a keyword contains.
    """

    review_prompts: int
    from_held_out: int
    markers: int
    markers_in_keywords: int


def leak_check(folder: RunFolder) -> LeakCheck | None:
    """Look for held-out reviews among prompts and for their words among keywords; None where nothing was annotated."""
    if not folder.path("annotations.parquet").exists():
        return None
    pair = ["user_id", "item_id"]
    prompts = read_table(folder.path("annotations.parquet"), ANNOTATIONS, [*pair, "kind"]).filter(kind="subjective")
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS, [*pair, "split", "review_text"])
    train, held_out = rows.filter(split="train"), rows.filter(pl.col("split") != "train")
    facts = read_table(folder.path("items.parquet"), ITEMS).select(
        text=pl.concat_str("name", pl.col("categories").list.join(" "), "attributes", "description", separator=" ")
    )
    allowed = pl.concat([_words(train["review_text"]), _words(facts["text"])])
    markers = _words(held_out["review_text"]).filter(~pl.col("word").is_in(allowed["word"].implode()))
    vocabulary = read_table(folder.path("vocabulary.parquet"), VOCABULARY)
    of_keywords = pl.concat([_words(vocabulary["keyword"]), _words(vocabulary["members"].explode())])
    return {
        "review_prompts": prompts.height,
        "from_held_out": prompts.join(train, on=pair, how="anti").height,
        "markers": markers.height,
        "markers_in_keywords": markers.join(of_keywords, on="word", how="semi").height,
    }


def _words(texts: pl.Series) -> pl.DataFrame:
    """Distinct words, in lower case."""
    return (
        texts.drop_nulls()
        .cast(pl.String)
        .str.to_lowercase()
        .str.extract_all(_WORD)
        .explode()
        .drop_nulls()
        .unique()
        .to_frame("word")
    )
