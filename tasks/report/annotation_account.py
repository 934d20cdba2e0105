"""What the language model was asked, what it answered and what curation kept, counted from the run's tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from models.keywords.category_agreement import CategoryAgreement, category_agreement
from storage.contracts import ANNOTATIONS, ITEMS, KEYWORDS, REJECTED_KEYWORDS, VOCABULARY, Contract
from storage.run_folder import RunFolder
from storage.tables import read_table

_SAMPLE_ITEMS, _SAMPLE_KEYWORDS = 8, 3
_MANY = 3
_FEWEST_TOLD = 20
_BOTH = "pro and con"


@dataclass(frozen=True)
class PromptCounts:
    """Prompts of one kind and side; side is `pro and con` where each asked for both."""

    kind: str
    side: str
    prompts: int
    failed: int
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class SampleKeyword:
    """A keyword, the words that it rests on ('' where none) and whether the source text supports it."""

    keyword: str
    evidence: str
    grounded: bool


@dataclass(frozen=True)
class SampleItem:
    """Some keywords of an item."""

    name: str
    pros: tuple[SampleKeyword, ...]
    cons: tuple[SampleKeyword, ...]


@dataclass(frozen=True)
class AnnotationAccount:
    """Counts of the steps annotate and curate; the fields of curate are 0 or empty where it was not run.

    Parameters
    ----------
    models
        Names of the models that answered.
    prompts
        By kind and side.
    failures
        Pairs (reason, prompts), most frequent first.
    proposed
        Keywords in all answers, repeats included.
    kept, grounded_share, vocabulary
        (item, side, keyword) rows after curation, the share of them that the source text supports, distinct
        keywords.
    pros_per_item, cons_per_item
        Means over all items.
    covered
        Shares of items with a keyword, with a pro, with a con.
    well_covered
        Share of items with at least three pros and three cons.
    agreeing
        Whether the keywords suit the categories of their items (models/keywords/category_agreement.py); None where
        they tell of
        fewer than 20 items.
    rejected
        Pairs (rule, keywords), most frequent first.
    sample
        Items at even distances among those with keywords: not chosen for looking good.
    """

    models: tuple[str, ...]
    prompts: tuple[PromptCounts, ...]
    failures: tuple[tuple[str, int], ...]
    proposed: int
    kept: int
    grounded_share: float
    vocabulary: int
    pros_per_item: float
    cons_per_item: float
    covered: tuple[float, float, float]
    well_covered: float
    agreeing: CategoryAgreement | None
    rejected: tuple[tuple[str, int], ...]
    sample: tuple[SampleItem, ...]

    @property
    def asked(self) -> int:
        """All prompts."""
        return sum(counts.prompts for counts in self.prompts)

    @property
    def failed(self) -> int:
        """Prompts without a usable answer."""
        return sum(counts.failed for counts in self.prompts)


def annotation_account(folder: RunFolder) -> AnnotationAccount | None:
    """The account of a run, None where nothing was annotated."""
    annotations = _table(folder, "annotations.parquet", ANNOTATIONS)
    items = _table(folder, "items.parquet", ITEMS)
    if annotations is None or items is None:
        return None
    keywords = _table(folder, "keywords.parquet", KEYWORDS)
    vocabulary = _table(folder, "vocabulary.parquet", VOCABULARY)
    rejected = _table(folder, "rejected_keywords.parquet", REJECTED_KEYWORDS)
    prompts = _by_prompt(annotations)
    failed = prompts.filter(pl.col("status") == "failed")
    n_items = max(1, items.height)
    kept = keywords if keywords is not None else pl.DataFrame(schema={"item_id": pl.Int64, "side": pl.String})
    pros, cons = (kept.filter(pl.col("side") == side) for side in ("pro", "con"))
    return AnnotationAccount(
        models=tuple(annotations["model"].unique().sort().to_list()),
        prompts=_prompts(prompts),
        failures=_counts(failed, "reason"),
        proposed=int(annotations["keywords"].list.len().sum()),
        kept=kept.height,
        grounded_share=int(keywords["grounded"].sum()) / max(1, kept.height) if keywords is not None else 0.0,
        vocabulary=vocabulary.height if vocabulary is not None else 0,
        pros_per_item=pros.height / n_items,
        cons_per_item=cons.height / n_items,
        covered=(
            kept["item_id"].n_unique() / n_items,
            pros["item_id"].n_unique() / n_items,
            cons["item_id"].n_unique() / n_items,
        ),
        well_covered=len(_many(pros) & _many(cons)) / n_items,
        agreeing=_agreeing(kept, items) if keywords is not None else None,
        rejected=_counts(rejected, "rule") if rejected is not None else (),
        sample=_sample(keywords, items) if keywords is not None else (),
    )


def _many(keywords: pl.DataFrame) -> set[int]:
    """Items with at least three of the keywords."""
    return set(keywords.group_by("item_id").len().filter(pl.col("len") >= _MANY)["item_id"])


def _agreeing(keywords: pl.DataFrame, items: pl.DataFrame) -> CategoryAgreement | None:
    listed = items.select("item_id", "categories").iter_rows()
    rows = keywords.select("item_id", "side", "keyword").iter_rows()
    found = category_agreement(rows, {item: names for item, names in listed if names})
    return found if found is not None and found.items >= _FEWEST_TOLD else None


def _table(folder: RunFolder, name: str, contract: Contract) -> pl.DataFrame | None:
    path = folder.path(name)
    return read_table(path, contract) if path.exists() else None


def _by_prompt(annotations: pl.DataFrame) -> pl.DataFrame:
    """A row a prompt: one that asked for both sides has two rows in the table, of which the first counts tokens."""
    return annotations.group_by("item_id", "user_id", "kind", "prompt_hash", "status", "reason").agg(
        pl.when(pl.len() == 2).then(pl.lit(_BOTH)).otherwise(pl.col("side").first()).alias("side"),
        pl.col("prompt_tokens", "output_tokens").cast(pl.Int64).sum(),
    )


def _prompts(prompts: pl.DataFrame) -> tuple[PromptCounts, ...]:
    counts = (
        prompts.group_by("kind", "side")
        .agg(
            pl.len().alias("prompts"),
            (pl.col("status") == "failed").sum().alias("failed"),
            pl.col("prompt_tokens", "output_tokens").sum(),
        )
        .sort("kind", pl.col("side") == "con")
    )
    return tuple(PromptCounts(*row) for row in counts.iter_rows())


def _counts(frame: pl.DataFrame, column: str) -> tuple[tuple[str, int], ...]:
    counted = frame.select(pl.col(column).fill_null("no reason given")).group_by(column).len()
    return tuple(counted.sort(["len", column], descending=[True, False]).iter_rows())


def _sample(keywords: pl.DataFrame, items: pl.DataFrame) -> tuple[SampleItem, ...]:
    known = keywords["item_id"].unique().sort().to_numpy()
    if not len(known):
        return ()
    chosen = known[np.unique(np.linspace(0, len(known) - 1, _SAMPLE_ITEMS).round().astype(int))]
    names = dict(items.select("item_id", "name").iter_rows())
    return tuple(
        SampleItem(names.get(item, str(item)), _keywords(keywords, item, "pro"), _keywords(keywords, item, "con"))
        for item in chosen.tolist()
    )


def _keywords(keywords: pl.DataFrame, item: int, side: str) -> tuple[SampleKeyword, ...]:
    rows = (
        keywords.filter((pl.col("item_id") == item) & (pl.col("side") == side))
        .sort(["support", "keyword"], descending=[True, False])
        .head(_SAMPLE_KEYWORDS)
        .select("keyword", "evidence", "grounded")
    )
    return tuple(SampleKeyword(*row) for row in rows.iter_rows())
