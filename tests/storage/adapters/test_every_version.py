from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from storage.adapters.registry import ADAPTERS
from tests.support.published import PAIRS, VERSIONS, Published
from tests.support.readings import Reading, read_all


def read(published: Published, source: Path) -> Reading:
    return read_all(ADAPTERS[published.settings.adapter], source, published.settings)


def is_utf8(content: bytes) -> bool:
    return content.decode("utf-8", "ignore").encode() == content


@pytest.fixture(params=VERSIONS, ids=[version.__name__ for version in VERSIONS])
def published(request: pytest.FixtureRequest) -> Published:
    version: Callable[[], Published] = request.param
    return version()


def test_every_version_is_named_and_read_whole(tmp_path: Path, published: Published) -> None:
    raw = read(published, published.write(tmp_path / "source"))
    assert raw.version == published.version
    assert (raw.interactions.height, raw.skipped_count) == (len(PAIRS), 0)
    assert raw.interactions["user_id"].n_unique() == 6
    assert raw.items.height == 7
    assert set(raw.interactions["item_id"]) == set(raw.items["item_id"])


@pytest.mark.parametrize("packed", ["gz", "zip"])
def test_packed_files_read_like_plain_ones(tmp_path: Path, published: Published, packed: str) -> None:
    plain = read(published, published.write(tmp_path / "plain"))
    unpacked = read(published, published.write(tmp_path / "packed", packed))
    assert unpacked.version == plain.version
    for name in ("interactions", "items", "words"):
        assert getattr(unpacked, name).equals(getattr(plain, name))


def test_a_zip_is_a_source_of_its_own(tmp_path: Path, published: Published) -> None:
    folder = published.write(tmp_path / "packed", "zip")
    assert read(published, folder / "published.zip").interactions.height == len(PAIRS)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path, published: Published) -> None:
    if "parquet" in published.version:
        pytest.skip("Parquet has no lines")
    mark, plain = codecs.BOM_UTF8, read(published, published.write(tmp_path / "plain"))
    files = {name: content.replace(b"\n", b"\r\n") for name, content in published.files.items()}
    files = {name: mark + content if is_utf8(content) else content for name, content in files.items()}
    windows = Published(published.version, published.settings, files)
    other = read(windows, windows.write(tmp_path / "windows"))
    assert other.interactions.drop("review_text").equals(plain.interactions.drop("review_text"))
    assert other.items.sort("item_id").equals(plain.items.sort("item_id"))


def test_no_sum_over_users_reaches_an_item(tmp_path: Path, published: Published) -> None:
    told = str(read(published, published.write(tmp_path / "source")).items.rows())
    for aggregate in ("793665", "8.21", "4.321", "98765", "8642", "4711", "#3 in Music", "i9"):
        assert aggregate not in told


def test_texts_are_plain(tmp_path: Path, published: Published) -> None:
    raw = read(published, published.write(tmp_path / "source"))
    told = pl.concat([raw.items["name"], raw.items["description"], raw.interactions["review_text"].drop_nulls()])
    assert not told.str.contains(r"[<>]|&\w+;|\s\s|\n").any()
