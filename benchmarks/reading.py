"""What a better reading would be worth: the ensemble on the true aspects of a generated world, well and badly read.

    .venv/bin/python benchmarks/reading.py RUN [--levels 1 .9 .7 .5] [--seed 0] [--json]

RUN is a finished run of a generated world (data/sample). All that rests on keywords is fitted again on other keywords
of the same items, and the stack with it: on none, on the run's own, and on the true aspects, of which a reader of
recall r misses 1 - r, and to which a reader of precision p adds aspects of other items of the category until they are
1 - p of its keywords. Every row has AUC, log-loss and its AUC less that without keywords, with an interval over test
users.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import polars as pl

from models.fidelity.ablation import Ablation
from models.keywords.embeddings import EmbeddingSettings, SentenceEncoder
from storage.contracts import ITEMS
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.evaluation.ablation import Refit
from tasks.evaluation.knowledge_variants import misread, no_keywords, of_keywords, true_keywords
from tasks.steps.fit_ensemble import EnsembleSettings


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--levels", type=float, nargs="+", default=[1.0, 0.9, 0.7, 0.5], help="precision and recall")
    parser.add_argument("--seed", type=int, default=0, help="of what is missed and made up")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    rows = reading(RunFolder(options.run), options.levels, options.seed)
    if options.json:
        print(json.dumps(rows))
        return
    with pl.Config(tbl_rows=-1, fmt_str_lengths=80, tbl_width_chars=160):
        print(pl.DataFrame(rows))


def reading(folder: RunFolder, levels: list[float], seed: int) -> list[dict[str, object]]:
    """A row a reader."""
    true = true_keywords(folder)
    if true is None:
        raise SystemExit(f"{folder.root}: no truth_aspects.parquet, which only a generated world has; try data/sample")
    settings, encode = EnsembleSettings(), SentenceEncoder(EmbeddingSettings())
    refit = Refit.of(folder, settings)
    full, rng = refit.simulator.knowledge, np.random.default_rng(seed)
    items = read_table(folder.path("items.parquet"), ITEMS)
    categories = items.select("item_id", category=pl.col("categories").list.first())
    nothing = refit.knowing(no_keywords(full))
    ablation = Ablation(refit.pairs, nothing, choices=settings.choices(), n_resamples=500, seed=0)
    readers = {"the run's keywords": refit.features(refit.simulator.models)}
    for precision in levels:
        for recall in levels if precision == 1 else [precision]:
            read = misread(true, categories, precision, recall, rng)
            name = f"true aspects, precision {precision:g}, recall {recall:g}"
            readers[name] = refit.knowing(of_keywords(full, read, encode))
    rows = [ablation.instead("no keywords", nothing)]
    rows += [ablation.instead(name, features) for name, features in readers.items()]
    return [
        {
            "reader": row.variant,
            "AUC": round(row.auc, 4),
            "log-loss": round(row.log_loss, 4),
            "over no keywords": f"{-row.auc_lost:+.4f} ({-row.auc_lost_ci95[1]:+.4f} to {-row.auc_lost_ci95[0]:+.4f})",
        }
        for row in rows
    ]


if __name__ == "__main__":
    main()
