"""Publishing is all or nothing, and hashes see content, not names of folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.files import content_hash, publish, publish_json


def test_a_published_file_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "table.txt"
    for text in ("old", "new"):
        with publish(target) as temporary:
            temporary.write_text(text)
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["table.txt"]


def test_an_error_while_writing_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "table.txt"
    target.write_text("old")
    with pytest.raises(OSError, match="No space left"), publish(target) as temporary:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.txt"]


def test_a_published_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "checkpoint"
    for name in ("old", "new"):
        with publish(target) as temporary:
            temporary.mkdir()
            (temporary / name).write_text(name)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_json_refuses_what_other_readers_could_not_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        publish_json(tmp_path / "report.json", {"auc": float("nan")})
    assert not (tmp_path / "report.json").exists()


def test_a_folders_hash_changes_with_any_file_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a").write_text("1")
    before = content_hash(folder)
    folder.rename(tmp_path / "renamed")
    assert content_hash(tmp_path / "renamed") == before
    (tmp_path / "renamed" / "inner" / "a").write_text("2")
    assert content_hash(tmp_path / "renamed") != before
