import pytest

from models.keywords.category_agreement import category_agreement
from models.knowledge import Side

PLACES = {0: ["Café"], 1: ["Café"], 2: ["Hotel"], 3: ["Hotel"]}


def test_keywords_agree_where_the_others_that_have_them_are_of_the_items_own_category() -> None:
    keywords: list[tuple[int, Side, str]] = [
        *((item, "pro", "friendly baristas") for item in (0, 1)),
        *((item, "con", "hard beds") for item in (2, 3)),
    ]
    found = category_agreement(keywords, PLACES)
    assert found is not None
    assert (found.share, found.items) == (1.0, 4)
    assert found.by_chance == pytest.approx(0.5)


def test_a_keyword_that_belongs_elsewhere_disagrees() -> None:
    keywords: list[tuple[int, Side, str]] = [(item, "con", "hard beds") for item in (1, 2, 3, 4)]
    found = category_agreement(keywords, {**PLACES, 4: ["Hotel"]})
    assert found is not None
    assert found.share == pytest.approx(3 / 4)


def test_a_keyword_read_from_the_category_or_of_one_item_alone_says_nothing() -> None:
    keywords: list[tuple[int, Side, str]] = [(2, "pro", "quiet hotels"), (3, "pro", "quiet hotels"), (0, "pro", "wifi")]
    assert category_agreement(keywords, PLACES) is None


def test_the_sides_are_told_apart() -> None:
    keywords: list[tuple[int, Side, str]] = [(0, "pro", "long menu"), (2, "con", "long menu")]
    assert category_agreement(keywords, PLACES) is None
