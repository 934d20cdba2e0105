from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.readers import text
from storage.readers.text import clean_text

TEXTS = st.lists(st.one_of(st.none(), st.text("ab ~!&<>;\t\n\x00\x7f\u00e9\u200b\u4e2d", max_size=12)), max_size=20)


def cleaned(texts: list[str | None]) -> list[str | None]:
    return pl.select(clean_text(pl.lit(pl.Series("text", texts, dtype=pl.String)))).to_series().to_list()


def test_markup_control_characters_and_spare_blanks_go() -> None:
    assert cleaned(
        ["plain ~ text", " Rock &amp; <b>roll</b>\t\x07", None, "", "\u00e9t\u00e9\u200b", "two  blanks"]
    ) == [
        "plain ~ text",
        "Rock & roll",
        None,
        "",
        "\u00e9t\u00e9",
        "two blanks",
    ]


@pytest.mark.parametrize(("stride", "many"), [(1, 0), (3, 1), (7, 100), (1 << 16, 1 << 12)])
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=TEXTS)
def test_no_unclean_text_is_overlooked_however_texts_lie_in_memory(
    monkeypatch: pytest.MonkeyPatch, stride: int, many: int, texts: list[str | None]
) -> None:
    monkeypatch.setattr(text, "_STRIDE", stride)
    monkeypatch.setattr(text, "_MANY", many)
    every = pl.Series(texts, dtype=pl.String)
    unclean = every.str.contains(text._UNCLEAN).fill_null(value=False).arg_true().to_list()
    assert set(unclean) <= set(text._doubtful(every).tolist())
