"""Odd files of one's own, kind by kind: what is read equals what is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from storage.adapters.table.layout import is_no_fact, sums_up_users
from storage.adapters.table.own_tables import infer_table
from storage.errors import DataError
from tasks.report.dataset_preview import DatasetPreview, preview
from tasks.steps.ingest import IngestSettings

N = 40


def shown(folder: Path, interactions: Path, items: Path | None = None) -> DatasetPreview:
    """What the files are understood as."""
    table = {"interactions": str(interactions), "items": None if items is None else str(items)}
    settings = infer_table("odd", table, {}).settings
    return preview(IngestSettings(dataset=settings), 1000, folder)


def rows(seed: int) -> list[tuple[str, str, int]]:
    """Users, items and ratings from 1 to 5."""
    rng = np.random.default_rng(seed)
    return [(f"u{n // 8}", f"i{n % 8}", int(rating)) for n, rating in enumerate(rng.integers(1, 6, size=N))]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("stray", ['"Best kettle', 'a 5" nail', '"So" she said', '"', 'end"'])
def test_stray_quotes_in_a_file_of_tabs_cost_no_row(tmp_path: Path, seed: int, stray: str) -> None:
    odd = set(np.random.default_rng(seed).permutation(N)[:6].tolist())
    texts = [f"{stray} {n}" if n in odd else f"plain {n}" for n in range(N)]
    lines = [f"{u}\t{i}\t{r}\t{text}" for (u, i, r), text in zip(rows(seed), texts, strict=True)]
    read = shown(tmp_path, write(tmp_path / "r.tsv", ["user_id\titem_id\trating\treview", *lines]))
    assert read.rows == N
    assert [row.review_text for row in read.interactions] == texts


@pytest.mark.parametrize("stray", ['a 5" nail', '"So" she said', 'both 5" and 6"'])
def test_stray_quotes_in_a_file_of_commas_cost_no_row(tmp_path: Path, stray: str) -> None:
    texts = [stray if n % 7 == 3 else "plain" for n in range(N)]
    lines = [f"{u},{i},{r},{text}" for (u, i, r), text in zip(rows(0), texts, strict=True)]
    read = shown(tmp_path, write(tmp_path / "r.csv", ["user_id,item_id,rating,review", *lines]))
    assert [row.review_text for row in read.interactions] == texts


def test_quoted_fields_of_a_file_of_tabs_may_hold_tabs_and_line_breaks(tmp_path: Path) -> None:
    lines = [f'{u}\t{i}\t{r}\t"first\nsecond ""part"""' for u, i, r in rows(0)]
    read = shown(tmp_path, write(tmp_path / "r.tsv", ["user_id\titem_id\trating\treview", *lines]))
    assert {row.review_text for row in read.interactions} == {'first second "part"'}


@pytest.mark.parametrize("separator", [", ", "; ", ";  "])
def test_blanks_after_separators_are_no_part_of_a_field(tmp_path: Path, separator: str) -> None:
    lines = [separator.join((u, i, str(r))) for u, i, r in rows(1)]
    items = [separator.join((f"i{n}", f'"Box{separator}large {n}"', '"Toys|Games"')) for n in range(8)]
    read = shown(
        tmp_path,
        write(tmp_path / "r.csv", [separator.join(("user_id", "item_id", "rating")), *lines]),
        write(tmp_path / "i.csv", [separator.join(("item_id", "name", "genres")), *items]),
    )
    assert [(row.user_id, row.item_id, row.rating) for row in read.interactions] == rows(1)
    assert read.items[0].categories == ["Toys", "Games"]
    assert read.items[3].name == f"Box{separator}large 3".replace("  ", " ")


@pytest.mark.parametrize(
    ("ratings", "threshold"),
    [
        ((-1, -0.5, 0.5, 1), 0.2),
        ((-2, -1, 0, 1, 2), 0.4),
        (tuple(range(21)), 12),
        ((0, 1), 1),
        ((1, 2, 3, 4, 5), 3),
        (tuple(range(1, 11)), 6),
    ],
)
def test_likes_start_at_three_fifths(tmp_path: Path, ratings: tuple[float, ...], threshold: float) -> None:
    cycle = [ratings[n % len(ratings)] for n in range(6 * len(ratings))]
    lines = [f"u{n // 6},i{n % 6},{rating}" for n, rating in enumerate(cycle)]
    read = shown(tmp_path, write(tmp_path / "r.csv", ["user_id,item_id,rating", *lines]))
    assert read.like_threshold == pytest.approx(threshold)
    assert read.rows == len(lines)


