"""Ratings as people and programs write them, to numbers."""

from __future__ import annotations

import polars as pl

_OUT_OF = r"^(-?[0-9]+(?:[.,][0-9]+)?)\s*(?:/|out of)\s*[0-9]+(?:[.,][0-9]+)?\s*(?:stars?)?$"
_STARS = r"^\u2605+\u2606*$"


def rating_numbers(values: pl.Series) -> pl.Series:
    """Float64; null where a value is no rating. Most columns are numbers and need no second look.

    True and False are 1 and 0; 3/5, "3.0 out of 5 stars" and three black stars are 3; 3,5 is 3.5.
    """
    numbers = values.cast(pl.Float64, strict=False)
    if values.dtype != pl.String or numbers.null_count() == values.null_count():
        return numbers
    text = values.str.strip_chars()
    return pl.select(
        pl.coalesce(
            text.cast(pl.Float64, strict=False),
            text.str.to_lowercase().replace_strict({"true": 1.0, "false": 0.0}, default=None, return_dtype=pl.Float64),
            text.str.extract(_OUT_OF).str.replace(",", ".", literal=True).cast(pl.Float64, strict=False),
            pl.when(text.str.contains(_STARS)).then(text.str.count_matches("\u2605").cast(pl.Float64)),
            pl.when(text.str.contains(r"^-?[0-9]+,[0-9]+$")).then(
                text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
            ),
        )
    ).to_series()
