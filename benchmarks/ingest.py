"""CSV to canonical tables: rows per second and peak memory of the ingest step, beside Polars copying the same CSV.

    .venv/bin/python benchmarks/ingest.py --interactions 10_000_000 [--json]

Generates a world (ratings with texts, items) once below --folder, then runs, each in a process of its own: Polars
reading the ratings and writing them as one Parquet file, and the ingest step. Memory is the peak resident size.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from storage.run_folder import RunFolder
from storage.settings.datasets import DatasetSettings
from storage.settings.table import TableSettings
from tasks.steps.ingest import IngestSettings
from tasks.steps.ingest import ingest as ingest_step

ROOT = Path(__file__).resolve().parent.parent
CHUNK = 1_000_000
PHRASES = 5_000


def generate(folder: Path, interactions: int, users: int, items: int, seed: int) -> tuple[Path, Path]:
    """A world as two CSV files, kept for the next run; popular items are rated more, texts have 10 to 22 words."""
    ratings, facts = folder / f"ratings-{interactions}-{users}-{items}.csv", folder / f"items-{items}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    words = np.array([f"word{number}" for number in range(2_000)])
    phrases = pl.Series([" ".join(rng.choice(words, rng.integers(5, 12))) for _ in range(PHRASES)])
    if not facts.exists():
        drawn = rng.integers(0, PHRASES, items)
        pl.DataFrame({"item_id": range(items)}).select(
            pl.format("i{}", "item_id").alias("item_id"),
            pl.format("Item {}", "item_id").alias("name"),
            pl.format("c{}|d{}", pl.col("item_id") % 17, pl.col("item_id") % 101).alias("categories"),
            phrases[drawn].alias("description"),
        ).write_csv(facts)
    if not ratings.exists():
        part = ratings.with_suffix(".part")
        with part.open("wb") as file:
            for start in range(0, interactions, CHUNK):
                n = min(CHUNK, interactions - start)
                pl.DataFrame(
                    {
                        "user_id": rng.integers(0, users, n),
                        "item_id": (items * rng.random(n) ** 2).astype(np.int64),
                        "rating": rng.integers(1, 6, n),
                        "timestamp": rng.integers(1_000_000_000, 1_700_000_000, n),
                    }
                ).with_columns(
                    pl.format("u{}", "user_id").alias("user_id"),
                    pl.format("i{}", "item_id").alias("item_id"),
                    review_text=pl.concat_str(
                        phrases[rng.integers(0, PHRASES, n)], phrases[rng.integers(0, PHRASES, n)], separator=", "
                    ),
                ).write_csv(file, include_header=start == 0)
        part.rename(ratings)
    return ratings, facts


def copy_with_polars(ratings: Path, facts: Path, folder: Path) -> int:
    """The peer: the same CSV to one Parquet file, nothing checked, joined or split."""
    pl.scan_csv(ratings).sink_parquet(folder / "copy.parquet", compression="zstd")
    return 0


def ingest(ratings: Path, facts: Path, folder: Path) -> int:
    """The step as the pipeline runs it; returns how many interactions it kept."""
    table = TableSettings(interactions=str(ratings), items=str(facts))
    dataset = DatasetSettings(name="benchmark", adapter="table", like_threshold=3, table=table)
    summary = ingest_step.function(RunFolder(folder / "run"), IngestSettings(dataset=dataset))
    return int(str(summary["interactions"]))


def measure(work: Callable[[Path, Path, Path], int], *paths: Path) -> tuple[float, float, int]:
    """Seconds, peak resident GiB and the result of `work`, run in a fresh process."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(work, paths, sending))
    process.start()
    sending.close()
    result = receiving.recv()
    process.join()
    return result


def _measured(work: Callable[..., int], paths: tuple[Path, ...], sending: object) -> None:
    started = time.monotonic()
    result = work(*paths)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sending.send((seconds, peak, result))  # type: ignore[attr-defined]


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interactions", type=int, nargs="+", default=[10_000_000])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / ".benchmark", help="takes the generated files")
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    rows = []
    for interactions in arguments.interactions:
        world = generate(arguments.folder, interactions, arguments.users, arguments.items, arguments.seed)
        scratch = arguments.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        copy_seconds, copy_peak, _ = measure(copy_with_polars, *world, scratch)
        seconds, peak, kept = measure(ingest, *world, scratch)
        shutil.rmtree(scratch)
        rows.append(
            {
                "interactions": interactions,
                "kept": kept,
                "csv_gib": round(world[0].stat().st_size / 2**30, 2),
                "rows_per_s": round(interactions / seconds),
                "seconds": round(seconds, 1),
                "peak_gib": round(peak, 2),
                "polars_copy_seconds": round(copy_seconds, 1),
                "polars_copy_peak_gib": round(copy_peak, 2),
                "times_polars_copy": round(seconds / copy_seconds, 2),
            }
        )
    if arguments.json:
        print(json.dumps(rows))
        return
    with pl.Config(tbl_cols=-1, tbl_width_chars=200, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
