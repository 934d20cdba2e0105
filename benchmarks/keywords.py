"""Keywords of finished runs: aspects found against the known truth, and some drawn for a person to judge.

    .venv/bin/python benchmarks/keywords.py DATA_FOLDER ... [--draw 30] [--seed 0] [--json]

A run of the sample world has a truth. A keyword stands for the aspect, among both sides of every aspect of its place's
category, whose name or clause has the largest cosine with it, where that is at least --match; it is right where the
place truly has that aspect on the keyword's side. Precision is the share of (place, side, keyword) that are right;
recall the share of the true aspects of places with an answer that some right keyword names.

There the threshold of support by meaning (`curate.ground_similarity`) is fitted as well: of --reviews train reviews
drawn by the seed, each name of an aspect on the side of the review whose words it does not hold is a pair, true where
the review was written of that aspect. The fitted threshold is the least with a precision of --precision.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from models.keywords.category_agreement import category_agreement
from models.keywords.curation import CurationSettings, curate_keywords
from models.keywords.embeddings import EmbeddingSettings, Encode, SentenceEncoder
from models.keywords.grounding import fitted_threshold, nearest_sentences, precision_recall
from models.knowledge import Side
from models.reading.prompts import example_keywords
from models.reading.source_text import SourceText
from storage.sample.aspects import load_categories
from tasks.steps.curate import read_mentions

Row = dict[str, JsonValue]
_THRESHOLDS = np.round(np.arange(0.3, 0.96, 0.05), 2).tolist()


def main() -> None:
    """Print the figures of every folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--draw", type=int, default=30, help="keywords to draw of each run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--match", type=float, default=0.6, help="least cosine of a keyword with the aspect it names")
    parser.add_argument("--reviews", type=int, default=10_000, help="reviews to fit the threshold on")
    parser.add_argument("--precision", type=float, default=0.9, help="precision asked of support by meaning")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    encode = SentenceEncoder(EmbeddingSettings())
    found: dict[str, Row] = {}
    for folder in options.folders:
        figures: Row = {"coverage": coverage(folder)}
        if (folder / "truth_aspects.parquet").exists():
            figures["truth"] = list(truth(folder, encode, options.match))
            figures["threshold"] = threshold(folder, encode, options.reviews, options.precision, options.seed)
        figures["drawn"] = list(drawn(folder, options.draw, options.seed))
        found[str(folder)] = figures
    if options.json:
        print(json.dumps(found))
        return
    for name, figures in found.items():
        print(f"== {name}")
        for title, value in figures.items():
            rows = value if isinstance(value, list) else [value]
            print(f"{title}:")
            for row in rows:
                print(
                    "  " + "  ".join(f"{key} {shown}" for key, shown in row.items()) if isinstance(row, dict) else row
                )


def coverage(folder: Path) -> Row:
    """Counts of a run's prompts and keywords."""
    asked = pl.read_parquet(folder / "annotations.parquet")
    kept = pl.read_parquet(folder / "keywords.parquet")
    items = asked["item_id"].n_unique()
    sides = kept.group_by("item_id", "side").len().filter(pl.col("len") >= 3)
    listed = pl.read_parquet(folder / "items.parquet").select("item_id", "categories").iter_rows()
    rows = kept.select("item_id", "side", "keyword").iter_rows()
    agreement = category_agreement(rows, {item: names for item, names in listed if names})
    return {
        "prompts": asked.height,
        "valid": round(int((asked["status"] == "ok").sum()) / asked.height, 4),
        "keywords": kept.height,
        "grounded": round(int(kept["grounded"].sum()) / max(1, kept.height), 4),
        "vocabulary": kept["keyword"].n_unique(),
        "items asked about": items,
        "keywords per item": round(kept.height / items, 2),
        "items with a pro": kept.filter(pl.col("side") == "pro")["item_id"].n_unique(),
        "items with a con": kept.filter(pl.col("side") == "con")["item_id"].n_unique(),
        "items with 3 pros and 3 cons": sides.group_by("item_id").len().filter(pl.col("len") == 2).height,
        "items that tell of categories": agreement.items if agreement else 0,
        "categories agree": round(agreement.share, 3) if agreement else None,
        "by chance": round(agreement.by_chance, 3) if agreement else None,
    }