@pytest.mark.parametrize("seed", range(3))
def test_no_rating_of_a_continuous_scale_is_malformed(tmp_path: Path, seed: int) -> None:
    ratings = np.random.default_rng(seed).uniform(-7, 7, size=3000).round(2)
    lines = [f"u{n // 30},i{n % 30},{rating}" for n, rating in enumerate(ratings.tolist())]
    assert shown(tmp_path, write(tmp_path / "r.csv", ["user_id,item_id,rating", *lines])).rows == 3000


@pytest.mark.parametrize(("marks", "nothing"), [((5, 6, 7, 8, 9, 10), 0), ((1, 2, 3, 4, 5), 99), ((1, 2, 3), -1)])
def test_a_rating_apart_from_all_others_stands_for_none(tmp_path: Path, marks: tuple[int, ...], nothing: int) -> None:
    given = [marks[n % len(marks)] if n % 3 else nothing for n in range(60)]
    lines = [f"u{n // 10},i{n % 10},{rating}" for n, rating in enumerate(given)]
    read = shown(tmp_path, write(tmp_path / "r.csv", ["user_id,item_id,rating", *lines]))
    assert read.rows == sum(rating != nothing for rating in given)


def test_a_zero_that_may_be_a_rating_stays(tmp_path: Path) -> None:
    lines = [f"u{n // 10},i{n % 10},{n % 6}" for n in range(60)]
    assert shown(tmp_path, write(tmp_path / "r.csv", ["user_id,item_id,rating", *lines])).rows == 60


@pytest.mark.parametrize(
    ("form", "number"),
    [
        (lambda r: f"{r}/5", float),
        (lambda r: f"{r}.0 out of 5 stars", float),
        (lambda r: "★" * r + "☆" * (5 - r), float),
        (lambda r: f"{r},0", float),
        (lambda r: str(r > 2), lambda r: float(r > 2)),
        (lambda r: str(r > 2).lower(), lambda r: float(r > 2)),
    ],
)
def test_ratings_as_people_write_them(
    tmp_path: Path, form: Callable[[int], str], number: Callable[[int], float]
) -> None:
    lines = [f"{u};{i};{form(r)}" for u, i, r in rows(2)]
    read = shown(tmp_path, write(tmp_path / "r.csv", ["user_id;item_id;rating", *lines]))
    assert [row.rating for row in read.interactions] == [number(r) for _, _, r in rows(2)]


def test_ratings_that_are_none_are_quoted(tmp_path: Path) -> None:
    lines = [f"{u},{i},superb" for u, i, _ in rows(0)]
    with pytest.raises(DataError, match="'superb'"):
        shown(tmp_path, write(tmp_path / "r.csv", ["user_id,item_id,rating", *lines]))


