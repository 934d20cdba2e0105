"""`recaudience datasets fetch` fetches what may be fetched, says where to get the rest, and what to run next."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from flows.commands import command_line
from storage.errors import DownloadError, SettingsError
from storage.settings import datasets
from tests.support.publisher import CONTENT, Publisher, serving

PLAIN = {"adapter": "movielens", "like_threshold": 3}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RECAUDIENCE_DATA", str(tmp_path / "my data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(datasets, "PROFILES", tmp_path)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with serving(Publisher()) as running:
        yield running


def profile(folder: Path, name: str, **changes: object) -> None:
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"dataset": PLAIN | changes}))


def recaudience(*words: str) -> Result:
    return CliRunner().invoke(command_line.app, ["datasets", *words])


def test_files_are_fetched_into_the_data_folder_and_the_next_command_is_printed(
    publisher: Publisher, tmp_path: Path
) -> None:
    profile(tmp_path, "films", fetch={"files": [{"url": publisher.url, "md5": publisher.md5}]})
    result = recaudience("fetch", "films")
    folder = tmp_path / "my data" / "sources" / "films"
    assert result.exit_code == 0
    assert (folder / "ratings.zip").read_bytes() == CONTENT
    assert "ratings.zip: fetched, 200.0 kB, MD5 as published" in result.output
    assert f"recaudience reproduce films --source '{folder}'" in result.output


def test_a_second_fetch_says_that_all_is_there(publisher: Publisher, tmp_path: Path) -> None:
    profile(tmp_path, "films", fetch={"files": [{"url": publisher.url}]})
    recaudience("fetch", "films", "--to", str(tmp_path / "here"))
    publisher.requests.clear()
    result = recaudience("fetch", "films", "--to", str(tmp_path / "here"))
    assert "ratings.zip: is there already, 200.0 kB, as it was fetched" in result.output
    assert f"Next: recaudience reproduce films --source {tmp_path / 'here'}" in result.output
    assert publisher.requests == []


def test_a_failed_fetch_ends_with_one_message_and_status_1(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher.status = 404
    profile(tmp_path, "films", fetch={"files": [{"url": publisher.url}]})
    assert isinstance(recaudience("fetch", "films").exception, DownloadError)
    monkeypatch.setattr(sys, "argv", ["recaudience", "datasets", "fetch", "films"])
    with pytest.raises(SystemExit, match="1"):
        command_line.main()
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {publisher.url}: the server answered 404")
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_where_an_account_is_needed_it_says_where_to_click_and_where_to_put_what(tmp_path: Path) -> None:
    page = {"visit": "https://example.org/terms", "files": ["u.data", "u.item"]}
    profile(tmp_path, "films", fetch=page)
    folder = tmp_path / "by hand"
    result = recaudience("fetch", "films", "--to", str(folder))
    assert result.exit_code == 1
    assert "1. Visit https://example.org/terms\n2. Get u.data and u.item" in result.output
    assert f"3. Put them in {folder}\n4. Run recaudience reproduce films --source '{folder}'" in result.output
    folder.mkdir()
    for name in page["files"]:
        (folder / name).write_text("")
    result = recaudience("fetch", "films", "--to", str(folder))
    assert result.exit_code == 0
    assert f"films: its files are in {folder}" in result.output


def test_what_has_nothing_to_fetch_says_why(tmp_path: Path) -> None:
    profile(tmp_path, "world", adapter="sample")
    profile(tmp_path, "games", origin="Files: ratings.csv.")
    assert "it is generated. Run: recaudience reproduce world" in str(recaudience("fetch", "world").exception)
    error = recaudience("fetch", "games").exception
    assert isinstance(error, SettingsError)
    assert "names no address. Files: ratings.csv." in str(error)


def test_an_unknown_dataset_is_told_the_known_ones(tmp_path: Path) -> None:
    profile(tmp_path, "films")
    assert "Did you mean 'films'?" in str(recaudience("fetch", "film").exception)
