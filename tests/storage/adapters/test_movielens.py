from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.adapters.movielens import MovieLensReader
from storage.errors import DataError
from storage.settings.datasets import DatasetSettings
from tests.support.readings import Reading, read_all

SETTINGS = DatasetSettings(name="films", adapter="movielens", like_threshold=3, rating_min=0.5)
LENIENT = SETTINGS.model_copy(update={"bad_row_limit": 0.5})
FILES = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,10,4.0,100\n1,20,0.5,200\n2,10,3.5,300\n",
    "movies.csv": (
        "movieId,title,genres\n"
        '10,"Matrix, The (1999)",Action|Sci-Fi\n'
        '20,"Old Film (a.k.a. Oldie)",(no genres listed)\n'
        "30,Unseen (2001),Drama\n"
    ),
    "tags.csv": "userId,movieId,tag,timestamp\n1,10,hackers,150\n1,10,green,151\n2,20,never rated it,152\n",
}


def folder_of(path: Path, **changes: str | None) -> Path:
    for name, text in (FILES | {f"{key}.csv": value for key, value in changes.items()}).items():
        if text is not None:
            (path / name).write_text(text, encoding="utf-8")
    return path


def zip_of(path: Path, prefix: str = "ml-latest-small/") -> Path:
    with zipfile.ZipFile(path / "ml.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in FILES.items():
            archive.writestr(prefix + name, text)
    return path / "ml.zip"


def read(source: Path, settings: DatasetSettings = SETTINGS) -> Reading:
    return read_all(MovieLensReader(), source, settings)


def test_ratings_are_typed_and_tags_are_words_with_their_time(tmp_path: Path) -> None:
    raw = read(folder_of(tmp_path))
    assert raw.interactions.select("user_id", "item_id", "rating", "timestamp").rows() == [
        ("1", "10", 4.0, 100),
        ("1", "20", 0.5, 200),
        ("2", "10", 3.5, 300),
    ]
    assert raw.interactions["review_text"].null_count() == 3
    assert raw.words.rows() == [
        ("1", "10", "hackers", 150),
        ("1", "10", "green", 151),
        ("2", "20", "never rated it", 152),
    ]


def test_titles_lose_year_and_trailing_article_and_the_year_becomes_an_attribute(tmp_path: Path) -> None:
    items = read(folder_of(tmp_path)).items
    assert items.select("item_id", "name", "categories", "attributes").rows() == [
        ("10", "The Matrix", ["Action", "Sci-Fi"], "Year: 1999."),
        ("20", "Old Film (a.k.a. Oldie)", [], ""),
        ("30", "Unseen", ["Drama"], "Year: 2001."),
    ]


def test_a_folder_its_zip_and_a_folder_with_the_zip_read_alike(tmp_path: Path) -> None:
    for name in ("plain", "packed"):
        (tmp_path / name).mkdir()
    plain = read(folder_of(tmp_path / "plain"))
    for source in (zip_of(tmp_path / "packed"), tmp_path / "packed"):
        packed = read(source)
        assert packed.interactions.equals(plain.interactions)
        assert packed.items.equals(plain.items)


def test_tags_are_optional(tmp_path: Path) -> None:
    assert read(folder_of(tmp_path, tags=None)).words.height == 0


@pytest.mark.parametrize("prefix", ["../", "/", "a/../../b/"])
def test_members_with_odd_paths_are_read_but_never_written(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "inner").mkdir()
    assert read(zip_of(tmp_path / "inner", prefix)).rows_read == 3
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inner", "ml.zip"]


@pytest.mark.parametrize("damage", ["truncated", "corrupt", "text"])
def test_a_damaged_zip_is_named(tmp_path: Path, damage: str) -> None:
    path = zip_of(tmp_path)
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "corrupt":
        content[60:120] = b"\xff" * 60
    else:
        content = bytearray(b"userId,movieId,rating\n")
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"ml\.zip.*(not a readable|truncated or damaged) archive"):
        read(path)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("2,20,9.0,300", "rating"),
        ("2,20,NaN,300", "rating"),
        ("2,20", "rating"),
        (",20,3.0,300", "user_id"),
        ("x", "item_id"),
    ],
)
def test_a_malformed_row_in_the_middle_is_skipped_and_over_the_limit_an_error(
    tmp_path: Path, line: str, field: str
) -> None:
    lines = FILES["ratings.csv"].splitlines()
    folder = folder_of(tmp_path, ratings="\n".join([*lines[:2], line, *lines[2:]]) + "\n")
    raw = read(folder, LENIENT)
    assert (raw.rows_read, raw.skipped_count, raw.interactions.height) == (4, 1, 3)
    assert (raw.skipped[0].file, raw.skipped[0].row, raw.skipped[0].field) == ("ratings.csv", 3, field)
    with pytest.raises(DataError) as caught:
        read(folder)
    assert (caught.value.file, caught.value.row, caught.value.field) == (folder / "ratings.csv", 3, field)


def test_at_most_a_hundred_skipped_rows_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    ratings = FILES["ratings.csv"] + "".join(f"3,{item},8.0,1\n" for item in range(150))
    raw = read(folder_of(tmp_path, ratings=ratings), SETTINGS.model_copy(update={"bad_row_limit": 1.0}))
    assert (raw.skipped_count, len(raw.skipped)) == (150, 100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"movies": None}, r"movies\.csv is missing"),
        ({"ratings": ""}, r"ratings\.csv: not readable"),
        ({"ratings": "userId,movieId,rating,timestamp\n"}, r"ratings\.csv: no rows"),
        (
            {"ratings": "user,item,score\n1,2,3\n"},
            r"ratings\.csv, row 1, field 'userId': columns are user, item, score",
        ),
        ({"movies": "movieId,name\n1,x\n"}, r"movies\.csv, row 1, field 'title'"),
    ],
)
def test_a_file_that_is_missing_or_of_another_shape_is_named(
    tmp_path: Path, changes: dict[str, str | None], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(folder_of(tmp_path, **changes))


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected ratings\.csv, ratings\.dat or u\.data; there are: no files"):
        read(tmp_path)


def test_the_real_latest_small_archive_is_read_whole(shared_dataset: Callable[[str], Path]) -> None:
    raw = read(shared_dataset("movielens-latest-small"))
    assert (raw.rows_read, raw.skipped_count) == (100_836, 0)
    assert raw.items.height == 9742
    assert raw.items.filter(item_id="1").select("name", "attributes").row(0) == ("Toy Story", "Year: 1995.")
    assert raw.words.height > 1000
