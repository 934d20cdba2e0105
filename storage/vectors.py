"""The `embeddings` folder of a run: vectors as Parquet, and FAISS indexes over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import faiss
import numpy as np
import polars as pl
from numpy.typing import NDArray

from storage.errors import DataError
from storage.files import publish

Side = Literal["pro", "con"]
SIDES: tuple[Side, ...] = ("pro", "con")
_REMEDY = "Delete the folder and run the pipeline again: the step embed will make it"


@dataclass(frozen=True)
class Vectors:
    """Unit vectors with their ids: int64 (n,) and float32 (n, d)."""

    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]


def write_embeddings(
    target: Path,
    keywords: Sequence[str],
    keyword_vectors: NDArray[np.float32],
    items: Mapping[Side, Vectors],
) -> None:
    """Publish keyword and item vectors and their inner-product indexes as one folder.

    Parameters
    ----------
    target
        The folder `embeddings` of a run.
    keywords, keyword_vectors
        The vocabulary in the order of its table, and its unit vectors, float32 (v, d). Index ids are rows.
    items
        For each side the items that have a vector. Index ids are item ids.
    """
    with publish(target) as folder:
        folder.mkdir()
        _frame({"keyword": pl.Series(list(keywords), dtype=pl.String)}, keyword_vectors).write_parquet(
            folder / "keywords.parquet"
        )
        sides = [
            _frame(
                {
                    "item_id": pl.Series(items[side].ids, dtype=pl.Int64),
                    "side": pl.Series([side] * len(items[side].ids), dtype=pl.String),
                },
                items[side].vectors,
            )
            for side in SIDES
        ]
        pl.concat(sides).write_parquet(folder / "items.parquet")
        _write_index(folder / "keywords.faiss", Vectors(np.arange(len(keywords), dtype=np.int64), keyword_vectors))
        for side in SIDES:
            _write_index(folder / f"items_{side}.faiss", items[side])


def read_keyword_vectors(folder: Path) -> tuple[list[str], NDArray[np.float32]]:
    """The vocabulary and its vectors, float32 (v, d)."""
    frame = _read(folder / "keywords.parquet", ("keyword", "vector"))
    return frame["keyword"].to_list(), _matrix(frame)


def read_item_vectors(folder: Path, side: Side, n_items: int) -> NDArray[np.float32]:
    """Item vectors of a side as float32 (n_items, d); a zero row where an item has none.

    Raises
    ------
    DataError
        Where the table is missing or damaged, or names an item outside 0 .. n_items - 1.
    """
    path = folder / "items.parquet"
    frame = _read(path, ("item_id", "side", "vector"))
    chosen = frame.filter(pl.col("side") == side)
    ids = chosen["item_id"].to_numpy()
    if len(ids) and not 0 <= ids.min() <= ids.max() < n_items:
        raise DataError(f"item ids outside 0 .. {n_items - 1}", file=path, field="item_id", remedy=_REMEDY)
    matrix = _matrix(frame.clear() if chosen.is_empty() else chosen)
    full = np.zeros((n_items, matrix.shape[1]), dtype=np.float32)
    full[ids] = matrix
    return full


def read_index(folder: Path, name: Literal["keywords", "items_pro", "items_con"]) -> faiss.Index:
    """A FAISS index over inner products; its ids are rows of the vocabulary or item ids."""
    path = folder / f"{name}.faiss"
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise DataError(f"not a readable FAISS index ({str(error)[:200]})", file=path, remedy=_REMEDY) from error


def _frame(columns: dict[str, pl.Series], vectors: NDArray[np.float32]) -> pl.DataFrame:
    dtype = pl.Array(pl.Float32, vectors.shape[1])
    return pl.DataFrame(columns).with_columns(pl.Series("vector", vectors, dtype=dtype))


def _matrix(frame: pl.DataFrame) -> NDArray[np.float32]:
    """Vectors of a table; an empty one still knows their length."""
    dtype = frame.schema["vector"]
    if not isinstance(dtype, pl.Array):
        raise DataError(
            f"found type {dtype}, expected vectors of one length", file="items.parquet", field="vector", remedy=_REMEDY
        )
    return frame["vector"].to_numpy().astype(np.float32).reshape(frame.height, dtype.size)


def _read(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"not a readable Parquet file ({error})", file=path, remedy=_REMEDY) from error
    if missing := set(columns) - set(frame.columns):
        raise DataError("the column is missing", file=path, field=sorted(missing)[0], remedy=_REMEDY)
    return frame.select(columns)


def _write_index(path: Path, rows: Vectors) -> None:
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(rows.vectors.shape[1]))
    index.add_with_ids(np.ascontiguousarray(rows.vectors), rows.ids)  # pyright: ignore - SWIG hides the signature
    faiss.write_index(index, str(path))
