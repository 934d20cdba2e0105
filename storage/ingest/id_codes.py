"""Numbers for a dataset's own ids while it is read: a row then carries eight bytes instead of two texts."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray


class IdCodes:
    """Codes 0 .. n in the order in which ids first come; code 0 is the empty id, which nothing has."""

    def __init__(self) -> None:
        self._categories = pl.Categories.random()
        # Polars forgets categories that no column refers to.
        self._anchor = pl.Series([""], dtype=pl.Categorical(self._categories))

    def encode(self, ids: pl.Series) -> pl.Series:
        """UInt32 codes of ids (text, neither null nor empty); new ids get new codes."""
        return ids.cast(self._anchor.dtype).to_physical()

    def ids(self) -> pl.Series:
        """All ids so far, in the order of their codes; the empty one first."""
        return self._categories.to_series().cast(pl.String).rename("source_id")


def numbered(ids: pl.Series, kept: NDArray[np.bool_], name: str) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Row numbers for the kept ids in alphabetical order.

    Parameters
    ----------
    ids
        Ids in the order of their codes.
    kept
        Which of them get a number.
    name
        Name of the column of numbers.

    Returns
    -------
    The table of numbers and source_id, and the number of each code; -1 for those without.
    """
    table = (
        pl.DataFrame({"source_id": ids, "code": np.arange(len(ids))})
        .filter(pl.Series(kept, dtype=pl.Boolean))
        .sort("source_id")
        .select(pl.int_range(pl.len(), dtype=pl.Int64).alias(name), "source_id", "code")
    )
    numbers = np.full(len(ids), -1, dtype=np.int64)
    numbers[table["code"].to_numpy()] = table[name].to_numpy()
    return table.drop("code"), numbers
