"""Step `curate`: answers to keywords that are supported by their source, shared by items, and counted."""

from __future__ import annotations

import polars as pl
from pydantic import JsonValue

from models.keywords.curation import Curated, CurationSettings, Mention, curate_keywords
from models.keywords.embeddings import EmbeddingSettings, SentenceEncoder
from models.reading.prompts import example_keywords
from models.reading.sanitise import clean_text
from models.reading.source_text import SourceText
from storage.contracts import ANNOTATIONS, INTERACTIONS, ITEMS, KEYWORDS, REJECTED_KEYWORDS, VOCABULARY, polars_schema
from storage.run_folder import RunFolder
from storage.tables import read_table, write_tables
from tasks.step import Summary, step

_ALL = 20_000


@step(
    version="5",
    reads=("items.parquet", "interactions.parquet", "annotations.parquet"),
    writes=("keywords.parquet", "vocabulary.parquet", "rejected_keywords.parquet"),
)
def curate(folder: RunFolder, settings: CurationSettings) -> Summary:
    """Apply the rules of models/keywords/curation.py and publish what they kept and what they removed."""
    items = read_table(folder.path("items.parquet"), ITEMS)
    annotations = read_table(folder.path("annotations.parquet"), ANNOTATIONS)
    train = read_table(folder.path("interactions.parquet"), INTERACTIONS).filter(pl.col("split") == "train")
    mentions = read_mentions(items, train, annotations)
    encoder = SentenceEncoder(EmbeddingSettings())
    curated = curate_keywords(mentions, encoder, settings, example_keywords())
    keywords = pl.DataFrame(
        [
            (k.item, k.side, k.keyword, k.source, k.support, k.grounded, k.grounding, k.evidence)
            for k in curated.keywords
        ],
        schema=polars_schema(KEYWORDS),
        orient="row",
    )
    vocabulary = pl.DataFrame(
        [(word, curated.members[word], curated.document_frequency[word]) for word in curated.members],
        schema=polars_schema(VOCABULARY),
        orient="row",
    )
    rejected = pl.DataFrame(
        [(r.item, r.side, r.keyword, r.rule) for r in curated.rejected],
        schema=polars_schema(REJECTED_KEYWORDS),
        orient="row",
    )
    write_tables(
        {
            folder.path("keywords.parquet"): (keywords, KEYWORDS),
            folder.path("vocabulary.parquet"): (vocabulary, VOCABULARY),
            folder.path("rejected_keywords.parquet"): (rejected, REJECTED_KEYWORDS),
        }
    )
    return _summary(curated, keywords, annotations["item_id"].n_unique())


def read_mentions(items: pl.DataFrame, train: pl.DataFrame, annotations: pl.DataFrame) -> list[Mention]:
    """Every keyword of every usable answer with the text that its prompt showed."""
    facts = {row["item_id"]: _facts(row) for row in items.iter_rows(named=True)}
    names = dict(zip(items["item_id"], items["name"], strict=True))
    answered = annotations.filter(pl.col("status") == "ok").join(
        train.select("user_id", "item_id", "review_text"), on=["user_id", "item_id"], how="left", maintain_order="left"
    )
    mentions = []
    for row in answered.iter_rows(named=True):
        item = row["item_id"]
        source = facts[item] if row["kind"] == "objective" else SourceText(clean_text(row["review_text"] or "", _ALL))
        mentions += [
            Mention(item, row["side"], keyword, row["kind"], names[item], source, evidence)
            for keyword, evidence in zip(row["keywords"], row["evidence"], strict=True)
        ]
    return mentions


def _facts(row: dict[str, object]) -> SourceText:
    """An item's facts, one sentence each."""
    categories = row["categories"]
    listed = [str(category) for category in categories] if isinstance(categories, list) else []
    return SourceText(
        "\n".join(clean_text(str(text), _ALL) for text in (*listed, row["attributes"], row["description"]))
    )


def _summary(curated: Curated, keywords: pl.DataFrame, annotated_items: int) -> Summary:
    per_side = keywords.group_by("item_id", "side").len()
    sides = {side: per_side.filter(pl.col("side") == side) for side in ("pro", "con")}
    supported = curated.counts["mentions"] - curated.counts.get("removed_ungrounded", 0)
    summary: dict[str, JsonValue] = dict(curated.counts)
    summary |= {
        "grounded_share": round(supported / max(curated.counts["mentions"], 1), 4),
        "vocabulary": len(curated.members),
        "items_annotated": annotated_items,
        "items_with_pro": sides["pro"].height,
        "items_with_con": sides["con"].height,
        "items_with_3_pros_and_3_cons": sides["pro"]
        .filter(pl.col("len") >= 3)
        .join(sides["con"].filter(pl.col("len") >= 3), on="item_id")
        .height,
        "keywords_per_item": round(keywords.height / max(annotated_items, 1), 2),
    }
    return summary
