"""Which prompts are asked: items by popularity, then a few informative train reviews of each, under a cap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from models.prompts import ItemFacts, Prompt, PromptSettings, Review, objective_prompt, subjective_prompt

_INFORMATIVE = (120, 1200)


class PlanSettings(BaseModel):
    """Which prompts are asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_prompts: int | None = Field(default=None, ge=2, description="Most prompts in all; null asks all there are")
    subjective_share: float = Field(default=0.45, ge=0, le=1, description="Share of a capped plan kept for reviews")
    max_reviews_per_item: int = Field(
        default=4, ge=0, description="Reviews read of an item, likes and dislikes in turn"
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
    """Prompts in the order of asking, and how much there was to choose from."""

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
    told = [item for item in by_popularity["item_id"].to_list() if _has_facts(facts[item], wording)]
    n_objective, n_subjective = _shares(2 * len(told), reviews.height, settings)
    objective = list(_objective(told[: n_objective // 2], facts, wording))
    subjective: list[PlannedPrompt] = []
    without_content = 0
    for planned in _subjective(reviews, facts, wording):
        if planned is None:
            without_content += 1
        elif len(subjective) < n_subjective:
            subjective.append(planned)
    return Plan(
        prompts=objective + subjective,
        items_without_facts=len(facts) - len(told),
        reviews_available=reviews.height,
        reviews_without_content=without_content,
    )


def _shares(objective: int, subjective: int, settings: PlanSettings) -> tuple[int, int]:
    """Numbers of objective (even: a pair an item) and subjective prompts under the cap."""
    if settings.max_prompts is None:
        return objective, subjective
    reserved = min(subjective, int(settings.max_prompts * settings.subjective_share))
    objective = min(objective, (settings.max_prompts - reserved) // 2 * 2)
    return objective, min(subjective, settings.max_prompts - objective)


def _has_facts(facts: ItemFacts, wording: PromptSettings) -> bool:
    known = bool(facts.categories or facts.attributes or facts.description)
    return known and objective_prompt(facts, "pro", wording).askable


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
        # Dislikes are the rarer voice, so that they come first in each pair.
        .with_columns(turn=2 * pl.int_range(pl.len()).over("item_id", "like") + pl.col("like").cast(pl.Int64))
        .sort("item_id", "turn")
        .with_columns(rank=pl.int_range(pl.len()).over("item_id"))
        .filter(pl.col("rank") < settings.max_reviews_per_item)
        .select("row", "rank", pl.col("item_id").cast(pl.Int64))
        .join(by_popularity, on="item_id")
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


def _objective(chosen: list[int], facts: dict[int, ItemFacts], wording: PromptSettings) -> Iterator[PlannedPrompt]:
    for item in chosen:
        for side in ("pro", "con"):
            yield PlannedPrompt(item, None, objective_prompt(facts[item], side, wording))


def _subjective(
    reviews: pl.DataFrame, facts: dict[int, ItemFacts], wording: PromptSettings
) -> Iterator[PlannedPrompt | None]:
    """A prompt a review; None where a small model finds no phrase in it."""
    for row in reviews.iter_rows(named=True):
        review = Review(row["rating"], row["like"], row["review_text"])
        prompt = subjective_prompt(facts[row["item_id"]], review, wording)
        yield PlannedPrompt(row["item_id"], row["user_id"], prompt) if prompt.askable else None
