"""MovieLens in every form that GroupLens publishes: a zip, read as it is, or its folder.

csv: latest, latest-small, 20M to 32M (ratings.csv, movies.csv, tags.csv; the README says which). dat: 1M and 10M
(ratings.dat, movies.dat, tags.dat; fields apart by `::`; 1M in ISO 8859-1). 100k: u.data and u.item. Format: the README
in each archive, https://grouplens.org/datasets/movielens. What a user tagged a film with are that user's words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from storage.errors import DataError
from storage.readers.raw_dataset import NO_WORDS, RawDataset
from storage.readers.scans import Scan
from storage.readers.sources import SourceFile, existing_source, list_files
from storage.readers.text_files import scan_csv, scan_fields
from storage.readers.timestamps import seconds
from storage.settings.datasets import DatasetSettings

_RATINGS = ["userId", "movieId", "rating", "timestamp"]
_MOVIES = ["movieId", "title", "genres"]
_TAGS = ["userId", "movieId", "tag", "timestamp"]
# fmt: off
_GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)
# fmt: on
_README = "README.txt"
_NAMED = re.compile(rb"\(ml-([a-z0-9-]+)\)")  # as in "This dataset (ml-25m) describes ..."
_NO_GENRE = ("(no genres listed)", "unknown", "")
_TITLE = r"^(?P<name>.*?)\s*\((?P<year>\d{4})\)\s*$"
_TRAILING_ARTICLE = r"^(.*), (The|A|An|Les|La|Le|Das|Der|Die|El|Il)$"


@dataclass(frozen=True)
class _Version:
    name: str
    ratings: str
    movies: str
    tags: str | None
    separator: str
    mark: str | None = None  # a file that no other version has


_DAT = ("ratings.dat", "movies.dat", "tags.dat", "::")
_VERSIONS = (
    _Version("MovieLens (csv)", "ratings.csv", "movies.csv", "tags.csv", ","),
    _Version("MovieLens 1M", *_DAT, mark="users.dat"),
    _Version("MovieLens 10M", *_DAT, mark="tags.dat"),
    _Version("MovieLens 1M or 10M", *_DAT),
    _Version("MovieLens 100k", "u.data", "u.item", None, "\t"),
)


class MovieLensReader:
    """Reads ratings, films and, where present, tags."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[SourceFile]:
        """Ratings, films and tags."""
        version, files = _recognise(existing_source(source, settings))
        return [files[name] for name in (version.ratings, version.movies, version.tags, _README) if name in files]

    def read(self, source: Path | None, settings: DatasetSettings, workspace: Path) -> RawDataset:
        """Open ratings and films, and read the tags.

        Raises
        ------
        DataError
            Where a file is missing, damaged or of another format.
        """
        version, files = _recognise(existing_source(source, settings))
        plain = {name: file.unpacked(workspace, latin_1=version.separator != ",") for name, file in files.items()}
        ratings, movies = plain[version.ratings], plain[version.movies]
        scan = _scan(ratings, _RATINGS, version).then(
            lambda rows: rows.select("row", "rating", "timestamp", user_id="userId", item_id="movieId")
        )
        films = _films_100k(movies) if version.tags is None else _films(_scan(movies, _MOVIES, version))
        return RawDataset(
            version=_named(plain[_README]) or version.name if _README in plain else version.name,
            ratings=scan.batches(),
            ratings_file=ratings,
            items=films.batches(),
            words=_words(plain[version.tags], version) if version.tags in plain else NO_WORDS,
        )


def _recognise(source: Path) -> tuple[_Version, dict[str, SourceFile]]:
    """The version whose ratings are there, and its files by name."""
    available = {file.name: file for file in list_files(source)}
    for version in _VERSIONS:
        if version.ratings in available and (version.mark is None or version.mark in available):
            if version.movies not in available:
                raise DataError(
                    f"{version.movies} is missing",
                    file=source,
                    remedy=f"Put {version.movies} beside {version.ratings}, or give the archive as published",
                )
            names = (version.ratings, version.movies, version.tags, *([_README] if version.separator == "," else []))
            return version, {name: available[name] for name in names if name is not None and name in available}
    raise DataError(
        f"expected ratings.csv, ratings.dat or u.data; there are: {', '.join(sorted(available)[:8]) or 'no files'}",
        remedy="Give a MovieLens zip as published, or the folder that holds its files",
        file=source,
    )


def _named(readme: Path) -> str | None:
    """What the README calls the dataset: `MovieLens 25M`, `MovieLens latest-small`."""
    with readme.open("rb") as file:
        match = _NAMED.search(file.read(4096))
    if match is None:
        return None
    name = match[1].decode()
    return f"MovieLens {name.upper() if name[0].isdigit() else name}"


def _scan(path: Path, columns: list[str], version: _Version) -> Scan:
    if version.separator == ",":
        return scan_csv(path, columns)
    return scan_fields(path, columns, separator=version.separator)


def _films(movies: Scan) -> Scan:
    return _described(movies, pl.col("genres").fill_null("").str.split("|"))


def _films_100k(path: Path) -> Scan:
    flags = ["movieId", "title", "released", "video_released", "address", *_GENRES_100K]
    genres = pl.concat_list(pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in _GENRES_100K)
    return _described(scan_fields(path, flags, separator="|"), genres.list.drop_nulls())


def _described(movies: Scan, genres: pl.Expr) -> Scan:
    title = pl.col("title").fill_null("").str.strip_chars()
    name = pl.coalesce(title.str.extract(_TITLE, 1), title).str.replace(_TRAILING_ARTICLE, "$2 $1")
    year = title.str.extract(_TITLE, 2)
    facts = {
        "item_id": pl.col("movieId").str.strip_chars(),
        "name": name,
        "categories": genres.list.eval(pl.element().filter(~pl.element().is_in(_NO_GENRE))),
        "attributes": pl.format("Year: {}.", year).fill_null(""),
        "description": pl.lit(""),
    }
    return movies.then(lambda rows: rows.filter(pl.col("movieId").is_not_null()).select(**facts))


def _words(path: Path, version: _Version) -> pl.DataFrame:
    words = {
        "user_id": pl.col("userId").str.strip_chars(),
        "item_id": pl.col("movieId").str.strip_chars(),
        "word": pl.col("tag").str.strip_chars(),
        "timestamp": seconds("timestamp", pl.String(), "s"),
    }
    tags = _scan(path, _TAGS, version).then(lambda rows: rows.drop_nulls(["userId", "movieId", "tag"]).select(**words))
    return pl.concat([NO_WORDS, *tags.batches()]).unique(["user_id", "item_id", "word"], maintain_order=True)
