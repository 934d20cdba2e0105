"""Files of rows, read block by block: a bounded number of rows in memory, each with the number of its line.

A block ends where a record ends, so that it can be parsed by itself: while one is in use, two are parsed on threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from io import FileIO
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from storage.adapters.sources import unreadable
from storage.errors import DataError
from storage.readers.ahead import ahead

ROW = "row"
_BLOCK_BYTES = 16 << 20
_ROWS_OF_PARQUET = 250_000
_PROBE_BYTES = 64 << 10
_STRIDE = 1 << 16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError)


Parse = Callable[[], pl.DataFrame]


@dataclass(frozen=True)
class Scan:
    """Rows of a file that will be read block by block; its methods are those of Polars' frames and act on each block.

    Parameters
    ----------
    path
        The file, for messages.
    names
        Columns of the file; beside them stands `row`, the 1-based line (in Parquet: row) of each record.
    blocks
        Reads the file from its beginning; each block is what parses it.
    steps
        What is done to each block, of several at the same time.
    """

    path: Path
    names: tuple[str, ...]
    blocks: Callable[[], Iterator[Parse]]
    steps: tuple[Callable[[pl.DataFrame], pl.DataFrame], ...] = ()

    def then(self, step: Callable[[pl.DataFrame], pl.DataFrame]) -> Self:
        """The same rows after one more step."""
        return replace(self, steps=(*self.steps, step))

    def batches(self) -> Iterator[pl.DataFrame]:
        """All rows in their order; the next blocks are read and parsed while one is being used.

        Raises
        ------
        DataError
            Where the file cannot be read; the line is named where it can be found.
        """
        return ahead(self._parsed, self._blocks_ahead())

    def schema(self) -> pl.Schema:
        """Names and types."""
        return self.head(1).schema

    def head(self, rows: int) -> pl.DataFrame:
        """The first rows; of an empty file a frame without rows.

        Raises
        ------
        DataError
            As `batches`.
        """
        found: list[pl.DataFrame] = []
        blocks = self.blocks()
        while sum(frame.height for frame in found) < rows and (parse := self._next(blocks)) is not None:
            found.append(self._parsed(parse))
        empty = pl.DataFrame(schema={ROW: pl.Int64} | dict.fromkeys(self.names, pl.String))
        return pl.concat(found).head(rows) if found else empty

    def _blocks_ahead(self) -> Iterator[Parse]:
        """The blocks, each read while the one before is used."""
        blocks = self.blocks()
        with ThreadPoolExecutor(1, thread_name_prefix=f"read {self.path.name}") as thread:
            waiting = thread.submit(self._next, blocks)
            while (parse := waiting.result()) is not None:
                waiting = thread.submit(self._next, blocks)
                yield parse

    def _next(self, blocks: Iterator[Parse]) -> Parse | None:
        """The next block; None at the end."""
        try:
            return next(blocks, None)
        except _FAILURES as error:
            raise unreadable(self.path, error) from error

    def _parsed(self, parse: Parse) -> pl.DataFrame:
        """The rows of a block after all steps."""
        try:
            frame = parse()
            for step in self.steps:
                frame = step(frame)
        except _FAILURES as error:
            raise unreadable(self.path, error) from error
        return frame


def scan_lines(path: Path) -> Scan:
    """Lines that are not blank, in column `line`, without byte-order mark."""

    def parsed(block: _Block) -> pl.DataFrame:
        lines = pl.scan_lines(block.data, row_index_name=ROW, row_index_offset=block.line).collect()
        return lines.filter(pl.col("line").str.strip_chars() != "").cast({ROW: pl.Int64})

    return Scan(path, ("line",), lambda: (partial(parsed, block) for block in _blocks(path, quoted=False)))


def scan_json_lines(path: Path, fields: Mapping[str, str]) -> Scan:
    """Fields of JSON lines as text: strings as they are, anything else as JSON; null where a line has none.

    Parameters
    ----------
    path
        A plain UTF-8 file.
    fields
        Column names and the JSON paths that fill them, as in {"user_id": "$.reviewerID"}.
    """
    paths = {name: pl.col("line").str.json_path_match(path) for name, path in fields.items()}
    scan = scan_lines(path).then(lambda lines: lines.select(ROW, **paths))
    return replace(scan, names=tuple(fields))


def scan_csv(path: Path, columns: Sequence[str] = (), *, separator: str = ",") -> Scan:
    """All columns of a file with a header, as text.

    A field that a record lacks is null; what a record has too much of is left out.

    Parameters
    ----------
    path
        A plain UTF-8 file.
    columns
        Columns that must be there.
    separator
        One character.

    Raises
    ------
    DataError
        Where it has no header or a column is missing.
    """
    names = _header(path, separator)
    missing = [name for name in columns if name not in names]
    if missing:
        raise DataError(
            f"columns are {', '.join(names[:8])[:200]}; expected {', '.join(columns)}",
            remedy="Give the file as published",
            file=path,
            row=1,
            field=missing[0],
        )

    def parsed(block: _Block) -> pl.DataFrame:
        frame = pl.read_csv(
            block.data,
            has_header=False,
            separator=separator,
            schema=dict.fromkeys(names, pl.String),
            infer_schema=False,
            truncate_ragged_lines=True,
            missing_columns="insert",
            raise_if_empty=False,
        )
        frame = frame.with_columns(_line_numbers(frame, block))
        frame = frame[1:] if block.line == 1 else frame
        # A blank line is no record.
        return frame.filter(pl.any_horizontal(pl.col(names).is_not_null())) if frame[names[0]].has_nulls() else frame

    return Scan(path, names, lambda: (partial(parsed, block) for block in _blocks(path, quoted=True)))


def scan_fields(path: Path, columns: Sequence[str], *, separator: str) -> Scan:
    """Fields of a file without header and quotes, such as MovieLens' u.data, as text columns.

    A field that a line lacks is null; what follows the last named column is left out.
    """
    fields = pl.col("line").str.strip_chars_end("\r").str.split(separator)
    named = {name: fields.list.get(place, null_on_oob=True) for place, name in enumerate(columns)}
    return replace(scan_lines(path).then(lambda lines: lines.select(ROW, **named)), names=tuple(columns))


def scan_parquet(path: Path) -> Scan:
    """The columns of a Parquet file that a text file could hold, as they are typed.

    Raises
    ------
    DataError
        Where it is no Parquet file.
    """
    try:
        schema = pl.read_parquet_schema(path)
    except _FAILURES as error:
        raise unreadable(path, error) from error
    cells = {name: cell for name, dtype in schema.items() if name != ROW and (cell := _cell(name, dtype)) is not None}

    def parsed(batch: pa.RecordBatch, row: int) -> pl.DataFrame:
        frame = pl.DataFrame(pa.Table.from_batches([batch])).select(**cells)
        return frame.with_columns(pl.int_range(row, row + frame.height, dtype=pl.Int64, eager=True).alias(ROW))

    def blocks() -> Iterator[Parse]:
        row = 1
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_OF_PARQUET, columns=list(cells)):
                yield partial(parsed, batch, row)
                row += batch.num_rows

    return Scan(path, tuple(cells), blocks)


def json_texts(text: pl.Expr) -> pl.Expr:
    """A JSON array of strings, as text, to a list of strings; a single string to a list of one, nothing to null."""
    return (
        pl.when(text.str.starts_with("["))
        .then(text.map_batches(_arrays, return_dtype=pl.List(pl.String)))
        .when(text.str.strip_chars() != "")
        .then(pl.concat_list(text))
    )


class _Block(NamedTuple):
    """A piece of a file that ends where a record ends: number of its first line, number of line breaks, bytes."""

    line: int
    breaks: int
    data: bytes


def _blocks(path: Path, *, quoted: bool) -> Iterator[_Block]:
    """The whole file in pieces of about `_BLOCK_BYTES`, longer where a record is."""
    with path.open("rb", buffering=0) as file:
        size, line = os.fstat(file.fileno()).st_size, 1
        offset, window = (
            len(_BYTE_ORDER_MARK) if file.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK else 0,
            _BLOCK_BYTES,
        )
        while offset < size:
            is_last = offset + window >= size
            data = _read(file, offset, size - offset if is_last else _line_end(file, offset, window))
            breaks, quotes = _count(data, b'\n"')
            end = _record_end(data, quotes if quoted else 0)
            if not end and not is_last:  # not one whole record: look further
                window *= 2
                continue
            if end < len(data) and end:
                breaks -= data.count(b"\n", end)
                data = data[:end]
            yield _Block(line, breaks, data)
            line, offset, window = line + breaks, offset + len(data), _BLOCK_BYTES


def _line_end(file: FileIO, offset: int, window: int) -> int:
    """Length of the whole lines in the next `window` bytes; 0 where there is no line break."""
    for length in (min(window, _PROBE_BYTES), window):
        found = _read(file, offset + window - length, length).rfind(b"\n") + 1
        if found:
            return window - length + found
    return 0


def _read(file: FileIO, offset: int, length: int) -> bytes:
    """Bytes at an offset, in one piece of memory: nothing is copied."""
    file.seek(offset)
    data = file.read(length)
    while len(data) < length and (more := file.read(length - len(data))):
        data += more
    return data


def _record_end(block: bytes, quotes: int) -> int:
    """Where the last whole record ends: after a line break that is not inside quotes; 0 where there is none."""
    last = end = block.rfind(b"\n") + 1
    is_open = quotes and (quotes - block.count(b'"', end)) % 2
    while is_open and end:
        before = block.rfind(b"\n", 0, end - 1) + 1
        is_open ^= block.count(b'"', before, end) % 2
        end = before
    # No record is as long as a block: the quotes are strays, and records are lines.
    return end or last


def _count(data: bytes, characters: bytes) -> list[int]:
    """How often each character stands in a block; bytes.count takes five times as long where one is frequent."""
    found, same = [0] * len(characters), np.empty(_STRIDE, dtype=bool)
    block = np.frombuffer(data, np.uint8)
    for start in range(0, len(block), _STRIDE):  # pieces that stay in the processor's cache
        piece = block[start : start + _STRIDE]
        for place, character in enumerate(characters):
            found[place] += int(np.count_nonzero(np.equal(piece, character, out=same[: len(piece)])))
    return found


def _header(path: Path, separator: str) -> tuple[str, ...]:
    """The names in the first record, each once."""
    try:
        block = next((block.data for block in _blocks(path, quoted=True)), b"")
        first = pl.read_csv(
            block, has_header=False, separator=separator, infer_schema=False, n_rows=1, truncate_ragged_lines=True
        ).row(0)
    except _FAILURES as error:
        raise unreadable(path, error) from error
    names: dict[str, None] = {}
    for place, name in enumerate(first):
        plain = (name or "").strip() or f"column_{place + 1}"
        names[plain if plain not in names and plain != ROW else f"{plain}_{place + 1}"] = None
    return tuple(names)


def _line_numbers(frame: pl.DataFrame, block: _Block) -> pl.Series:
    """The line that each record of a block begins at."""
    place = pl.int_range(block.line, block.line + frame.height, dtype=pl.Int64, eager=True)
    if block.breaks <= frame.height or frame.height == 0:
        return place.alias(ROW)
    inside = frame.select(pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True).fill_null(0))).to_series()
    return (place + inside.cum_sum() - inside).cast(pl.Int64).alias(ROW)


def _cell(name: str, dtype: pl.DataType) -> pl.Expr | None:
    """A Parquet column as text, a number, a time or a list of texts; None for anything else."""
    column = pl.col(name)
    if isinstance(dtype, pl.Array):
        dtype, column = pl.List(dtype.inner), column.arr.to_list()
    if isinstance(dtype, pl.List):
        return column.cast(pl.List(pl.String)) if _is_plain(dtype.inner) else None
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    return column if _is_plain(dtype) else None


def _is_plain(dtype: object) -> bool:
    if isinstance(dtype, pl.String | pl.Boolean | pl.Date | pl.Datetime | pl.Categorical | pl.Enum | pl.Null):
        return True
    return isinstance(dtype, pl.DataType) and dtype.is_numeric()


def _arrays(texts: pl.Series) -> pl.Series:
    try:
        arrays = pl.when(texts.str.starts_with("[")).then(texts).otherwise(pl.lit("[]"))
        return pl.select(arrays.str.json_decode(pl.List(pl.String))).to_series()
    except pl.exceptions.PolarsError:  # one of them is none, or nested: judged one by one
        return pl.Series(texts.name, [_array(text) for text in texts.to_list()], dtype=pl.List(pl.String))


def _array(text: str | None) -> list[str] | None:
    if text is None or not text.startswith("["):
        return None
    try:
        return pl.Series([text]).str.json_decode(pl.List(pl.String)).to_list()[0]
    except pl.exceptions.PolarsError:
        return None
