"""Anime ratings in both shapes known from Kaggle, both made from MyAnimeList.

2016 (CooperUnion): anime.csv and rating.csv, where a rating of -1 is a title on somebody's list without a score. 2020:
anime.csv or anime_with_synopsis.csv and rating_complete.csv, animelist.csv or rating.csv; an animelist's score of 0 is
none. Neither has timestamps. The titles' score, rank and members are sums over all users and are not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from storage.errors import DataError
from storage.readers.raw_dataset import UNRATED, RawDataset, keeping
from storage.readers.scans import Scan
from storage.readers.sources import SourceFile, existing_source, list_files
from storage.readers.text import clean_names, clean_text, sentence
from storage.readers.text_files import scan_csv
from storage.settings.datasets import DatasetSettings

_RATINGS = ("rating_complete.csv", "animelist.csv", "rating.csv")
_TITLES, _SYNOPSES = "anime.csv", "anime_with_synopsis.csv"
_UNRATED = ("-1", "0")
_ATTRIBUTES = {
    "Type": ("type", "Type"),
    "Episodes": ("episodes", "Episodes"),
    "Source": ("source", "Source"),
    "Studios": ("studios", "Studios"),
    "Aired": ("premiered", "Premiered"),
}
_NO_SYNOPSIS = "No synopsis"


class AnimeReader:
    """Reads list entries, titles and, where present, synopses."""

    def files(self, source: Path | None, settings: DatasetSettings) -> list[SourceFile]:
        """The ratings file and one or two files of titles."""
        folder = existing_source(source, settings)
        available = {file.name: file for file in list_files(folder)}
        ratings = next((name for name in _RATINGS if name in available), None)
        titles = [name for name in (_TITLES, _SYNOPSES) if name in available]
        if ratings is None or not titles:
            raise DataError(
                f"expected one of {', '.join(_RATINGS)} and one of {_TITLES}, {_SYNOPSES}; there are: "
                f"{', '.join(sorted(available)[:8]) or 'no files'}",
                remedy="Give the folder, or the zip, with the files as published",
                file=folder,
            )
        return [available[ratings], *(available[name] for name in titles)]

    def read(self, source: Path | None, settings: DatasetSettings, workspace: Path) -> RawDataset:
        """Open ratings and titles. Entries without a score are no ratings: they are left out, and counted as such.

        Raises
        ------
        DataError
            Where a file is missing, damaged or of another format.
        """
        files = self.files(source, settings)
        ratings, *titles = (file.unpacked(workspace) for file in files)
        scan = scan_csv(ratings, ["user_id", "anime_id"])
        columns = scan.names
        score = "score" if "score" in columns else "rating"
        if score not in columns:
            raise DataError(
                f"columns are {', '.join(columns[:8])}; expected user_id, anime_id, rating",
                remedy="Give the file as published",
                file=ratings,
                row=1,
                field="rating",
            )
        value = pl.col(score).str.strip_chars()
        is_rated = ~value.is_in(_UNRATED).fill_null(value=False)
        left_out = Counter[str]()
        rated = scan.then(keeping(is_rated, left_out, UNRATED)).then(
            lambda rows: rows.select("row", "user_id", item_id="anime_id", rating=score)
        )
        tables = [_Titles.of(path) for path in titles]
        return RawDataset(
            version=f"Anime {'2020' if any(table.is_2020 for table in tables) else '2016'}"
            + (" with synopses" if len(files) > 2 or files[-1].name == _SYNOPSES else ""),
            ratings=rated.batches(),
            ratings_file=ratings,
            items=_items(tables),
            left_out=left_out,
        )


@dataclass(frozen=True)
class _Titles:
    scan: Scan
    is_2020: bool

    @classmethod
    def of(cls, path: Path) -> _Titles:
        scan = scan_csv(path)
        columns = scan.names
        is_2020 = "MAL_ID" in columns
        expected = ("MAL_ID", "Name", "Genres") if is_2020 else ("anime_id", "name", "genre")
        for name in expected:
            if name not in columns:
                raise DataError(
                    f"columns are {', '.join(columns[:8])}; expected {', '.join(expected)}",
                    remedy="Give the file as published",
                    file=path,
                    row=1,
                    field=name,
                )
        return cls(scan, is_2020)

    def described(self) -> Scan:
        """item_id, name, categories, attributes, description."""
        columns = self.scan.names
        genres = clean_names(pl.col("Genres" if self.is_2020 else "genre").str.split(","))
        synopsis = next((name for name in ("sypnopsis", "synopsis") if name in columns), None)
        text = pl.lit("") if synopsis is None else clean_text(pl.col(synopsis).fill_null(""))
        attributes = [
            sentence(label, clean_text(_known(name)))
            for label, names in _ATTRIBUTES.items()
            for name in names
            if name in columns
        ]
        facts = {
            "item_id": pl.col("MAL_ID" if self.is_2020 else "anime_id").str.strip_chars(),
            "name": clean_text(pl.col("Name" if self.is_2020 else "name")),
            "categories": genres.list.eval(pl.element().filter(pl.element() != "Unknown")),
            "attributes": pl.concat_str(*attributes, separator=" ", ignore_nulls=True) if attributes else pl.lit(""),
            "description": pl.when(text.str.starts_with(_NO_SYNOPSIS)).then(pl.lit("")).otherwise(text),
        }
        return self.scan.then(lambda rows: rows.select(**facts).filter(pl.col("item_id").is_not_null()))


def _known(name: str) -> pl.Expr:
    return pl.col(name).replace("Unknown", None)


def _items(tables: list[_Titles]) -> Iterator[pl.DataFrame]:
    """Titles with the synopses of the other file where there are two; a title that only one file has stays."""
    frames = []
    for table in tables:
        parts = list(table.described().batches())
        if parts:
            frames.append(pl.concat(parts).unique("item_id", keep="last", maintain_order=True))
    if len(frames) < 2:
        yield from frames
        return
    titles, synopses = frames
    both = titles.join(synopses, on="item_id", how="full", coalesce=True, suffix="_2", maintain_order="left_right")

    def filled(name: str) -> pl.Expr:
        return pl.when(pl.col(name).fill_null("") == "").then(f"{name}_2").otherwise(name).alias(name)

    yield both.select(
        "item_id",
        filled("name"),
        categories=pl.coalesce("categories", "categories_2"),
        attributes=filled("attributes"),
        description=filled("description"),
    )
