"""Text as people typed it into web pages, made plain."""

from __future__ import annotations

import html

import polars as pl

_TAG = r"<[^<>]{1,200}>"
_NO_CHARACTER = r"&#[0-9]{8,};?"  # Unicode ends at seven digits; Python refuses to read some thousands of them
_BLANK = r"[\s\p{C}]+"  # white space, control and other invisible characters
_UNCLEAN = r"[&<]|[\s\p{C}--[ ]]|  |^ | $"  # what few texts have: the others are not touched


def clean_text(text: pl.Expr) -> pl.Expr:
    """Text without HTML remnants and control characters, white space folded."""
    return text.map_batches(_clean, return_dtype=pl.String)


def clean_names(lists: pl.Expr) -> pl.Expr:
    """Lists of clean names: as `clean_text`, blank and repeated names left out, no list as an empty one."""
    return lists.map_batches(_clean_names, return_dtype=pl.List(pl.String))


def sentence(label: str, text: pl.Expr) -> pl.Expr:
    """`Label: text.`, or null where there is no text."""
    filled = text.str.strip_chars().replace("", None)
    return pl.concat_str(pl.lit(f"{label}: "), filled.str.strip_suffix("."), pl.lit("."))


def _clean_names(lists: pl.Series) -> pl.Series:
    rows = pl.DataFrame({"names": lists.cast(pl.List(pl.String))}).with_row_index("row")
    named = (
        rows.explode("names")
        .select("row", clean_text(pl.col("names")))
        .filter(pl.col("names").fill_null("") != "")
        .group_by("row", maintain_order=True)
        .agg(pl.col("names").unique(maintain_order=True))
    )
    joined = rows.select("row").join(named, on="row", how="left", maintain_order="left")
    return joined.select(pl.col("names").fill_null([])).to_series().rename(lists.name)


def _clean(texts: pl.Series) -> pl.Series:
    texts = texts.cast(pl.String)
    unclean = texts.str.contains(_UNCLEAN).fill_null(value=False)
    if not unclean.any():
        return texts
    known = texts.filter(unclean).str.replace_all(_NO_CHARACTER, "\ufffd")
    plain = pl.Series([html.unescape(text) for text in known.to_list()], dtype=pl.String)
    cleaned = plain.str.replace_all(_TAG, " ").str.replace_all(_BLANK, " ").str.strip_chars()
    return texts.scatter(unclean.arg_true(), cleaned)
