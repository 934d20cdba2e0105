from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from models.keywords.category_agreement import CategoryAgreement
from storage.contracts import ANNOTATIONS, ITEMS, KEYWORDS, Contract, polars_schema
from storage.run_folder import RunFolder
from storage.tables import write_table
from tasks.report.annotation_account import AnnotationAccount, annotation_account


def annotation(item: int, kind: str, keywords: list[str]) -> tuple[object, ...]:
    user = 1 if kind == "subjective" else None
    return (item, kind, "pro", user, f"{item}{kind}", "m", "{}", "ok", None, keywords, [""] * len(keywords), 1, 1)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path)
    items = [
        (0, "a", "Warm", ["Jazz"], "", ""),
        (1, "b", "Cold", ["Jazz"], "", ""),
        (2, "c", "Read in a review", ["Folk"], "", ""),
        (3, "d", "Without keywords", ["Blues"], "", ""),
    ]
    annotations = [
        annotation(0, "objective", ["smooth jazz", "warm"]),
        annotation(1, "objective", ["flow"]),
        annotation(2, "subjective", ["folk"]),
        annotation(3, "objective", ["warm"]),
    ]
    sides = {0: ("pro", "con"), 1: ("pro",)}
    keywords = [
        (item, side, f"keyword {n}", "objective", 1, True, "exact", "e")
        for item, of_item in sides.items()
        for side in of_item
        for n in range(3)
    ]

    def write(name: str, rows: Sequence[tuple[object, ...]], contract: Contract) -> None:
        frame = pl.DataFrame(rows, schema=polars_schema(contract), orient="row")
        write_table(folder.path(f"{name}.parquet"), frame, contract)

    write("items", items, ITEMS)
    write("annotations", annotations, ANNOTATIONS)
    write("keywords", keywords, KEYWORDS)
    return folder


def account_of(folder: RunFolder) -> AnnotationAccount:
    account = annotation_account(folder)
    assert account is not None
    return account


def test_categories_agree_where_enough_items_tell(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account_of(folder).agreeing is None, "two items are too few"
    monkeypatch.setattr("tasks.report.annotation_account._FEWEST_TOLD", 2)
    assert account_of(folder).agreeing == CategoryAgreement(share=1.0, by_chance=1.0, items=2)


def test_items_with_three_pros_and_three_cons_are_counted(folder: RunFolder) -> None:
    account = account_of(folder)
    assert account.well_covered == 1 / 4
    assert account.covered == (2 / 4, 2 / 4, 1 / 4)
