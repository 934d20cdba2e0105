"""Every reader on damaged files: a valid table or one clear error, and nothing left behind.

A short campaign is part of every run of the tests; the one of 2,000 files a reader is marked `long`.

Every tenth set of files goes through the whole ingest step, all others through the reader and the check of
ratings, which is where files are looked at; the step alone takes four times as long.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from storage.adapters.registry import ADAPTERS
from storage.contracts import INTERACTIONS, ITEMS, USERS
from storage.errors import RecaudienceError
from storage.ingest.item_catalogue import read_items
from storage.ingest.rating_check import RatingCheck
from storage.run_folder import RunFolder
from storage.settings.datasets import DatasetSettings
from storage.tables import read_table
from tasks.steps.ingest import IngestSettings, ingest, source_files
from tests.support import mutations
from tests.support.published import VERSIONS, Published

FILES = 2000  # of a reader, over its versions
SHARE = 10  # of them in the short campaign: one in so many
STEP_EVERY = 10  # sets of files

READERS = Counter(version().settings.adapter for version in VERSIONS)


def read(source: Path, settings: DatasetSettings, workspace: Path) -> None:
    """Both streams to their ends, each whatever befalls the other."""
    raw = ADAPTERS[settings.adapter].read(source, settings, workspace)
    check = RatingCheck(raw.ratings_file, settings, raw.time_unit)
    try:
        for batch in raw.ratings:
            rows = check.accept(batch)
            assert rows["rating"].is_between(settings.rating_min, settings.rating_max).all()
            assert rows.select("user_id", "item_id").null_count().row(0) == (0, 0)
            assert settings.adapter == "table" or rows["timestamp"].null_count() in (0, rows.height)
        check.finish()
    finally:
        items = read_items(raw.items, pl.Series(["i1", "1"]))
        assert items["item_id"].is_unique().all()
        assert raw.words.select("user_id", "item_id", "word").null_count().row(0) == (0, 0, 0)


def step(source: Path, settings: DatasetSettings, folder: RunFolder) -> None:
    ingesting = IngestSettings(dataset=settings, source=str(source))
    try:
        source_files(ingesting)
        summary = ingest.function(folder, ingesting)
    except RecaudienceError:
        assert not any(folder.root.glob("*"))
        raise
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    users, items = read_table(folder.path("users.parquet"), USERS), read_table(folder.path("items.parquet"), ITEMS)
    assert (rows.height, users.height, items.height) == (summary["interactions"], summary["users"], summary["items"])
    assert rows["user_id"].n_unique() == users.height
    assert rows["item_id"].is_in(items["item_id"].to_list()).all()
    assert len(list(folder.root.iterdir())) == 4


@pytest.mark.parametrize("files", [FILES // SHARE, pytest.param(FILES, marks=pytest.mark.long)])
@pytest.mark.parametrize("version", VERSIONS, ids=[version.__name__ for version in VERSIONS])
def test_a_damaged_source_ends_in_a_valid_table_or_one_clear_error(
    tmp_path: Path, version: Callable[[], Published], files: int
) -> None:
    published, rng = version(), random.Random(version.__name__)
    lenient = published.settings.model_copy(update={"bad_row_limit": 0.5})
    damaged = cases = 0
    outcomes: Counter[str] = Counter()
    while damaged < files / READERS[published.settings.adapter]:
        place = tmp_path / "place"
        source, workspace, folder = place / "source", place / "workspace", RunFolder(place / "runs" / "run")
        place.mkdir()
        mutated, count = mutations.mutate(published.files, rng)
        mutations.write(mutated, source, rng)
        before = {path: path.read_bytes() for path in source.iterdir()}
        settings = rng.choice((published.settings, lenient))
        try:
            if cases % STEP_EVERY == 0:
                step(source, settings, folder)
            else:
                read(source, settings, workspace)
            outcomes["table"] += 1
        except RecaudienceError as error:
            assert len(str(error).splitlines()) == 1
            outcomes["error"] += 1
        except BaseException as error:
            error.add_note(f"case {cases} of {version.__name__}; files: {sorted(path.name for path in before)}")
            raise
        assert {path: path.read_bytes() for path in source.iterdir()} == before
        assert {path.name for path in place.iterdir()} <= {"source", "workspace", "runs"}
        assert {path.name for path in tmp_path.iterdir()} == {"place"}
        if folder.root.parent.exists():
            assert {path.name for path in folder.root.parent.iterdir()} <= {"run"}
        shutil.rmtree(place)
        damaged, cases = damaged + count, cases + 1
    assert min(outcomes["table"], outcomes["error"]) > cases / 20
