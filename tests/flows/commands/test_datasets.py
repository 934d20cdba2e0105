from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner, Result

from flows.commands.command_line import app
from storage.errors import DataError, SettingsError


def recaudience(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["datasets", *arguments, "--data", str(data)], catch_exceptions=False)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop's logs: 8 members, 12 articles, no two columns named as recaudience names them."""
    folder = tmp_path / "shop"
    folder.mkdir()
    rows = [(f"m{m}", f"a{a}", (m * a) % 5 + 1, f"2024-03-{a + 1:02d} 12:00:00") for m in range(8) for a in range(12)]
    ratings = pl.DataFrame(rows, schema=["member", "article", "mark", "when"], orient="row")
    ratings.write_csv(folder / "marks.csv", separator=";")
    articles = [(f"a{a}", f"Article {a}", "Tea, Green tea", "Ada", 4.2, 17) for a in range(12)]
    names = ["article", "title", "genre", "maker", "average_rating", "review_count"]
    pl.DataFrame(articles, schema=names, orient="row").write_csv(folder / "articles.csv")
    return folder


COLUMNS = ("--column", "user_id=member", "--column", "item_id=article", "--column", "rating=mark")
MORE = ("--column", "timestamp=when", "--item-column", "item_id=article", "--noun", "tea")


def add(data: Path, shop: Path, *more: str) -> Result:
    files = ("--interactions", str(shop / "marks.csv"), "--items", str(shop / "articles.csv"))
    return recaudience(data, "add", "tea-shop", *files, *COLUMNS, *MORE, *more)


def test_add_shows_what_it_understood_and_writes_it_down(tmp_path: Path, shop: Path) -> None:
    shown = add(tmp_path / "data", shop)
    assert shown.exit_code == 0
    for part in (
        "column member",
        "column when (in iso)",
        "several, separated by ,",
        "average_rating, review_count",
        "1 to 5",
    ):
        assert part in shown.output
    written = yaml.safe_load((tmp_path / "data" / ".profiles" / "tea-shop.yaml").read_text())["dataset"]
    assert (written["adapter"], written["like_threshold"], written["noun"]) == ("table", 3.0, "tea")
    assert written["table"]["item_columns"]["attributes"] == ["maker"]
    assert "tea-shop" in recaudience(tmp_path / "data").output


def test_check_gives_an_account_and_runs_nothing(tmp_path: Path, shop: Path) -> None:
    data = tmp_path / "data"
    add(data, shop)
    account = json.loads(recaudience(data, "check", "tea-shop", "--json").output)
    assert account["summary"]["interactions"] == 96
    assert (account["summary"]["users"], account["summary"]["items"]) == (8, 12)
    assert sum(count for _, count in account["ratings"]) == sum(count for _, count in account["histories"]) * 12 == 96
    assert (account["first"], account["last"]) == ("2024-03-01", "2024-03-12")
    assert any("test rows" in warning for warning in account["warnings"])
    text = recaudience(data, "check", "tea-shop").output
    assert "users by number of ratings" in text
    assert sorted(path.name for path in data.iterdir()) == [".profiles"]


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (pl.lit(5).alias("mark"), "All ratings are equal"),
        (pl.lit("2999-01-01").alias("when"), "lie in the future"),
        (pl.lit("2020-01-01").alias("when"), "All timestamps are the same"),
        (pl.lit("a1").alias("article"), "rate an item that the user rated before"),
        (pl.col("mark").clip(3, 5).alias("mark"), "100.0% of all ratings are likes"),
        (pl.col("mark").clip(1, 2).alias("mark"), "Only 0.0% of all ratings are likes"),
    ],
)
def test_check_warns_of_what_looks_wrong(tmp_path: Path, shop: Path, change: pl.Expr, warning: str) -> None:
    marks = pl.read_csv(shop / "marks.csv", separator=";")
    worse = marks.with_columns(change)
    if worse["article"].n_unique() == 1:
        worse = pl.concat([marks, worse])
    worse.write_csv(shop / "marks.csv", separator=";")
    add(tmp_path / "data", shop, "--scale", "1:5", "--like", "3")
    warnings = json.loads(recaudience(tmp_path / "data", "check", "tea-shop", "--json").output)["warnings"]
    assert any(warning in found for found in warnings), warnings


