"""Text as people typed it into web pages, made plain."""

from __future__ import annotations

import html

import numpy as np
import polars as pl
from numpy.typing import NDArray

_TAG = r"<[^<>]{1,200}>"
_NO_CHARACTER = r"&#[0-9]{8,};?"  # Unicode ends at seven digits; Python refuses to read some thousands of them
_BLANK = r"[\s\p{C}]+"  # white space, control and other invisible characters
_UNCLEAN = r"[&<]|[\s\p{C}--[ ]]|  |^ | $"  # what few texts have: the others are not touched
NOTHING = (
    "nan",
    "NaN",
    "NAN",
    "None",
    "null",
    "NULL",
    "Null",
    "N/A",
    "n/a",
    "UNKNOWN",
    "unknown",
    "\\N",
    "<NA>",
    "NaT",
)
"""What programs write where there is nothing."""
_STRIDE = 1 << 16  # bytes that stay in the processor's cache
_MANY = _STRIDE // 16  # odd bytes, as of a script that is not Latin: all texts around are looked at
_SPACE = ord(" ")


def clean_text(text: pl.Expr) -> pl.Expr:
    """Text without HTML remnants and control characters, white space folded."""
    return text.map_batches(_clean, return_dtype=pl.String)


def said(text: pl.Expr) -> pl.Expr:
    """Text, null where it is a word that programs write for nothing."""
    return pl.when(text.is_in(NOTHING).not_()).then(text)


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
        .filter((pl.col("names").fill_null("") != "") & pl.col("names").is_in(NOTHING).not_())
        .group_by("row", maintain_order=True)
        .agg(pl.col("names").unique(maintain_order=True))
    )
    joined = rows.select("row").join(named, on="row", how="left", maintain_order="left")
    return joined.select(pl.col("names").fill_null([])).to_series().rename(lists.name)


def _clean(texts: pl.Series) -> pl.Series:
    texts = texts.cast(pl.String)
    doubtful = _doubtful(texts)
    unclean = doubtful[texts[doubtful].str.contains(_UNCLEAN).fill_null(value=False).to_numpy()]
    if not len(unclean):
        return texts
    decodable = texts[unclean].str.replace_all(_NO_CHARACTER, "\ufffd")
    plain = pl.Series([html.unescape(text) for text in decodable.to_list()], dtype=pl.String)
    cleaned = plain.str.replace_all(_TAG, " ").str.replace_all(_BLANK, " ").str.strip_chars()
    return texts.scatter(unclean, cleaned)


def _doubtful(texts: pl.Series) -> NDArray[np.intp]:
    """Places of all texts that may match `_UNCLEAN`, by a look at their bytes that takes less than half of its time."""
    array = texts.to_arrow()
    _, ends, content = array.buffers()
    bounds = np.frombuffer(ends, np.int64)[: len(array) + 1]
    characters = np.frombuffer(content or b"", np.uint8)[: bounds[-1]]
    doubtful = np.zeros(len(array), dtype=bool)
    memory = np.empty((3, _STRIDE + 1), dtype=np.uint8)
    for start in range(0, len(characters), _STRIDE):
        begin, end = max(start - 1, 0), min(start + _STRIDE, len(characters))
        odd = _odd(characters[begin:end], memory)
        if np.count_nonzero(odd) > _MANY:
            first, last = np.searchsorted(bounds, [begin, end - 1], side="right")
            doubtful[first - 1 : last] = True
        else:
            doubtful[np.searchsorted(bounds, np.flatnonzero(odd) + begin, side="right") - 1] = True
    first, last = bounds[:-1], bounds[1:] - 1
    filled = np.flatnonzero(first <= last)
    doubtful[filled] |= (characters[first[filled]] == _SPACE) | (characters[last[filled]] == _SPACE)
    return np.flatnonzero(doubtful)


def _odd(characters: NDArray[np.uint8], memory: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """What is no printable ASCII character, or is &, < or a space after a space; `memory` takes three times as much."""
    from_space = np.subtract(characters, _SPACE, out=memory[0, : len(characters)])
    odd, same = (part[: len(characters)].view(bool) for part in memory[1:])
    np.greater(from_space, ord("~") - _SPACE, out=odd)
    for other in "&<":
        np.logical_or(odd, np.equal(characters, ord(other), out=same), out=odd)
    np.equal(from_space, 0, out=same)
    twice = np.logical_and(same[1:], same[:-1], out=from_space.view(bool)[1:])
    np.logical_or(odd[1:], twice, out=odd[1:])
    return odd
