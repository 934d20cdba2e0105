"""Held-out rows reach nothing that is learnt: what is planted in them changes no artefact but their own table.

The language model is a server that answers with the words it was shown, so that whatever reaches a prompt ends in
keywords, vectors and checkpoints. Everything else is the pipeline's own steps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from models.keywords.curation import CurationSettings
from models.reading.prompts import PromptSettings
from models.response.sasrec.settings import SASRecSettings
from storage.contracts import INTERACTIONS, KEYWORDS
from storage.files import content_hash
from storage.run_folder import RunFolder, Split
from storage.sample.world import generate
from storage.settings.datasets import DatasetSettings
from storage.settings.sample import SampleWorldSettings
from storage.settings.table import TableSettings
from storage.tables import read_table, write_table
from tasks.llm.settings import ClientSettings
from tasks.loading import load_patience
from tasks.steps.annotate import AnnotateSettings, annotate
from tasks.steps.curate import curate
from tasks.steps.embed import EmbeddingSettings, embed
from tasks.steps.fit_ensemble import EnsembleSettings, fit_ensemble
from tasks.steps.fit_patience import PatienceSettings, fit_patience
from tasks.steps.ingest import IngestSettings, ingest
from tasks.steps.train_sasrec import train_sasrec
from tests.support.chat_server import chat_server, reply

MARKER = "zzqleak"
MARKED = pl.lit(f"wonderful {MARKER} noodles and a terrible {MARKER} waiter, truly {MARKER} everywhere")
HELD_OUT = ("validation", "test")
OF_TEXTS = ("items.parquet", "annotations.parquet", "keywords.parquet", "vocabulary.parquet", "embeddings")
LEARNT = (*OF_TEXTS, "rejected_keywords.parquet", "sasrec", "ensemble", "patience")
# What validation may not touch either; it may choose among epochs and fit the stack (docs/evaluation.md).
CHECKPOINTS = ("sasrec/model", "sasrec/published", "ensemble/arrays", "ensemble/factors")
OF_TRAIN = (*OF_TEXTS, *(f"{name}.safetensors" for name in CHECKPOINTS))

World = tuple[pl.DataFrame, pl.DataFrame]
Clean = Callable[..., tuple[RunFolder, str]]


@pytest.fixture(scope="module")
def world() -> World:
    """Ratings and items of a small generated world, as a user would bring them."""
    made = generate(SampleWorldSettings(users=40, items=30, ratings_per_user=12), 3, seed=5)
    items = made.items.with_columns(pl.col("categories").list.join("|"))
    return made.interactions, items


def ingested(root: Path, world: World, split: Split) -> RunFolder:
    root.mkdir(parents=True)
    for name, table in zip(("ratings", "items"), world, strict=True):
        table.write_csv(root / f"{name}.csv")
    table = TableSettings(interactions=str(root / "ratings.csv"), items=str(root / "items.csv"))
    dataset = DatasetSettings(name="own", adapter="table", like_threshold=3, split=split, table=table)
    folder = RunFolder(root / "run")
    ingest.function(folder, IngestSettings(dataset=dataset))
    return folder


def planted(world: World, folder: RunFolder, changes: Mapping[str, pl.Expr], splits: tuple[str, ...]) -> World:
    """The source with some columns changed in the rows that a run puts in these splits."""
    rows = pl.read_parquet(folder.path("interactions.parquet"))
    users, items = (pl.read_parquet(folder.path(f"{name}.parquet")) for name in ("users", "items"))
    chosen = (
        rows.filter(pl.col("split").is_in(splits))
        .join(users.select("user_id", user="source_id"), on="user_id")
        .join(items.select("item_id", item="source_id"), on="item_id")
        .select(user_id="user", item_id="item", chosen=pl.lit(value=True))
    )
    marked = world[0].join(chosen, on=["user_id", "item_id"], how="left", maintain_order="left")
    changed = [pl.when("chosen").then(change).otherwise(name).alias(name) for name, change in changes.items()]
    return marked.with_columns(changed).drop("chosen"), world[1]


def with_rows_changed(folder: RunFolder, changes: Mapping[str, pl.Expr], split: str) -> RunFolder:
    """A run whose own table was changed in a split's rows: with values that no source can bring in."""
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    changed = [
        pl.when(split=split).then(change).otherwise(name).cast(rows.schema[name]).alias(name)
        for name, change in changes.items()
    ]
    write_table(folder.path("interactions.parquet"), rows.with_columns(changed), INTERACTIONS)
    return folder


def echo(number: int, body: dict) -> tuple[int, str]:
    """Keywords of the last words that the prompt shows."""
    words = re.findall(r"[a-z]{4,}", body["messages"][-1]["content"].lower())[-6:]
    keywords = [" ".join(words[start : start + 2]) for start in range(0, len(words), 2)]
    reasons = [{"reason": "said", "evidence": " ".join(words), "keyword": keyword} for keyword in keywords]
    return 200, reply(json.dumps({"about": "a place", "reasons": reasons}))