def test_check_warns_of_a_user_with_half_of_all_ratings(tmp_path: Path, shop: Path) -> None:
    marks = pl.read_csv(shop / "marks.csv", separator=";")
    few = marks.filter((pl.col("member") == "m0") | pl.col("article").is_in([f"a{a}" for a in range(5)]))
    few.filter(pl.col("member").is_in(["m0", "m1", "m2"])).write_csv(shop / "marks.csv", separator=";")
    add(tmp_path / "data", shop)
    warnings = json.loads(recaudience(tmp_path / "data", "check", "tea-shop", "--json").output)["warnings"]
    assert "One user has 55% of all ratings: is the user column the right one?" in warnings


def test_check_tells_what_was_dropped_and_where(tmp_path: Path, shop: Path) -> None:
    marks = (shop / "marks.csv").read_text().splitlines()
    marks[3] = "m0;a2;seven;2024-03-03 12:00:00"
    (shop / "marks.csv").write_text("\n".join([*marks, "m9;a1;-1;2024-03-03 12:00:00"]))
    add(tmp_path / "data", shop)
    with pytest.raises(DataError, match=r"marks\.csv, row 4, field 'rating': seven .*1 of 96 .*limit of 1\.0%"):
        recaudience(tmp_path / "data", "check", "tea-shop")
    text = recaudience(tmp_path / "data", "check", "tea-shop", "--set", "dataset.bad_row_limit=0.02").output
    assert "skipped marks.csv, row 4: rating: seven is not a number" in text
    assert re.search(r"1 +left out: entries without a rating", text)
    assert re.search(r"1 +malformed rows skipped", text)


def test_a_profile_is_not_written_over_by_accident(tmp_path: Path, shop: Path) -> None:
    data = tmp_path / "data"
    assert add(data, shop, "--dry-run").exit_code == 0
    assert not data.exists()
    add(data, shop)
    with pytest.raises(SettingsError, match="--force"):
        add(data, shop)
    assert add(data, shop, "--force", "--like", "4").exit_code == 0
    written = yaml.safe_load((data / ".profiles" / "tea-shop.yaml").read_text())["dataset"]
    assert written["like_threshold"] == 4.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--column", "rating"), "ROLE=NAME"),
        (("--scale", "five"), "LOW:HIGH"),
        (("--like", "9"), "does not hold"),
        (("--time-unit", "hours"), "time_unit"),
    ],
)
def test_misspelt_options_are_told(tmp_path: Path, shop: Path, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        add(tmp_path / "data", shop, *arguments)


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, shop: Path) -> None:
    with pytest.raises(DataError, match=r"marks\.csv, row 1, field 'stars'.*member, article, mark, when"):
        add(tmp_path / "data", shop, "--column", "rating=stars")


def test_a_file_that_is_not_there_is_told(tmp_path: Path, shop: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.csv: no such file\. Check the path"):
        recaudience(tmp_path, "add", "shop", "--interactions", str(shop / "nothing.csv"))


def test_a_source_is_set_once_and_used_by_later_commands(tmp_path: Path, shared_dataset: Callable[[str], Path]) -> None:
    data, films = tmp_path / "data", shared_dataset("movielens-latest-small")
    assert "no source is set" in recaudience(data, "source", "movielens").output
    assert str(films.resolve()) in recaudience(data, "source", "movielens", str(films)).output
    assert "100,836" in recaudience(data, "check", "movielens").output
    assert "no source is set" in recaudience(data, "source", "movielens", "--forget").output


def test_a_source_without_the_publishers_files_is_refused(tmp_path: Path, shop: Path) -> None:
    with pytest.raises(DataError, match=r"ratings\.csv|ratings\.dat"):
        recaudience(tmp_path, "source", "movielens", str(shop))
    assert "no source is set" in recaudience(tmp_path, "source", "movielens").output


def test_a_generated_dataset_has_no_source(tmp_path: Path, shop: Path) -> None:
    with pytest.raises(SettingsError, match="is generated"):
        recaudience(tmp_path, "source", "sample", str(shop))
