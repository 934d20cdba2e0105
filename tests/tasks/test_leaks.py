"""Held-out rows reach nothing that is learnt: what is planted in them changes no artefact but their own table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from models.prompts import PromptSettings
from models.sasrec import SASRecSettings
from storage.datasets import DatasetSettings
from storage.files import content_hash
from storage.run_folder import RunFolder, Split
from storage.sample_world import SampleWorldSettings, generate
from storage.table_settings import TableSettings
from storage.tables import INTERACTIONS, ITEMS, KEYWORDS, VOCABULARY, polars_schema, read_table, write_table
from tasks.embed import EmbeddingSettings, embed
from tasks.fit_ensemble import EnsembleSettings, fit_ensemble
from tasks.ingest import IngestSettings, ingest
from tasks.prompt_plan import PlanSettings, plan_prompts
from tasks.train_sasrec import train_sasrec

MARKER = "zzqleak"
ONE_EPOCH = SASRecSettings(width=8, heads=2, blocks=1, max_history=20, max_epochs=1)


@pytest.fixture(scope="module")
def world() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ratings and items of a small generated world, as a user would bring them."""
    made = generate(SampleWorldSettings(users=40, items=30, ratings_per_user=12), 3, seed=5)
    items = made.items.with_columns(pl.col("categories").list.join("|"))
    return made.interactions, items


def ingested(root: Path, ratings: pl.DataFrame, items: pl.DataFrame, split: Split) -> RunFolder:
    root.mkdir(parents=True)
    ratings.write_csv(root / "ratings.csv")
    items.write_csv(root / "items.csv")
    table = TableSettings(interactions=str(root / "ratings.csv"), items=str(root / "items.csv"))
    dataset = DatasetSettings(name="own", adapter="table", like_threshold=3, split=split, table=table)
    folder = RunFolder(root / "run")
    ingest.function(folder, IngestSettings(dataset=dataset))
    return folder


def planted(
    ratings: pl.DataFrame, folder: RunFolder, changes: Mapping[str, pl.Expr], splits: list[str]
) -> pl.DataFrame:
    """The source's ratings with some columns changed in the held-out rows of a run."""
    rows = pl.read_parquet(folder.path("interactions.parquet"))
    users, items = (pl.read_parquet(folder.path(f"{name}.parquet")) for name in ("users", "items"))
    held_out = (
        rows.filter(pl.col("split").is_in(splits))
        .join(users.select("user_id", user="source_id"), on="user_id")
        .join(items.select("item_id", item="source_id"), on="item_id")
        .select(user_id="user", item_id="item", held=pl.lit(value=True))
    )
    marked = ratings.join(held_out, on=["user_id", "item_id"], how="left", maintain_order="left")
    changed = [pl.when("held").then(change).otherwise(name).alias(name) for name, change in changes.items()]
    return marked.with_columns(changed).drop("held")


def prompts_of(folder: RunFolder) -> str:
    items = read_table(folder.path("items.parquet"), ITEMS)
    train = read_table(folder.path("interactions.parquet"), INTERACTIONS, rows=pl.col("split") == "train")
    plan = plan_prompts(items, train, PlanSettings(), PromptSettings())
    return "\n".join(str(planned) for planned in plan.prompts)


def write_keywords(folder: RunFolder) -> None:
    """Keywords of the items' categories, as far as they stand in the items table."""
    items = read_table(folder.path("items.parquet"), ITEMS).select("item_id", "categories").explode("categories")
    rows = [(item, "pro", name.lower(), "objective", 1, True, "") for item, name in items.drop_nulls().iter_rows()]
    keywords = pl.DataFrame(rows, schema=polars_schema(KEYWORDS), orient="row")
    names = keywords["keyword"].unique().sort().to_list()
    vocabulary = pl.DataFrame([(n, [n], 1) for n in names], schema=polars_schema(VOCABULARY), orient="row")
    write_table(folder.path("keywords.parquet"), keywords, KEYWORDS)
    write_table(folder.path("vocabulary.parquet"), vocabulary, VOCABULARY)


def learnt(folder: RunFolder, *names: str) -> dict[str, str]:
    return {name: content_hash(folder.path(name)) for name in names}


@pytest.mark.parametrize("split", ["tail", "loo", "time"])
def test_texts_of_held_out_rows_reach_no_prompt_and_no_item(
    tmp_path: Path, world: tuple[pl.DataFrame, pl.DataFrame], split: Split
) -> None:
    ratings, items = world
    clean = ingested(tmp_path / "clean", ratings, items, split)
    text = pl.lit(f"{MARKER} is the most wonderful {MARKER} of all places, truly {MARKER}")
    marked = planted(ratings, clean, {"review_text": text}, ["validation", "test"])
    assert marked["review_text"].str.contains(MARKER).any()
    leaky = ingested(tmp_path / "planted", marked, items, split)
    assert MARKER not in prompts_of(leaky)
    assert prompts_of(leaky) == prompts_of(clean)
    assert learnt(leaky, "items.parquet") == learnt(clean, "items.parquet")


@pytest.mark.parametrize("split", ["tail", "time"])
def test_ratings_of_test_rows_reach_no_weight_and_no_statistic(
    tmp_path: Path, world: tuple[pl.DataFrame, pl.DataFrame], split: Split
) -> None:
    ratings, items = world
    folders = [ingested(tmp_path / "clean", ratings, items, split)]
    flipped = {"rating": 6 - pl.col("rating"), "review_text": pl.lit(MARKER)}
    folders.append(ingested(tmp_path / "flipped", planted(ratings, folders[0], flipped, ["test"]), items, split))
    hashes = []
    for folder in folders:
        write_keywords(folder)
        embed.function(folder, EmbeddingSettings())
        train_sasrec.function(folder, ONE_EPOCH.model_copy(update={"max_epochs": 3}))
        fit_ensemble.function(folder, EnsembleSettings(max_history=20, neutral_pairs=50))
        hashes.append(learnt(folder, "items.parquet", "embeddings", "sasrec", "ensemble"))
    assert hashes[0] == hashes[1]


def test_ratings_of_validation_rows_choose_among_epochs_but_train_nothing(
    tmp_path: Path, world: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    ratings, items = world
    clean = ingested(tmp_path / "clean", ratings, items, "tail")
    changed = planted(ratings, clean, {"rating": 6 - pl.col("rating")}, ["validation"])
    flipped = ingested(tmp_path / "flipped", changed, items, "tail")
    for folder in (clean, flipped):
        train_sasrec.function(folder, ONE_EPOCH)
    assert clean.path("interactions.parquet").read_bytes() != flipped.path("interactions.parquet").read_bytes()
    weights = [sorted(folder.path("sasrec").glob("*.safetensors")) for folder in (clean, flipped)]
    assert [content_hash(path) for path in weights[0]] == [content_hash(path) for path in weights[1]] != []
