"""The run folder's tables: what columns they have, how they are written and read.

Values are checked when a table is written, names and types also when it is read, so that a file of another kind, or one
cut short, is an error that names it instead of a surprise three steps later.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaError
from polars.io.plugins import register_io_source

from storage.columns import Columns
from storage.errors import DataError
from storage.files import publish

SPLIT_NAMES = ("train", "validation", "test")
SIDES = ("pro", "con")
VOTERS = ("keyword_matching", "similarity", "sasrec")
# That a logit is the sum of.
PARTS = ("sasrec", "statistics", "factors", "words", "ease", "effects", "keywords", "similarity", "history")
_ROW_GROUP = 1 << 19
_COMPRESSION = 1  # of 22: higher levels take longer and save little

Contract = pa.DataFrameSchema
_TEXTS = pl.List(pl.String)


def _contract(
    name: str, *columns: pa.Column, unique: list[str] | None = None, unique_pair: tuple[str, str] | None = None
) -> Contract:
    by_name = {str(column.name): column for column in columns}
    checks = [_unique_pair(*unique_pair)] if unique_pair else None
    return pa.DataFrameSchema(by_name, name=name, checks=checks, strict=True, ordered=True, unique=unique)


def _unique_pair(first: str, second: str) -> pa.Check:
    """No pair of row numbers twice; as one number each and sorted, which takes a sixth of pandera's `unique`."""
    pair = pl.col(first).cast(pl.UInt64) * 2**32 + pl.col(second).cast(pl.UInt64)

    def is_unique(data: pa.PolarsData) -> bool:
        pairs = np.sort(data.lazyframe.select(pair.drop_nulls()).collect().to_series().to_numpy())
        return not (pairs[1:] == pairs[:-1]).any()

    return pa.Check(is_unique, error=f"no ({first}, {second}) may stand in it twice")


def _column(name: str, dtype: pl.DataType | type[pl.DataType], *checks: pa.Check, nullable: bool = False) -> pa.Column:
    return pa.Column(dtype, list(checks), nullable=nullable, name=name)


def _row_number(name: str) -> pa.Column:
    """Ids that equal their row: 0 .. n - 1, in order."""
    check = pa.Check(
        lambda data: data.lazyframe.select(pl.col(data.key) == pl.int_range(pl.len())),
        error="ids must be the row numbers 0 .. n - 1, in order",
    )
    return _column(name, pl.Int64, check)


def _index(name: str, *, nullable: bool = False) -> pa.Column:
    return _column(name, pl.Int64, pa.Check.ge(0), nullable=nullable)


def _one_of(name: str, values: tuple[str, ...]) -> pa.Column:
    return _column(name, pl.String, pa.Check.isin(values))


def _count(name: str) -> pa.Column:
    return _column(name, pl.Int32, pa.Check.ge(0))


