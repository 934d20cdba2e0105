"""MovieLens in its csv form (latest-small, latest, 20M to 32M): a zip as published, or its unpacked folder.

Format: the README in each archive, https://grouplens.org/datasets/movielens. The zip is read in memory; nothing is
unpacked. A user's tags on a film are that user's words and stay with the (user, film) row.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import polars as pl

from storage.adapters.base import LISTED, RawTables, check_ratings, existing_source
from storage.datasets import DatasetSettings
from storage.errors import DataError

_COLUMNS = {
    "ratings.csv": ["userId", "movieId", "rating", "timestamp"],
    "movies.csv": ["movieId", "title", "genres"],
    "tags.csv": ["userId", "movieId", "tag", "timestamp"],
}
_NO_GENRE = "(no genres listed)"
_TITLE = r"^(?P<name>.*?)\s*\((?P<year>\d{4})\)\s*$"
_TRAILING_ARTICLE = r"^(.*), (The|A|An|Les|La|Le|Das|Der|Die|El|Il)$"


class MovieLensReader:
    """Reads ratings.csv, movies.csv and, where present, tags.csv."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[Path]:
        """The zip, or the csv files of the folder."""
        path = existing_source(source, settings)
        if path.is_file():
            return [path]
        found = [path / name for name in _COLUMNS if (path / name).is_file()]
        if path / "ratings.csv" in found:
            return found
        zips = sorted(path.glob("*.zip"))
        if len(zips) != 1:
            raise DataError(
                f"expected ratings.csv or one zip, found {len(zips)} zips",
                remedy="Give the MovieLens zip, or the folder that holds ratings.csv and movies.csv",
                file=path,
            )
        return zips

    def read(self, source: Path | None, settings: DatasetSettings) -> RawTables:
        """Read ratings, films and tags.

        Raises
        ------
        DataError
            Where a file is missing, damaged or of another format, or too many rows are malformed.
        """
        files = self.files(source, settings)
        contents = _unzip(files[0]) if len(files) == 1 and files[0].suffix != ".csv" else _read_folder(files)
        ratings, movies = (_table(files[0], contents, name) for name in ("ratings.csv", "movies.csv"))
        raw = ratings.rename({"userId": "user_id", "movieId": "item_id"})
        good, skipped = check_ratings(raw, contents["ratings.csv"][0], settings)
        interactions = good.join(
            _words(files[0], contents), on=["user_id", "item_id"], how="left", maintain_order="left"
        )
        return RawTables(
            interactions.select(
                "user_id",
                "item_id",
                "rating",
                "timestamp",
                pl.lit(None, dtype=pl.String).alias("review_text"),
                "words",
            ),
            _items(movies),
            raw.height,
            len(skipped),
            skipped[:LISTED],
        )


def _read_folder(files: list[Path]) -> dict[str, tuple[Path, bytes]]:
    return {path.name: (path, path.read_bytes()) for path in files}


def _unzip(path: Path) -> dict[str, tuple[Path, bytes]]:
    """Members by their last name; paths inside the archive are never used as paths on disk."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(name).name: name for name in archive.namelist() if Path(name).name in _COLUMNS}
            return {name: (path / name, archive.read(member)) for name, member in members.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"not a readable zip file ({error})", remedy="Fetch the archive again from its publisher", file=path
        ) from error


def _table(source: Path, contents: dict[str, tuple[Path, bytes]], name: str) -> pl.DataFrame:
    if name not in contents:
        raise DataError(
            f"{name} is missing",
            file=source,
            remedy="Give a MovieLens archive in csv form, with ratings.csv and movies.csv",
        )
    path, content = contents[name]
    try:
        table = pl.read_csv(io.BytesIO(content), infer_schema=False, truncate_ragged_lines=True, encoding="utf8")
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise DataError(
            f"not a csv file in UTF-8 ({str(error).splitlines()[0]})", remedy="Fetch the file again", file=path
        ) from error
    missing = [column for column in _COLUMNS[name] if column not in table.columns]
    if missing:
        raise DataError(
            f"columns are {', '.join(table.columns[:8])}; expected {', '.join(_COLUMNS[name])}",
            remedy="Give the file as published",
            file=path,
            row=1,
            field=missing[0],
        )
    return table.select(_COLUMNS[name]).with_row_index("row", offset=2)


def _words(source: Path, contents: dict[str, tuple[Path, bytes]]) -> pl.DataFrame:
    if "tags.csv" not in contents:
        return pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "words": pl.String})
    return (
        _table(source, contents, "tags.csv")
        .drop_nulls("tag")
        .group_by(pl.col("userId").alias("user_id"), pl.col("movieId").alias("item_id"))
        .agg(words=pl.col("tag").str.strip_chars().unique(maintain_order=True).str.join("; "))
    )


def _items(movies: pl.DataFrame) -> pl.DataFrame:
    title = pl.col("title").fill_null("").str.strip_chars()
    name = pl.coalesce(title.str.extract(_TITLE, 1), title).str.replace(_TRAILING_ARTICLE, "$2 $1")
    year = title.str.extract(_TITLE, 2)
    return (
        movies.drop_nulls("movieId")
        .unique("movieId", keep="last", maintain_order=True)
        .select(
            item_id=pl.col("movieId"),
            name=name,
            categories=pl.col("genres")
            .fill_null("")
            .replace(_NO_GENRE, "")
            .str.split("|")
            .list.filter(pl.element() != ""),
            attributes=pl.when(year.is_null()).then(pl.lit("")).otherwise(pl.format("Year: {}.", year)),
            description=pl.lit(""),
        )
    )
