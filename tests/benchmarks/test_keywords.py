from pathlib import Path

import polars as pl
import pytest

from benchmarks.keywords import coverage, drawn, threshold, truth
from models.keywords.curation import CurationSettings
from models.keywords.embeddings import EmbeddingSettings, SentenceEncoder
from storage.contracts import ANNOTATIONS, polars_schema
from storage.run_folder import RunFolder
from storage.settings.datasets import DatasetSettings
from storage.settings.sample import SampleWorldSettings
from storage.tables import write_table
from tasks.steps.curate import curate
from tasks.steps.ingest import IngestSettings, ingest

ENCODE = SentenceEncoder(EmbeddingSettings())
WORLD = DatasetSettings(
    name="sample",
    adapter="sample",
    noun="place",
    like_threshold=3,
    sample=SampleWorldSettings(users=40, items=20, ratings_per_user=12),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world whose annotations are what its descriptions say, and for each place something that nobody said."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "sample")
    ingest.function(folder, IngestSettings(dataset=WORLD))
    told = pl.read_parquet(folder.path("truth_aspects.parquet")).join(
        pl.read_parquet(folder.path("items.parquet")).select("item_id", "description"), on="item_id"
    )
    told = told.filter(pl.col("description").str.contains(pl.col("aspect"), literal=True))
    rows = [
        (item, "objective", side, None, f"{item}{side}", "m", "{}", "ok", None, [*said, "purple unicorns"], 1, 1)
        for item, side, said in told.group_by("item_id", "side", maintain_order=True).agg("aspect").iter_rows()
    ]
    rows = [(*row[:10], [""] * len(row[9]), *row[10:]) for row in rows]
    frame = pl.DataFrame(rows, schema=polars_schema(ANNOTATIONS), orient="row")
    write_table(folder.path("annotations.parquet"), frame, ANNOTATIONS)
    curate.function(folder, CurationSettings(min_items=1, max_share=1.0))
    return folder.root


def test_what_the_descriptions_say_is_right_and_what_nobody_said_is_not(folder: Path) -> None:
    before, after, by_words = truth(folder, ENCODE, match=0.6)
    said = pl.read_parquet(folder / "annotations.parquet")["keywords"].list.len()
    assert before["precision"] == pytest.approx(int((said - 1).sum()) / int(said.sum()), abs=1e-3)
    assert after["precision"] == by_words["precision"] == 1.0
    assert 0 < float(str(after["recall"])) < 1, "a description tells some of the aspects only"


def test_the_threshold_is_fitted_with_its_curve(folder: Path) -> None:
    found = threshold(folder, ENCODE, reviews=60, least_precision=0.0, seed=0)
    assert isinstance(found["true"], int)
    assert isinstance(found["pairs"], int)
    assert 0 < found["true"] < found["pairs"]
    assert found["fitted"] == 0.3, "every precision will do"
    assert found["used"] == CurationSettings().ground_similarity


def test_counts_and_draw_are_those_of_the_tables(folder: Path) -> None:
    counts = coverage(folder)
    kept = pl.read_parquet(folder / "keywords.parquet")
    assert (counts["keywords"], counts["valid"], counts["grounded"]) == (kept.height, 1.0, 1.0)
    assert drawn(folder, 5, seed=1) == drawn(folder, 5, seed=1)
    assert {str(row["keyword"]) for row in drawn(folder, 5, seed=1)} <= set(kept["keyword"])
