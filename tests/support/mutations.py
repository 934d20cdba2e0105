"""Seeded damage to files, as it comes from disks, downloads, editors and people."""

from __future__ import annotations

import codecs
import datetime as dt
import gzip
import io
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

Mutation = Callable[[bytes, random.Random], bytes]

_ODD_VALUES = (
    *(
        "NaN",
        "inf",
        "-inf",
        "1e400",
        "-1e308",
        "9" * 400,
        "-1",
        "0",
        "",
        " ",
        "null",
        "true",
        "1e-320",
        "0x1F",
        "1_000",
    ),
    *("١٢", "18446744073709551616", "9223372036854775807", "\u2028", "\U0001f600", "a" * 5000, "=1+1", "../../x", "'"),
    *('"', "\\", "&#" + "9" * 5000 + ";", "&#x110000;", "<" * 300, "[" * 300, "{}", "[]", '["a"', "\\ud800"),
    *("2014-02-30", "+02:00", "-"),
)
_SEPARATORS = ("::", "\t", ",", "|", '", "')
_PREFIXES = ("../", "/", "../../../../tmp/", "a/../../", "C:\\", "..\\", "x" * 300 + "/", "é/", "")


def mutate(files: Mapping[str, bytes], rng: random.Random) -> tuple[dict[str, bytes], int]:
    """The same files, some of them damaged once to three times; and how many."""
    chosen = [name for name in files if rng.random() < 0.7] or [rng.choice(list(files))]
    mutated = dict(files)
    for name in chosen:
        for _ in range(rng.choice((1, 1, 2, 3))):
            typed = mutated[name][:4] == mutated[name][-4:] == b"PAR1" and rng.random() < 0.8
            mutated[name] = (_with_other_types if typed else rng.choice(MUTATIONS))(mutated[name], rng)
    return mutated, len(chosen)


def write(files: Mapping[str, bytes], folder: Path, rng: random.Random) -> None:
    """Mostly plain; sometimes packed, and the packing damaged or odd."""
    folder.mkdir()
    how = rng.choice(("plain",) * 6 + ("gz", "zip", "tar name", "one missing"))
    if how == "zip":
        (folder / "x.zip").write_bytes(_zip(files, rng))
        return
    missing = rng.choice(list(files)) if how == "one missing" else None
    for name, content in files.items():
        if name == missing:
            continue
        if how == "gz":
            packed = gzip.compress(content, mtime=0)
            packed = rng.choice((_truncated, _flipped, _with_garbage, _as_it_is))(packed, rng)
            (folder / f"{name}.gz").write_bytes(packed)
        else:
            (folder / (f"{name}.tar" if how == "tar name" else name)).write_bytes(content)


def _zip(files: Mapping[str, bytes], rng: random.Random) -> bytes:
    file, prefix = io.BytesIO(), rng.choice(_PREFIXES)
    kind = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", kind) as archive:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in files.items():
            archive.writestr(prefix + name, content)
            if rng.random() < 0.1:
                archive.writestr(rng.choice(_PREFIXES) + name, content)
        if rng.random() < 0.2:
            archive.writestr(rng.choice(("..", "a/..", "../../evil", "buckets", "__MACOSX/._ratings.csv")), b"evil")
    content = file.getvalue()
    return rng.choice((_truncated, _flipped, _with_garbage, _as_it_is, _as_it_is))(content, rng)


def _as_it_is(content: bytes, rng: random.Random) -> bytes:
    return content


def _truncated(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 3, 30)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _with_garbage(content: bytes, rng: random.Random) -> bytes:
    place = rng.choice((0, rng.randrange(len(content) + 1), len(content)))
    return content[:place] + rng.randbytes(rng.choice((1, 8, 200))) + content[place:]


def _recoded(content: bytes, rng: random.Random) -> bytes:
    return content.decode("utf-8", "replace").encode(
        rng.choice(("utf-16", "utf-16-le", "latin-1", "utf-32")), "replace"
    )


def _with_latin_letters(content: bytes, rng: random.Random) -> bytes:
    return content.replace(rng.choice((b"a", b"e", b",", b"1")), b"\xe9", rng.randrange(1, 4))


def _with_swapped_columns(content: bytes, rng: random.Random) -> bytes:
    separator = rng.choice(_SEPARATORS).encode()
    rows = content.split(b"\n")
    one, other = rng.randrange(4), rng.randrange(4)
    only = rng.randrange(len(rows)) if rng.random() < 0.5 else None
    for number, row in enumerate(rows):
        fields = row.split(separator)
        if len(fields) > max(one, other) and only in (None, number):
            fields[one], fields[other] = fields[other], fields[one]
            rows[number] = separator.join(fields)
    return b"\n".join(rows)