USERS = _contract("users", _row_number(Columns.USER), _column(Columns.SOURCE, pl.String))
ITEMS = _contract(
    "items",
    _row_number(Columns.ITEM),
    _column(Columns.SOURCE, pl.String),
    _column(Columns.NAME, pl.String, pa.Check.str_length(min_value=1)),
    _column(Columns.CATEGORIES, _TEXTS),
    _column(Columns.ATTRIBUTES, pl.String),
    _column(Columns.DESCRIPTION, pl.String),
)
INTERACTIONS = _contract(
    "interactions",
    _index(Columns.USER),
    _index(Columns.ITEM),
    _column(
        Columns.RATING,
        pl.Float32,
        pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).is_finite()), error="must be a finite number"),
    ),
    _column(Columns.LIKE, pl.Boolean),
    _column(Columns.TIME, pl.Int64, nullable=True),
    _count(Columns.ORDER),
    _one_of(Columns.SPLIT, SPLIT_NAMES),
    _column(Columns.REVIEW, pl.String, nullable=True),
    unique_pair=(Columns.USER, Columns.ITEM),
)
TRUTH = _contract(
    "truth",
    _index(Columns.USER),
    _index(Columns.ITEM),
    _column(Columns.PROBABILITY, pl.Float32, pa.Check.in_range(0.0, 1.0)),
)
TRUTH_ASPECTS = _contract(
    "truth_aspects", _index(Columns.ITEM), _column(Columns.ASPECT, pl.String), _one_of(Columns.SIDE, SIDES)
)
ANNOTATIONS = _contract(
    "annotations",
    _index(Columns.ITEM),
    _one_of(Columns.KIND, ("objective", "subjective")),
    _one_of(Columns.SIDE, SIDES),
    _index(Columns.USER, nullable=True),
    _column(Columns.PROMPT_HASH, pl.String),
    _column(Columns.MODEL, pl.String),
    _column(Columns.RESPONSE, pl.String, nullable=True),
    _one_of(Columns.STATUS, ("ok", "failed")),
    _column(Columns.REASON, pl.String, nullable=True),
    _column(Columns.KEYWORDS, _TEXTS),
    _column(Columns.EVIDENCE, _TEXTS),
    _count(Columns.PROMPT_TOKENS),
    _count(Columns.OUTPUT_TOKENS),
)
KEYWORDS = _contract(
    "keywords",
    _index(Columns.ITEM),
    _one_of(Columns.SIDE, SIDES),
    _column(Columns.KEYWORD, pl.String, pa.Check.str_length(min_value=1)),
    _one_of(Columns.KEYWORD_SOURCE, ("objective", "subjective", "both")),
    _count(Columns.SUPPORT),
    _column(Columns.GROUNDED, pl.Boolean),
    _one_of(Columns.GROUNDING, ("exact", "stemmed", "meaning", "none")),
    _column(Columns.EVIDENCE, pl.String),
    unique=[Columns.ITEM, Columns.SIDE, Columns.KEYWORD],
)
VOCABULARY = _contract(
    "vocabulary",
    _column(Columns.KEYWORD, pl.String),
    _column(Columns.MEMBERS, _TEXTS),
    _count(Columns.DOCUMENT_FREQUENCY),
    unique=[Columns.KEYWORD],
)
ITEM_WORDS = _contract(
    "item_words",
    _index(Columns.ITEM),
    _column(Columns.WORD, pl.String, pa.Check.str_length(min_value=1)),
    unique=[Columns.ITEM, Columns.WORD],
)
REJECTED_KEYWORDS = _contract(
    "rejected_keywords",
    _index(Columns.ITEM),
    _one_of(Columns.SIDE, SIDES),
    _column(Columns.KEYWORD, pl.String),
    _column(Columns.RULE, pl.String),
)
_NEIGHBOURS = pl.List(pl.Struct({"item_id": pl.Int64, "cosine": pl.Float32}))
EXPLANATIONS = _contract(
    "explanations",
    _index(Columns.USER),
    _index(Columns.ITEM),
    _column(Columns.USER_SOURCE, pl.String),
    _column(Columns.ITEM_SOURCE, pl.String),
    _column(Columns.LIKE, pl.Boolean),
    _column(Columns.PROBABILITY, pl.Float32, pa.Check.in_range(0.0, 1.0)),
    _column(Columns.CONFIDENCE, pl.Float32, pa.Check.in_range(0.5, 1.0)),
    _column(Columns.VOTES, pl.Struct(dict.fromkeys(VOTERS, pl.Int8))),
    _column(
        Columns.MATCHED_KEYWORDS,
        pl.List(
            pl.Struct(
                {"side": pl.String, "keyword": pl.String, "shared_with": pl.List(pl.Int64), "evidence": pl.String}
            )
        ),
    ),
    _column(Columns.NEAREST_LIKED, _NEIGHBOURS),
    _column(Columns.NEAREST_DISLIKED, _NEIGHBOURS),
    _column(Columns.STATISTICAL_LOGIT, pl.Float32),
    _column(Columns.AVERAGE_LOGIT, pl.Float32),
    _column(Columns.CONTRIBUTIONS, pl.Struct(dict.fromkeys(PARTS, pl.Float32))),
    _column(Columns.REASONS, pl.List(pl.Struct({"item_id": pl.Int64, "liked": pl.Boolean, "effect": pl.Float32}))),
    _column(
        Columns.KEYWORD_REASONS,
        pl.List(pl.Struct({"side": pl.String, "keyword": pl.String, "effect": pl.Float32, "evidence": pl.String})),
    ),
    _column(Columns.TURNED_WITHOUT, pl.List(pl.Int64), nullable=True),
    _column(Columns.VOTE_TURNED_WITHOUT, pl.List(pl.Int64), nullable=True),
    _column(Columns.VOTE_TURNED_BY_SMALLEST, pl.Boolean, nullable=True),
    _column(
        Columns.VOTE_TURNED_WITHOUT_KEYWORDS,
        pl.List(pl.Struct({"side": pl.String, "keyword": pl.String})),
        nullable=True,
    ),
    _column(Columns.FAITHFUL, pl.Boolean, nullable=True),
    _column(Columns.SENTENCE, pl.String),
    _column(Columns.WHY, pl.String),
)


def polars_schema(contract: Contract) -> pl.Schema:
    """A contract's names and Polars types, in order: for `pl.DataFrame(rows, schema=polars_schema(KEYWORDS))`."""
    return pl.Schema({name: column.dtype.type for name, column in contract.columns.items()})


def write_table(path: Path, frame: pl.DataFrame, schema: Contract) -> None:
    """Check a table against its contract and publish it atomically as Parquet.

    Parameters
    ----------
    path
        The artefact's final path.
    frame
        The table, with the contract's columns in any order.
    schema
        One of this module's contracts.

    Raises
    ------
    DataError
        Where the table breaks its contract or the disk is full; what stood at `path` stays.
    """
    write_tables({path: (frame, schema)})


