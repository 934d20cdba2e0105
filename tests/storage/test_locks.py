"""Two runs never work on one folder at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from storage.errors import RecaudienceError
from storage.locks import exclusive
from storage.run_folder import RunFolder

HOLD = """
import sys
from pathlib import Path
from storage.locks import exclusive
from storage.run_folder import RunFolder
with exclusive(RunFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "sample")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RecaudienceError, match=f"process {holder.pid}"), exclusive(folder):
            pass
    finally:
        holder.kill()
        holder.wait()
    with exclusive(folder):
        assert folder.path(".lock").exists()


def test_each_split_has_a_folder_of_its_own() -> None:
    assert RunFolder.of(Path("data"), "sample").root == Path("data/sample")
    assert RunFolder.of(Path("data"), "sample", "time").root == Path("data/sample@time")
    assert RunFolder.of(Path("data"), "sample@paper").root == Path("data/sample@paper")
    assert RunFolder.of(Path("data"), "sample@paper", "loo").root == Path("data/sample@paper@loo")


@pytest.mark.parametrize(
    ("name", "dataset", "preset", "split"),
    [
        ("sample", "sample", None, "tail"),
        ("sample@time", "sample", None, "time"),
        ("sample@paper", "sample", "paper", "tail"),
        ("sample@paper@loo", "sample", "paper", "loo"),
    ],
)
def test_a_run_folders_name_tells_dataset_preset_and_split(
    name: str, dataset: str, preset: str | None, split: str
) -> None:
    folder = RunFolder(Path("data") / name)
    assert (folder.dataset, folder.preset, folder.split) == (dataset, preset, split)
