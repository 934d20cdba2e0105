from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from storage.errors import DataError
from storage.readers import blocks
from storage.readers.text_files import scan_csv

ABANDONED = """
import sys
from pathlib import Path
from storage.readers import blocks
from storage.readers.text_files import scan_csv
blocks._BLOCK_BYTES = 8
rows = scan_csv(Path(sys.argv[1])).batches()
next(rows)
"""


def numbers(folder: Path, rows: int = 200) -> Path:
    path = folder / "numbers.csv"
    pl.DataFrame({"n": range(rows)}).write_csv(path)
    return path


def test_blocks_of_any_size_give_all_rows_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (5, 64, 1 << 20):
        monkeypatch.setattr(blocks, "_BLOCK_BYTES", size)
        rows = pl.concat(scan_csv(numbers(tmp_path)).batches())
        assert rows["n"].cast(pl.Int64).to_list() == list(range(200))
        assert rows["row"].to_list() == list(range(2, 202))


def test_a_reading_that_nobody_ends_does_not_keep_the_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ABANDONED, str(numbers(tmp_path))]
    assert subprocess.run(command, timeout=300, check=False).returncode == 0


def test_the_head_is_looked_at_without_reading_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 64)
    seen: list[int] = []
    scan = scan_csv(numbers(tmp_path)).then(lambda rows: seen.append(rows.height) or rows)
    assert scan.head(3)["n"].to_list() == ["0", "1", "2"]
    assert len(seen) == 1


def test_what_a_step_cannot_do_is_an_error_of_the_file(tmp_path: Path) -> None:
    scan = scan_csv(numbers(tmp_path)).then(lambda rows: rows.select("nothing"))
    with pytest.raises(DataError, match=r"numbers\.csv: not readable"):
        list(scan.batches())
