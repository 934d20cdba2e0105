"""Which prompts are asked: items by popularity, then a few informative train reviews of each, under a cap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from models.reading.prompts import (
    ItemFacts,
    Prompt,
    PromptSettings,
    Review,
    objective_prompt,
    objective_questions,
    subjective_prompt,
)

_INFORMATIVE = (120, 1200)
_MOST_EMPTY = 5_000  # reviews in a row without content, after which a capped plan looks for no more


class PlanSettings(BaseModel):
    """Which prompts are asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_prompts: int | None = Field(default=None, ge=2, description="Most prompts in all; null asks all there are")
    subjective_share: float = Field(default=0.45, ge=0, le=1, description="Share of a capped plan kept for reviews")
    max_reviews_per_item: int = Field(
        default=8, ge=0, description="Reviews read of an item, likes and dislikes in turn"
    )
    min_review_characters: int = Field(default=15, ge=1, description="Shorter reviews are not read")
    seed: int = Field(default=1, ge=0, description="Seed of the order among equally informative reviews")


@dataclass(frozen=True)
class PlannedPrompt:
    """A prompt and the row that it reads: an item and, for a review, its user."""

    item: int
    user: int | None
    prompt: Prompt


@dataclass(frozen=True)
class Plan:
    """Prompts in the order of asking, and how much there was to choose from.

    Parameters
    ----------
    reviews_available
        Train reviews chosen by `max_reviews_per_item`.
    reviews_without_content
        Those of them that were looked at and hold nothing that a small model could answer.
    """

    prompts: list[PlannedPrompt]
    items_without_facts: int
    reviews_available: int
    reviews_without_content: int


def plan_prompts(
    items: pl.DataFrame, train: pl.DataFrame | pl.LazyFrame, settings: PlanSettings, wording: PromptSettings
) -> Plan:
    """Choose and word the prompts.

    Of a scan, the choice holds some bytes a row; texts are read of the chosen rows only.

    Parameters
    ----------
    items
        The items table.
    train
        Interactions of the train split only; no other review may reach a prompt.
    settings
        Cap and choice.
    wording
        Style, noun and text budgets.

    Raises
    ------
    ValueError
        Where `train` holds rows of another split.
    """
    rows = train.lazy()
    splits = rows.select(pl.col("split").unique()).collect(engine="streaming")["split"]
    if foreign := set(splits) - {"train"}:
        raise ValueError(f"prompts may read train rows only, found {sorted(foreign)}")
    facts = {
        row["item_id"]: ItemFacts(row["name"], row["attributes"], tuple(row["categories"]), row["description"])
        for row in items.iter_rows(named=True)
    }
    measured = _measured(rows, settings)
    by_popularity = (
        items.select("item_id")
        .join(measured.group_by("item_id").len("popularity"), on="item_id", how="left")
        .sort(pl.col("popularity").fill_null(0), "item_id", descending=[True, False])
        .with_row_index("place")
        .select("item_id", "place")
    )
    chosen = _chosen(measured, by_popularity, settings)
    del measured
    reviews = _with_texts(rows, chosen)
    skipped = Counter[str]()
    objective = _objective(by_popularity["item_id"].to_list(), facts, wording)
    subjective = _subjective(reviews, facts, wording, skipped, None if settings.max_prompts is None else _MOST_EMPTY)
    return Plan(
        prompts=_capped(objective, subjective, settings),
        items_without_facts=sum(not _has_facts(one) for one in facts.values()),
        reviews_available=reviews.height,
        reviews_without_content=skipped["review"],
    )


def _capped(
    objective: Iterator[PlannedPrompt], subjective: Iterator[PlannedPrompt], settings: PlanSettings
) -> list[PlannedPrompt]:
    """Objective prompts, then subjective ones; what one kind leaves of its share the other takes.

    Under a cap only so many are worded as are asked.
    """
    cap = settings.max_prompts
    if cap is None:
        return [*objective, *subjective]
    reviews = list(islice(subjective, int(cap * settings.subjective_share)))
    items = list(islice(objective, cap - len(reviews)))
    return [*items, *reviews, *islice(subjective, cap - len(items) - len(reviews))]


def _has_facts(facts: ItemFacts) -> bool:
    return bool(facts.categories or facts.attributes or facts.description)


def _measured(train: pl.LazyFrame, settings: PlanSettings) -> pl.DataFrame:
    """What the choice needs to know of each row: item_id, like, and of its review whether it is there and informative.

    Texts are measured as they stream by: the frame has a few bytes a row.
    """
    length = pl.col("review_text").str.len_chars()
    return train.select(
        pl.col("item_id").cast(pl.Int32),
        "like",
        readable=(length >= settings.min_review_characters).fill_null(value=False),
        informative=length.is_between(*_INFORMATIVE),
    ).collect(engine="streaming")


def _chosen(measured: pl.DataFrame, by_popularity: pl.DataFrame, settings: PlanSettings) -> pl.DataFrame:
    """Rows to read: the first of every item, popular items first, then the second of every item, and so on."""
    draw = np.random.default_rng(settings.seed).permutation(measured.height)
    return (
        measured.with_row_index("row")
        .with_columns(pl.Series("draw", draw, dtype=pl.UInt32))
        .filter("readable")
        .drop("readable")
        .sort("item_id", "like", pl.col("informative").not_(), "draw")
        .drop("informative", "draw")
        # The first review of every other item is a dislike, so that both sides are heard under any cap.
        .join(by_popularity, on="item_id")
        .with_columns(
            turn=2 * pl.int_range(pl.len()).over("item_id", "like") + (pl.col("like") ^ (pl.col("place") % 2 == 1))
        )
        .sort("item_id", "turn")
        .with_columns(rank=pl.int_range(pl.len()).over("item_id"))
        .filter(pl.col("rank") < settings.max_reviews_per_item)
        .select("row", "rank", "place")
    )


def _with_texts(train: pl.LazyFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    """user_id, item_id, rating, like and review_text of the chosen rows, in the order of reading."""
    return (
        train.select("user_id", "item_id", "rating", "like", "review_text")
        .with_row_index("row")
        .join(chosen.lazy(), on="row")
        .collect(engine="streaming")
        .sort("rank", "place")
        .drop("row")
    )


def _objective(items: list[int], facts: dict[int, ItemFacts], wording: PromptSettings) -> Iterator[PlannedPrompt]:
    """Both sides of an item, apart or at once, as far as its facts give a small model something to choose from."""
    for item in items:
        if not _has_facts(facts[item]):
            continue
        for side in objective_questions(wording):
            prompt = objective_prompt(facts[item], side, wording)
            if prompt.askable:
                yield PlannedPrompt(item, None, prompt)


def _subjective(
    reviews: pl.DataFrame,
    facts: dict[int, ItemFacts],
    wording: PromptSettings,
    skipped: Counter[str],
    most_empty: int | None,
) -> Iterator[PlannedPrompt]:
    """A prompt a review; where a small model finds no phrase in it, it is skipped and counted.

    Ends after `most_empty` such reviews in a row: texts that nothing is known of would all be worded for nothing.
    """
    in_a_row = 0
    for row in reviews.iter_rows(named=True):
        review = Review(row["rating"], row["like"], row["review_text"])
        prompt = subjective_prompt(facts[row["item_id"]], review, wording)
        if prompt.askable:
            in_a_row = 0
            yield PlannedPrompt(row["item_id"], row["user_id"], prompt)
            continue
        skipped["review"] += 1
        in_a_row += 1
        if in_a_row == most_empty:
            return
