"""Where datasets' files lie on this machine is kept in the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import SettingsError
from storage.settings.sources import set_source, source_on_this_machine


def test_a_source_is_kept_as_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    set_source(tmp_path / "data", "movielens", Path("films"))
    assert source_on_this_machine(tmp_path / "data", "movielens") == tmp_path / "films"
    assert source_on_this_machine(tmp_path / "data", "yelp") is None


def test_a_forgotten_source_leaves_the_others(tmp_path: Path) -> None:
    set_source(tmp_path, "movielens", tmp_path / "films")
    set_source(tmp_path, "yelp", tmp_path / "places")
    set_source(tmp_path, "movielens", None)
    assert source_on_this_machine(tmp_path, "movielens") is None
    assert source_on_this_machine(tmp_path, "yelp") == tmp_path / "places"


def test_what_was_fetched_needs_no_setting(tmp_path: Path) -> None:
    (tmp_path / "sources" / "movielens").mkdir(parents=True)
    assert source_on_this_machine(tmp_path, "movielens") == tmp_path / "sources" / "movielens"


@pytest.mark.parametrize("content", ["{", "[]", '{"movielens": 3}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / ".sources.json").write_text(content)
    with pytest.raises(SettingsError, match=r"\.sources\.json: .*set the sources again"):
        source_on_this_machine(tmp_path, "movielens")
