import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from storage.run_folder import RunFolder
from storage.tables import ANNOTATIONS, ITEMS, KEYWORDS, Contract, polars_schema, write_table
from tasks.annotation_account import AnnotationAccount, annotation_account

ABOUT = json.dumps(
    {"about": "A fast hip-hop record.", "reasons": [{"reason": "r", "evidence": "e", "keyword": "flow"}]}
)


def annotation(item: int, kind: str, keywords: list[str], response: str = "{}") -> tuple[object, ...]:
    user = 1 if kind == "subjective" else None
    return (item, kind, "pro", user, f"{item}{kind}", "m", response, "ok", None, keywords, [""] * len(keywords), 1, 1)


@pytest.fixture
def account(tmp_path: Path) -> AnnotationAccount:
    folder = RunFolder(tmp_path)
    items = [
        (0, "a", "Named by a keyword", ["Jazz"], "", ""),
        (1, "b", "Named by what it is", ["Rap & Hip-Hop"], "", ""),
        (2, "c", "Named by a review alone", ["Folk"], "", ""),
        (3, "d", "Named by nothing", ["Blues"], "", ""),
    ]
    annotations = [
        annotation(0, "objective", ["smooth jazz", "warm"]),
        annotation(1, "objective", ["flow"], ABOUT),
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
    account = annotation_account(folder)
    assert account is not None
    return account


def test_categories_agree_where_an_objective_answer_names_one(account: AnnotationAccount) -> None:
    assert account.agreeing == pytest.approx(2 / 3), "two of the three items that were described"


def test_items_with_three_pros_and_three_cons_are_counted(account: AnnotationAccount) -> None:
    assert account.well_covered == 1 / 4
    assert account.covered == (2 / 4, 2 / 4, 1 / 4)
