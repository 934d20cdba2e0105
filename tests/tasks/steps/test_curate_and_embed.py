from pathlib import Path

import polars as pl
import pytest

from models.keywords.curation import CurationSettings
from models.keywords.embeddings import EmbeddingSettings
from storage.contracts import ANNOTATIONS, INTERACTIONS, ITEMS, KEYWORDS, REJECTED_KEYWORDS, VOCABULARY, polars_schema
from storage.run_folder import RunFolder
from storage.tables import read_table, write_table
from storage.vectors import read_item_vectors
from tasks.steps.curate import curate
from tasks.steps.embed import embed

MARKER = "xyzzyplugh"


def annotation(item: int, kind: str, side: str, user: int | None, keywords: list[str], *, status: str = "ok") -> dict:
    return {
        "item_id": item,
        "kind": kind,
        "side": side,
        "user_id": user,
        "prompt_hash": f"{item}{kind}{side}{user}",
        "model": "fake",
        "response": "{}" if status == "ok" else None,
        "status": status,
        "reason": None if status == "ok" else "cut off",
        "keywords": keywords,
        "evidence": [""] * len(keywords),
        "prompt_tokens": 1,
        "output_tokens": 1,
    }


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "films")
    items = [(n, f"s{n}", f"Film {n}", ["Crime", "Comedy"], "Tags: car chase.", "") for n in range(4)]
    reviews = [
        (0, 0, 5.0, True, None, 0, "train", "The acting was superb."),
        (0, 1, 5.0, True, None, 1, "train", "Superb acting again."),
        (0, 2, 5.0, True, None, 2, "test", f"The {MARKER} was superb."),
    ]
    answers = [
        annotation(0, "objective", "pro", None, ["great comedy", "great car chase"]),
        annotation(1, "objective", "pro", None, ["great comedy", "wooden spaceship"]),
        annotation(2, "objective", "con", None, ["weak crime"]),
        annotation(0, "subjective", "pro", 0, ["superb acting"]),
        annotation(1, "subjective", "pro", 0, ["superb acting"]),
        annotation(2, "subjective", "pro", 0, [f"superb {MARKER}"]),
        annotation(3, "objective", "con", None, [], status="failed"),
    ]
    write_table(folder.path("items.parquet"), pl.DataFrame(items, schema=polars_schema(ITEMS), orient="row"), ITEMS)
    write_table(
        folder.path("interactions.parquet"),
        pl.DataFrame(reviews, schema=polars_schema(INTERACTIONS), orient="row"),
        INTERACTIONS,
    )
    frame = pl.DataFrame(answers, schema=polars_schema(ANNOTATIONS))
    write_table(folder.path("annotations.parquet"), frame, ANNOTATIONS)
    return folder


def test_answers_become_supported_shared_keywords_and_vectors(folder: RunFolder) -> None:
    summary = curate.function(folder, CurationSettings(max_share=1.0))
    keywords = read_table(folder.path("keywords.parquet"), KEYWORDS)
    assert keywords.select("item_id", "side", "keyword", "source").rows() == [
        (0, "pro", "great acting", "subjective"),
        (0, "pro", "great comedy", "objective"),
        (1, "pro", "great acting", "subjective"),
        (1, "pro", "great comedy", "objective"),
    ]
    assert keywords["evidence"].to_list() == ["The acting was superb", "Comedy", "Superb acting again", "Comedy"]
    vocabulary = read_table(folder.path("vocabulary.parquet"), VOCABULARY)
    assert vocabulary.select("keyword", "document_frequency").rows() == [("great acting", 2), ("great comedy", 2)]
    rejected = read_table(folder.path("rejected_keywords.parquet"), REJECTED_KEYWORDS)
    assert dict(rejected.select("keyword", "rule").rows()) == {
        "wooden spaceship": "ungrounded",
        f"superb {MARKER}": "ungrounded",  # a test review is no source
        "great car chase": "too_rare",
        "weak crime": "too_rare",
    }
    assert (summary["mentions"], summary["kept"], summary["vocabulary"], summary["items_with_pro"]) == (8, 4, 2, 2)
    assert embed.function(folder, EmbeddingSettings()) == {
        "keywords": 2,
        "dimension": 384,
        "items_pro": 2,
        "items_con": 0,
    }
    vectors = read_item_vectors(folder.path("embeddings"), "pro", 4)
    assert vectors.any(axis=1).tolist() == [True, True, False, False]


def test_a_run_without_any_keyword_ends_in_empty_tables(folder: RunFolder) -> None:
    curate.function(folder, CurationSettings(min_items=4, max_share=1.0))
    assert read_table(folder.path("keywords.parquet"), KEYWORDS).is_empty()
    assert embed.function(folder, EmbeddingSettings())["keywords"] == 0
    assert read_item_vectors(folder.path("embeddings"), "con", 4).shape == (4, 384)