def write_tables(tables: Mapping[Path, tuple[pl.DataFrame, Contract]]) -> None:
    """Publish several tables together: all are checked and on disk before the first takes its final name.

    Raises
    ------
    DataError
        As `write_table`; on an error none of the files changes.
    """
    with publishing_tables() as publication:
        for path, (frame, schema) in tables.items():
            publication.append(path, frame, schema)


@contextmanager
def publishing_tables() -> Iterator[TablePublication]:
    """Tables written one after the other that take their final names together when the block ends without an error.

    Raises
    ------
    DataError
        Where a table breaks its contract or the disk is full; none of the files changes.
    """
    tables: list[Path] = []
    try:
        with ExitStack() as published:
            yield TablePublication(tables, published)
    except (OSError, pl.exceptions.ComputeError) as error:
        if not tables or not _is_full_disk(error):
            raise
        raise DataError(
            "no space left on the disk; nothing was changed",
            file=tables[0].parent,
            remedy="Free some space, or choose another data folder with --data, and run again",
        ) from error


class TablePublication:
    """See `publishing_tables`."""

    def __init__(self, tables: list[Path], published: ExitStack) -> None:
        self._tables, self._published = tables, published

    def append(self, path: Path, table: pl.DataFrame, schema: Contract) -> None:
        """Check a whole table against its contract and write it.

        Parameters
        ----------
        path
            The table's final path.
        table
            Rows with the contract's columns in any order.
        schema
            One of this module's contracts.

        Raises
        ------
        DataError
            Where the table breaks its contract.
        """
        self.stream(path, [table], schema)

    def stream(self, path: Path, parts: Iterable[pl.DataFrame], schema: Contract) -> None:
        """Check and write a table part by part; Polars encodes its row groups on all cores while the next is made.

        What a contract says of a whole table, such as that a key is unique, holds for each part; the caller sees to
        it that parts do not share keys. Errors of making a part pass through; the rest is as in `append`.
        """
        self._tables.append(path)
        checked = (_checked(path, part, schema) for part in parts)
        source = register_io_source(lambda *_: checked, schema=polars_schema(schema), is_pure=True)
        source.sink_parquet(
            self._published.enter_context(publish(path)),
            compression="zstd",
            compression_level=_COMPRESSION,
            statistics=False,  # row numbers and texts stand in no order that would let a reader skip
            row_group_size=_ROW_GROUP,
        )


def read_table(
    path: Path, schema: Contract, columns: Sequence[str] | None = None, rows: pl.Expr | None = None
) -> pl.DataFrame:
    """Read a table of the run folder.

    Parameters
    ----------
    path
        The artefact's path.
    schema
        The contract that it was written under.
    columns, rows
        What of it is needed: names, and a predicate. Nothing else is held in memory.

    Raises
    ------
    DataError
        Where the file is missing, cut short, not Parquet, or has other columns or types than the contract.
    """
    with scanned_table(path, schema) as scan:
        chosen = scan if rows is None else scan.filter(rows)
        return chosen.select(list(schema.columns if columns is None else columns)).collect()


@contextmanager
def scanned_table(path: Path, schema: Contract) -> Iterator[pl.LazyFrame]:
    """A table of the run folder that is read as far as the block asks; parameters and errors as in `read_table`."""
    remedy = "Delete it and run the pipeline again: the step that makes it will run"
    try:
        scan = pl.scan_parquet(path)
        _check_columns(path, scan.collect_schema(), schema, remedy)
        yield scan
    except FileNotFoundError as error:
        raise DataError(
            f"there is no {schema.name} table here",
            file=path,
            remedy="Run the pipeline to make it: recaudience reproduce",
        ) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"not a readable Parquet file ({error})", file=path, remedy=remedy) from error


def _checked(path: Path, frame: pl.DataFrame, schema: Contract) -> pl.DataFrame:
    remedy = "This is a fault in the step that writes it, not in your files: please report it"
    _check_columns(path, frame.schema, schema, remedy)
    try:
        return schema.validate(frame.select(list(schema.columns)))
    except SchemaError as error:
        name = getattr(error.schema, "name", None)
        raise DataError(
            f"the {schema.name} table breaks its contract: {' '.join(str(error).split())}",
            file=path,
            field=name if name in schema.columns else None,
            remedy=remedy,
        ) from error


def _check_columns(path: Path, found: pl.Schema, schema: Contract, remedy: str) -> None:
    for name, dtype in polars_schema(schema).items():
        if name not in found:
            raise DataError(f"the column is missing from the {schema.name} table", file=path, field=name, remedy=remedy)
        if found[name] != dtype:
            raise DataError(f"found type {found[name]}, expected {dtype}", file=path, field=name, remedy=remedy)
    if foreign := [name for name in found if name not in schema.columns]:
        raise DataError(f"unknown column in the {schema.name} table", file=path, field=foreign[0], remedy=remedy)


def _is_full_disk(error: BaseException) -> bool:
    """Polars passes the system's message on, without its number."""
    return getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error)
