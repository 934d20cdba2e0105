"""Keywords of finished runs: aspects found against the known truth, and some drawn for a person to judge.

    .venv/bin/python benchmarks/keywords.py DATA_FOLDER ... [--draw 30] [--seed 0] [--curve 0.4 0.6 0.8]

A run of the sample world has a truth. A keyword stands for the aspect, among both sides of every aspect of its place's
category, whose name or clause has the largest cosine with it, where that is at least --match; it is right where the
place truly has that aspect on the keyword's side. Precision is the share of (place, side, keyword) that are right;
recall the share of the true aspects of places with an answer that some right keyword names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.embeddings import EmbeddingSettings, SentenceEncoder
from models.keywords import CurationSettings, curate_keywords
from models.prompts import example_keywords
from storage.sample_aspects import load_categories
from tasks.curate import read_mentions


def main() -> None:
    """Print the figures of every folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--draw", type=int, default=30, help="keywords to draw of each run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--match", type=float, default=0.6, help="least cosine of a keyword with the aspect it names")
    parser.add_argument("--curve", type=float, nargs="*", default=[0.4, 0.6, 0.8], help="ground_similarity")
    options = parser.parse_args()
    encoder = SentenceEncoder(EmbeddingSettings())
    for folder in options.folders:
        print(f"== {folder.name}")
        _coverage(folder)
        if (folder / "truth_aspects.parquet").exists():
            _truth(folder, encoder, options.match, options.curve)
        _draw(folder, options.draw, options.seed)


def _coverage(folder: Path) -> None:
    asked = pl.read_parquet(folder / "annotations.parquet")
    kept = pl.read_parquet(folder / "keywords.parquet")
    items = asked["item_id"].n_unique()
    sides = kept.group_by("item_id", "side").len().filter(pl.col("len") >= 3)
    both = sides.group_by("item_id").len().filter(pl.col("len") == 2).height
    valid = int((asked["status"] == "ok").sum()) / asked.height
    grounded = int(kept["grounded"].sum()) / max(1, kept.height)
    print(
        f"prompts {asked.height}, valid {valid:.2%}, keywords {kept.height}, grounded {grounded:.2%}, "
        f"vocabulary {kept['keyword'].n_unique()}, keywords per item asked about {kept.height / items:.2f}, "
        f"{both} of {items} with 3 pros and 3 cons"
    )


def _truth(folder: Path, encoder: SentenceEncoder, match: float, curve: list[float]) -> None:
    items = pl.read_parquet(folder / "items.parquet")
    annotations = pl.read_parquet(folder / "annotations.parquet")
    train = pl.read_parquet(folder / "interactions.parquet").filter(pl.col("split") == "train")
    true = set(pl.read_parquet(folder / "truth_aspects.parquet").select("item_id", "aspect", "side").iter_rows())
    answered = set(annotations.filter(pl.col("status") == "ok")["item_id"])
    true = {row for row in true if row[0] in answered}
    category = {row["item_id"]: row["categories"][0].lower() for row in items.iter_rows(named=True)}
    mentions = read_mentions(items, train, annotations)
    named = _Aspects(encoder, match)

    def show(title: str, rows: set[tuple[int, str, str]]) -> None:
        found = [(item, named.nearest(keyword, category[item]), side) for item, side, keyword in sorted(rows)]
        right = [row for row in found if row in true]
        print(
            f"  {title:<30} keywords {len(rows):>5}  precision {len(right) / max(1, len(rows)):.3f}  "
            f"recall {len(set(right)) / max(1, len(true)):.3f}"
        )

    show("before curation", {(m.item, m.side, m.keyword) for m in mentions})
    for threshold in (CurationSettings().ground_similarity, *sorted(set(curve))):
        settings = CurationSettings(ground_similarity=threshold)
        curated = curate_keywords(mentions, encoder, settings, example_keywords())
        used = " (default)" if settings == CurationSettings() else ""
        title = "by words only" if threshold is None else f"ground_similarity {threshold:g}"
        show(f"{title}{used}", {(k.item, k.side, k.keyword) for k in curated.keywords})


class _Aspects:
    """The aspect that a keyword names, if any."""

    def __init__(self, encoder: SentenceEncoder, match: float) -> None:
        self._encoder, self._match = encoder, match
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
            self._vectors[kind.noun] = encoder([text for _, text in said])
        self._known: dict[tuple[str, str], str | None] = {}

    def nearest(self, keyword: str, category: str) -> str | None:
        """Name of the aspect's side, None where nothing is near enough."""
        key = (keyword, category)
        if key not in self._known:
            cosines = self._vectors[category] @ self._encoder([keyword])[0]
            best = int(np.argmax(cosines))
            self._known[key] = self._names[category][best] if cosines[best] >= self._match else None
        return self._known[key]


def _draw(folder: Path, number: int, seed: int) -> None:
    names = pl.read_parquet(folder / "items.parquet").select("item_id", "name")
    rows = pl.read_parquet(folder / "keywords.parquet").sort("item_id", "side", "keyword").join(names, on="item_id")
    rows = rows.sort("item_id", "side", "keyword")
    chosen = np.sort(np.random.default_rng(seed).permutation(rows.height)[:number])
    for row in rows[chosen].iter_rows(named=True):
        print(f"  {row['side']}  {row['keyword']:<28} {row['name'][:36]:<36}  {row['evidence'][:90]}")


if __name__ == "__main__":
    main()
