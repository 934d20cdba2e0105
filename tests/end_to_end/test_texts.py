"""Hostile and Chinese texts, read by the embedded model behind the real vLLM server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from models.keywords.curation import CurationSettings
from models.reading.prompts import PromptSettings
from storage.contracts import ANNOTATIONS, INTERACTIONS, ITEMS, KEYWORDS, polars_schema
from storage.run_folder import RunFolder
from storage.settings.llm_profiles import load_llm_profile
from storage.tables import read_table, write_table
from tasks.llm.server import on_demand
from tasks.steps.annotate import AnnotateSettings, AnswerSource, annotate
from tasks.steps.curate import curate
from tests.tasks.steps.test_hostile_texts import HONEST, INJECTIONS, ODD, TOLD

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
PROFILE = load_llm_profile("embedded")
EVERYTHING = CurationSettings(min_items=1, max_share=1.0)

Item = tuple[str, Sequence[str], str]
"""Name, categories, description."""
Review = tuple[int, bool, str]
"""Item, like, text."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerSource]:
    with on_demand(PROFILE, tmp_path_factory.mktemp("data") / ".llm") as source:
        yield source


def read(
    folder: RunFolder,
    items: Sequence[Item],
    reviews: Sequence[Review],
    wording: PromptSettings,
    source: AnswerSource,
) -> pl.DataFrame:
    """Keywords that the real model and curation make of items and reviews."""
    rows = [(n, f"s{n}", name, list(listed), "", description) for n, (name, listed, description) in enumerate(items)]
    train = [
        (user, item, 5.0 if like else 1.0, like, None, item, "train", text)
        for user, (item, like, text) in enumerate(reviews)
    ]
    for name, of_table, schema in (("items", rows, ITEMS), ("interactions", train, INTERACTIONS)):
        frame = pl.DataFrame(of_table, schema=polars_schema(schema), orient="row")
        write_table(folder.path(f"{name}.parquet"), frame, schema)
    settings = AnnotateSettings(prompts=wording, max_failed_share=0.0).of_model(PROFILE, wording.noun)
    annotate.given(source=source).function(folder, settings)
    curate.function(folder, EVERYTHING)
    return read_table(folder.path("keywords.parquet"), KEYWORDS)


def test_hostile_texts_get_no_keyword_from_the_real_model(server: AnswerSource, tmp_path: Path) -> None:
    texts = [*INJECTIONS.values(), *(text for name, text in ODD.items() if name != "lone surrogate")]
    folder = RunFolder(tmp_path / "places")
    items = [(text or "Corner", [text, "Pizza"], text) for text in texts]
    reviews = [(item, False, f"{HONEST} {text}") for item, text in enumerate(texts)]
    keywords = read(folder, items, reviews, PromptSettings(noun="place"), server)
    answers = read_table(folder.path("annotations.parquet"), ANNOTATIONS)
    assert answers.height > len(texts)
    assert not {"zebra", "moonlight"} & set(" ".join(answers["keywords"].explode().drop_nulls()).split())
    assert "rude waiter" in keywords["keyword"].to_list()
    assert TOLD not in str(keywords.to_dicts())


def test_the_real_model_reads_chinese_items_and_reviews(server: AnswerSource, tmp_path: Path) -> None:
    items: list[Item] = [
        ("老王面馆", ["面馆", "小吃"], "汤很鲜，味道正宗。有人抱怨价格太贵。"),
        ("湖畔餐厅", ["海鲜", "粤菜"], "环境安静，服务热情。"),
    ]
    reviews = [
        (0, False, "服务员态度很差，桌子也脏。不过味道还可以。"),
        (1, True, "海鲜很新鲜，服务周到！和家人一起去的。"),
    ]
    keywords = read(RunFolder(tmp_path / "餐厅"), items, reviews, PromptSettings(noun="餐厅", language="zh"), server)
    found = {(item, side): set() for item in (0, 1) for side in ("pro", "con")}
    for item, side, keyword in keywords.select("item_id", "side", "keyword").iter_rows():
        found[item, side].add(keyword)
    assert "价格太贵" in found[0, "con"]
    assert found[0, "con"] & {"服务员态度很差", "桌子也脏"}
    assert found[1, "pro"] & {"海鲜很新鲜", "服务周到", "环境安静", "服务热情"}
    assert keywords["grounded"].all()