def truth(folder: Path, encode: Encode, match: float) -> list[Row]:
    """Precision and recall of aspects before curation and after it, with and without support by meaning."""
    items, annotations, train = _tables(folder)
    true = set(pl.read_parquet(folder / "truth_aspects.parquet").select("item_id", "aspect", "side").iter_rows())
    answered = set(annotations.filter(pl.col("status") == "ok")["item_id"])
    true = {row for row in true if row[0] in answered}
    category = {row["item_id"]: row["categories"][0].lower() for row in items.iter_rows(named=True)}
    mentions = read_mentions(items, train, annotations)
    named = _Aspects(encode, match)

    def row(title: str, keywords: set[tuple[int, Side, str]]) -> Row:
        found = [(item, named.nearest(keyword, category[item]), side) for item, side, keyword in sorted(keywords)]
        right = [one for one in found if one in true]
        return {
            "of": title,
            "keywords": len(keywords),
            "precision": round(len(right) / max(1, len(keywords)), 3),
            "recall": round(len(set(right)) / max(1, len(true)), 3),
        }

    rows = [row("before curation", {(m.item, m.side, m.keyword) for m in mentions})]
    for title, settings in (
        ("after curation", CurationSettings()),
        ("after curation by words alone", CurationSettings(ground_similarity=None)),
    ):
        curated = curate_keywords(mentions, encode, settings, example_keywords())
        rows.append(row(title, {(k.item, k.side, k.keyword) for k in curated.keywords}))
    return rows


def threshold(folder: Path, encode: Encode, reviews: int, least_precision: float, seed: int) -> Row:
    """The fitted threshold of support by meaning, with its curve."""
    items, _, train = _tables(folder)
    kinds = {kind.noun: kind for kind in load_categories()}
    texts = train.filter(pl.col("review_text").is_not_null()).join(items.select("item_id", "categories"), on="item_id")
    texts = texts.sort("user_id", "item_id")
    pairs: list[tuple[str, Side, SourceText]] = []
    said = []
    for row in texts[np.random.default_rng(seed).permutation(texts.height)[:reviews]].iter_rows(named=True):
        source = SourceText(row["review_text"])
        side: Side = "pro" if row["like"] else "con"
        for aspect in kinds[row["categories"][0].lower()].aspects:
            name, clauses = (aspect.pro, aspect.pro_clauses) if side == "pro" else (aspect.con, aspect.con_clauses)
            if source.support(name).share < 1:
                pairs.append((name, side, source))
                said.append(any(clause.lower() in row["review_text"].lower() for clause in clauses))
    cosines = np.array([nearest.cosine for nearest in nearest_sentences(pairs, encode)], dtype=np.float32)
    curve = precision_recall(cosines, np.array(said), _THRESHOLDS)
    return {
        "fitted": fitted_threshold(curve, least_precision),
        "used": CurationSettings().ground_similarity,
        "pairs": len(pairs),
        "true": sum(said),
        "curve": [
            {
                "from": p.threshold,
                "admitted": p.admitted,
                "precision": round(p.precision, 3),
                "recall": round(p.recall, 3),
            }
            for p in curve
        ],
    }


def _tables(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Items, annotations and train interactions."""
    items, annotations, interactions = (
        pl.read_parquet(folder / f"{name}.parquet") for name in ("items", "annotations", "interactions")
    )
    return items, annotations, interactions.filter(pl.col("split") == "train")


class _Aspects:
    """The aspect that a keyword names, if any."""

    def __init__(self, encode: Encode, match: float) -> None:
        self._encode, self._match = encode, match
        self._names: dict[str, list[str]] = {}
        self._vectors: dict[str, NDArray[np.float32]] = {}
        for kind in load_categories():
            said = [
                (name, text)
                for a in kind.aspects
                for name, clauses in ((a.pro, a.pro_clauses), (a.con, a.con_clauses))
                for text in (name, *clauses)
            ]
            self._names[kind.noun] = [name for name, _ in said]
            self._vectors[kind.noun] = encode([text for _, text in said])
        self._known: dict[tuple[str, str], str | None] = {}

    def nearest(self, keyword: str, category: str) -> str | None:
        """Name of the aspect's side, None where nothing is near enough."""
        key = (keyword, category)
        if key not in self._known:
            cosines = self._vectors[category] @ self._encode([keyword])[0]
            best = int(np.argmax(cosines))
            self._known[key] = self._names[category][best] if cosines[best] >= self._match else None
        return self._known[key]


def drawn(folder: Path, number: int, seed: int) -> list[Row]:
    """Keywords drawn by the seed, with what they rest on."""
    names = pl.read_parquet(folder / "items.parquet").select("item_id", "name")
    rows = pl.read_parquet(folder / "keywords.parquet").join(names, on="item_id").sort("item_id", "side", "keyword")
    chosen = np.sort(np.random.default_rng(seed).permutation(rows.height)[:number])
    return [
        {"side": row["side"], "keyword": row["keyword"], "item": row["name"], "evidence": row["evidence"]}
        for row in rows[chosen].iter_rows(named=True)
    ]


if __name__ == "__main__":
    main()