def learn_texts(folder: RunFolder) -> str:
    """Prompts, keywords and embeddings; returns all that the language model was sent."""
    settings = AnnotateSettings(prompts=PromptSettings(style="reasoning"), client=ClientSettings(restarts=0))
    with chat_server(echo) as server:
        annotate.given(source=server).function(folder, settings)
    curate.function(folder, CurationSettings(min_items=1, max_share=1.0, require_grounding=False))
    embed.function(folder, EmbeddingSettings())
    return json.dumps(server.bodies)


def learn(folder: RunFolder, epochs: int = 3) -> str:
    """Everything that is learnt before reinforcement learning; returns what the language model was sent."""
    sent = learn_texts(folder)
    train_sasrec.function(folder, SASRecSettings(width=8, heads=2, blocks=1, max_history=20, max_epochs=epochs))
    fit_ensemble.function(folder, EnsembleSettings(max_history=20, neutral_pairs=50))
    fit_patience.function(folder, PatienceSettings(session_gap_minutes=60 * 24 * 14))
    assert load_patience(folder).hazard is not None
    return sent


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, world: World) -> Clean:
    """The run of a split in which nothing is planted, and what the language model was sent in it; learnt once."""

    @cache
    def learnt(split: Split, epochs: int = 3) -> tuple[RunFolder, str]:
        folder = ingested(tmp_path_factory.mktemp(f"clean-{split}") / "source", world, split)
        return folder, learn(folder, epochs)

    return learnt


def reviews_in(sent: str) -> list[str]:
    return sorted(re.findall('Review: [^"]*', sent))


def hashes(folder: RunFolder, names: tuple[str, ...]) -> dict[str, str]:
    return {name: content_hash(folder.path(name)) for name in names}


def test_what_stands_in_train_rows_does_reach_prompts_and_keywords(tmp_path: Path, world: World, clean: Clean) -> None:
    marked = planted(world, clean("tail")[0], {"review_text": MARKED}, ("train",))
    folder = ingested(tmp_path / "marked", marked, "tail")
    assert MARKER in learn_texts(folder)
    assert MARKER in " ".join(read_table(folder.path("keywords.parquet"), KEYWORDS)["keyword"])


@pytest.mark.parametrize("split", get_args(Split))
def test_texts_of_held_out_rows_reach_no_prompt_keyword_vector_or_checkpoint(
    tmp_path: Path, world: World, clean: Clean, split: Split
) -> None:
    without, sent = clean(split)
    marked = ingested(tmp_path / "marked", planted(world, without, {"review_text": MARKED}, HELD_OUT), split)
    texts = read_table(marked.path("interactions.parquet"), INTERACTIONS).filter(pl.col("split") != "train")
    assert texts["review_text"].str.contains(MARKER).all()
    assert reviews_in(learn(marked)) == reviews_in(sent)
    assert hashes(marked, LEARNT) == hashes(without, LEARNT)


@pytest.mark.parametrize("split", get_args(Split))
def test_nothing_of_a_test_row_reaches_anything_learnt(
    tmp_path: Path, world: World, clean: Clean, split: Split
) -> None:
    impossible = {"rating": pl.lit(9999.0), "like": ~pl.col("like"), "review_text": MARKED, "timestamp": pl.lit(2**39)}
    marked = with_rows_changed(ingested(tmp_path / "marked", world, split), impossible, "test")
    assert MARKER not in learn(marked)
    assert hashes(marked, LEARNT) == hashes(clean(split)[0], LEARNT)


def test_impossible_ratings_of_validation_rows_reach_nothing_learnt(tmp_path: Path, world: World, clean: Clean) -> None:
    impossible = {"rating": pl.lit(-9999.0), "review_text": MARKED}
    marked = with_rows_changed(ingested(tmp_path / "marked", world, "tail"), impossible, "validation")
    learn(marked)
    assert hashes(marked, LEARNT) == hashes(clean("tail")[0], LEARNT)


def test_likes_of_validation_rows_choose_among_epochs_and_fit_the_stack_but_train_nothing(
    tmp_path: Path, world: World, clean: Clean
) -> None:
    without, _ = clean("tail", 1)
    marked = with_rows_changed(ingested(tmp_path / "marked", world, "tail"), {"like": ~pl.col("like")}, "validation")
    learn(marked, epochs=1)
    assert hashes(marked, OF_TRAIN) == hashes(without, OF_TRAIN)
    stack = ("ensemble/model.json",)
    assert hashes(marked, stack) != hashes(without, stack), "the change is one that can be seen"