def _with_an_odd_value(content: bytes, rng: random.Random) -> bytes:
    values = list(re.finditer(rb"[\w.]+", content[:100_000]))
    value = rng.choice(_ODD_VALUES).encode()
    for found in sorted(rng.sample(values, min(len(values), rng.choice((1, 1, 5)))), key=lambda m: -m.start()):
        content = content[: found.start()] + value + content[found.end() :]
    return content


def _with_nul(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + b"\0" * rng.choice((1, 2, 5000)) + content[place:]


def _with_lines_changed(content: bytes, rng: random.Random) -> bytes:
    rows = content.split(b"\n")
    place = rng.randrange(len(rows))
    some = rows[place : place + rng.choice((1, 2, 10))]
    choices = (
        rows[:place] + rows[place + len(some) :],
        rows[:place] + some * rng.choice((2, 300)) + rows[place:],
        [*rows[:place], b"".join(some), *rows[place + len(some) :]],
        [*rows[:place], some[0][: len(some[0]) // 2], *rows[place + 1 :]],
        [*rows[:place], b"", b"  ", *rows[place:]],
        rows[1:],
        rows[:1],
        rng.sample(rows, len(rows)),
    )
    return b"\n".join(rng.choice(choices))


def _with_other_line_ends(content: bytes, rng: random.Random) -> bytes:
    return content.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b"\n\r", b" ", b"\x85")))


def _with_a_mark(content: bytes, rng: random.Random) -> bytes:
    return rng.choice((codecs.BOM_UTF8, codecs.BOM_UTF8 * 2, codecs.BOM_UTF16_LE, b"#\n", b"\n\n", b"PAR1")) + content


def _other(content: bytes, rng: random.Random) -> bytes:
    return rng.choice(
        (b"", b"\n", b" ", b"\0", b"PAR1", b"PK\5\6", b"[]\n", b"{}\n", b'"', b",,,\n,,,\n", rng.randbytes(500))
    )


def _with_other_quotes(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return rng.choice(
        (content.replace(b'"', b"'"), content.replace(b'"', b""), content[:place] + b'"' + content[place:])
    )


def _with_a_name_changed(content: bytes, rng: random.Random) -> bytes:
    names = re.findall(rb"[A-Za-z_]{3,}", content[:300])
    if not names:
        return content
    name, other = rng.choice(names), rng.choice((*names, b"row", b"line", b"", b"sound", b"$", b"a'b", b"a]b"))
    return content.replace(name, other, rng.choice((1, -1)))


_OTHER_TYPES: tuple[Callable[[pl.Expr], pl.Expr], ...] = (
    lambda column: column.cast(pl.String),
    lambda column: column.cast(pl.String).cast(pl.Binary),
    lambda column: column.cast(pl.String).cast(pl.Categorical),
    lambda column: column.cast(pl.Float64, strict=False),
    lambda column: pl.lit(None).alias(column.meta.output_name()),
    lambda column: pl.when(pl.int_range(pl.len()) != 3).then(column),
    pl.concat_list,
    lambda column: pl.struct(column).alias(column.meta.output_name()),
    lambda column: column.is_not_null(),
    lambda column: column.cast(pl.Float64, strict=False) / 0,
    lambda column: pl.lit(dt.date(2014, 7, 1)).alias(column.meta.output_name()),
    lambda column: pl.lit(dt.time(12)).alias(column.meta.output_name()),
    lambda column: pl.lit(dt.datetime(2014, 7, 1)).alias(column.meta.output_name()),
    lambda column: pl.lit(dt.timedelta(1)).alias(column.meta.output_name()),
    lambda column: pl.lit(b"\xff\xfe").alias(column.meta.output_name()),
    lambda column: column.alias("row"),
    lambda column: column.alias(""),
    lambda column: column.cast(pl.Float64, strict=False).cast(pl.Decimal(38, 2), strict=False),
    lambda column: pl.lit(2**63, pl.UInt64).alias(column.meta.output_name()),
)


def _with_other_types(content: bytes, rng: random.Random) -> bytes:
    """A Parquet file that is whole but holds other things than expected."""
    try:
        frame = pl.read_parquet(io.BytesIO(content))
        changed = rng.choice(_OTHER_TYPES)(pl.col(rng.choice(frame.columns)))
        frame = frame.with_columns(changed) if rng.random() < 0.8 else frame.head(rng.choice((0, 1, 3)))
        file = io.BytesIO()
        frame.write_parquet(file)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return content[:-1]
    return file.getvalue()


MUTATIONS: tuple[Mutation, ...] = (
    _truncated,
    _flipped,
    _with_garbage,
    _recoded,
    _with_latin_letters,
    _with_swapped_columns,
    _with_an_odd_value,
    _with_an_odd_value,
    _with_an_odd_value,
    _with_nul,
    _with_lines_changed,
    _with_lines_changed,
    _with_other_line_ends,
    _with_a_mark,
    _other,
    _with_other_quotes,
    _with_a_name_changed,
)