@pytest.mark.parametrize("seed", range(3))
def test_whole_ids_of_any_length_stay_as_they_stand(tmp_path: Path, seed: int) -> None:
    digits = np.random.default_rng(seed).integers(0, 10, size=(5, 23))
    ids = ["1" + "".join(map(str, row)) for row in digits[:, : 16 + 2 * seed].tolist()]
    lines = [f'{{"user_id": {ids[n // 8]}, "item_id": {n % 8}, "rating": {r}}}' for n, (_, _, r) in enumerate(rows(3))]
    read = shown(tmp_path, write(tmp_path / "r.jsonl", lines))
    assert [row.user_id for row in read.interactions] == [ids[n // 8] for n in range(N)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_ids_with_an_empty_fraction_are_those_of_the_other_table(tmp_path: Path, kind: str) -> None:
    table = pl.DataFrame(
        {
            "user_id": [float(n // 8) for n in range(N)],
            "item_id": [float(n % 8) for n in range(N)],
            "rating": [r for _, _, r in rows(4)],
        }
    )
    path = tmp_path / f"r.{kind}"
    table.write_csv(path) if kind == "csv" else table.write_parquet(path)
    items = write(tmp_path / "i.csv", ["item_id,name", *(f"{n},Thing {n}" for n in range(8))])
    read = shown(tmp_path, path, items)
    assert [(item.item_id, item.name) for item in read.items] == [(str(n), f"Thing {n}") for n in range(8)]


def test_leading_zeros_stay(tmp_path: Path) -> None:
    lines = [f"00{u[1:]},0{i[1:]},{r}" for u, i, r in rows(0)]
    read = shown(tmp_path, write(tmp_path / "r.csv", ["user_id,item_id,rating", *lines]))
    assert read.interactions[0].user_id == "000"
    assert read.interactions[9].item_id == "01"


@pytest.mark.parametrize("form", ["%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d"])
def test_days_in_several_forms(tmp_path: Path, form: str) -> None:
    days = [date(2018, 1, 1) + timedelta(days=17 * n) for n in range(N)]
    lines = [f"{u},{i},{r},{day.strftime(form)}" for (u, i, r), day in zip(rows(5), days, strict=True)]
    read = shown(tmp_path, write(tmp_path / "r.csv", ["user_id,item_id,rating,date", *lines]))
    assert [row.timestamp for row in read.interactions] == [f"{day.isoformat()}T00:00:00Z" for day in days]


def test_keys_that_come_late_are_read_and_rows_without_a_time_stay(tmp_path: Path) -> None:
    early = [{"user_id": u, "item_id": i, "rating": r} for u, i, r in rows(6)] * 8
    late = [{**row, "timestamp": 1_500_000_000 + n, "review": f"text {n}"} for n, row in enumerate(early[:N])]
    read = shown(tmp_path, write(tmp_path / "r.jsonl", [json.dumps(row) for row in [*early, *late]]))
    assert read.rows == 9 * N
    assert read.interactions[0].timestamp is None
    assert read.interactions[-1].review_text == f"text {N - 1}"


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("\"[{'id': 16, 'name': 'Cartoon'}, {'id': 35, 'name': 'Fun'}]\"", ["Cartoon", "Fun"]),
        ('"[{""id"": 1, ""title"": ""Kids\' stuff""}]"', ["Kids' stuff"]),
        ("\"['Drama' 'War']\"", ["Drama", "War"]),
        ("\"['Drama', 'War']\"", ["Drama", "War"]),
        ('"[""Drama"", ""nan""]"', ["Drama"]),
    ],
)
def test_lists_in_cells(tmp_path: Path, cell: str, names: list[str]) -> None:
    ratings = write(tmp_path / "r.csv", ["user_id,item_id,rating", *(f"{u},{i},{r}" for u, i, r in rows(0))])
    items = write(tmp_path / "i.csv", ["id,title,genres", *(f"i{n},Film {n},{cell}" for n in range(8))])
    assert all(item.categories == names for item in shown(tmp_path, ratings, items).items)


@pytest.mark.parametrize("nothing", ["nan", "None", "null", "N/A", "UNKNOWN", "\\N"])
def test_words_for_nothing_are_no_names(tmp_path: Path, nothing: str) -> None:
    ratings = write(tmp_path / "r.csv", ["user_id,item_id,rating", *(f"{u},{i},{r}" for u, i, r in rows(0))])
    cells = (f"i{n},{nothing},{nothing},{nothing if n % 2 else 'Ada'}" for n in range(8))
    first, second = shown(tmp_path, ratings, write(tmp_path / "i.csv", ["item_id,name,genres,maker", *cells])).items[:2]
    assert (first.name, first.categories, first.attributes) == ("i0", [], "Maker: Ada.")
    assert second.attributes == ""


def test_parquet_of_bytes_and_decimals(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "user_id": [u.encode() for u, _, _ in rows(0)],
            "item_id": pl.Series([i for _, i, _ in rows(0)], dtype=pl.Categorical),
            "rating": pl.Series([r for _, _, r in rows(0)]).cast(pl.Decimal(10, 2)),
        }
    )
    table.write_parquet(tmp_path / "r.parquet")
    read = shown(tmp_path, tmp_path / "r.parquet")
    assert [(row.user_id, row.item_id, row.rating) for row in read.interactions] == rows(0)


_SUMS = (
    *(
        "Average Rating",
        "Rating Count",
        "Number of Reviews",
        "Sales Rank",
        "ratings_1",
        "work_ratings_count",
        "scored_by",
    ),
    *("bayesaverage", "usersrated", "numowned", "positive_ratings", "imdb_score", "nb_ratings", "vote_average"),
    *("popularity", "userScore", "playCount"),
)


@pytest.mark.parametrize("name", _SUMS)
def test_columns_that_sum_up_users_are_recognised(name: str) -> None:
    assert sums_up_users(name)


@pytest.mark.parametrize("name", ["year", "Age rating", "content_rating", "authors", "length", "brand", "type"])
def test_columns_of_content_are_not(name: str) -> None:
    assert not sums_up_users(name)
    assert not is_no_fact(name)


@pytest.mark.parametrize("name", ["work_id", "image_url", "Unnamed: 0", "__index_level_0__", "ISBN13", "posterLink"])
def test_ids_links_and_row_numbers_are_no_facts(name: str) -> None:
    assert is_no_fact(name)
