from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from models.keywords.synonyms import canonical_keywords, quality_alone, verdict_on_aspect
from models.knowledge import Side


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Every text on an axis of its own: no two are synonyms."""
    return np.eye(64, dtype=np.float32)[[sorted(set(texts)).index(text) for text in texts]]


@pytest.mark.parametrize(
    ("keyword", "side", "bare", "any_quality"),
    [
        ("brilliant lyrics", "pro", "great lyrics", "great lyrics"),
        ("great sound quality", "pro", "great sound", "great sound"),
        ("soulful ballads", "pro", None, "great ballads"),
        ("studio lyrics", "con", None, None),  # no word of the lists: nobody knows which side it takes
        ("cliched lyrics", "con", None, "weak lyrics"),
        ("backing vocals", "pro", None, None),
        ("not great lyrics", "pro", None, None),
        ("brilliant lyrics", "con", None, None),
        ("friendly baristas", "pro", None, None),
    ],
)
def test_a_judgement_of_an_aspect_goes_by_the_verdict_on_it(
    keyword: str, side: Side, bare: str | None, any_quality: str | None
) -> None:
    assert verdict_on_aspect(keyword, side, bare=True) == bare
    assert verdict_on_aspect(keyword, side, bare=False) == any_quality


def test_a_quality_of_something_empty_stands_alone() -> None:
    assert quality_alone("funky stuff", "pro") == "funky"
    assert quality_alone("classic rock", "pro") is None
    assert quality_alone("great stuff", "pro") is None
    assert quality_alone("funky stuff", "con") is None


def test_only_a_quality_that_too_few_items_share_gives_way_to_the_verdict() -> None:
    items = {
        "soulful ballads": {1},
        "moving ballads": {2},
        "smooth vocals": {1, 2},
        "lovely vocals": {3},
        "odd title": {3},
    }
    assert canonical_keywords(items, "pro", encode, merge=0.85, absorb=0.8, min_items=2) == {
        "soulful ballads": "great ballads",
        "moving ballads": "great ballads",
        "smooth vocals": "smooth vocals",
        "lovely vocals": "great vocals",
        "odd title": "odd title",
    }
