"""Loops are kept compiled only as long as all that became part of them is what it was."""

import shutil
import subprocess
import sys
from pathlib import Path

import models

ASK = """
import numpy as np
from models.response.evidence import category_histories
words, items = np.ones((2, 1), dtype=np.uint64), np.array([[0, 1, -1]])
print(category_histories(words, np.array([0]), items).tolist(), sum(category_histories.stats.cache_hits.values()))
"""


def _answer(folder: Path) -> str:
    """What the loop says there, and whether it was kept."""
    done = subprocess.run([sys.executable, "-c", ASK], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_loop_is_compiled_anew_when_a_file_that_it_imports_from_changed(tmp_path: Path) -> None:
    shutil.copytree(models.__path__[0], tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))
    assert _answer(tmp_path) == "[[True, True, False]] 0"
    assert _answer(tmp_path) == "[[True, True, False]] 1"
    imported = tmp_path / "models" / "interactions.py"
    imported.write_text(
        imported.read_text(encoding="utf-8").replace("NO_ITEM = -1\n", "NO_ITEM = 1\n"), encoding="utf-8"
    )
    assert _answer(tmp_path) == "[[True, False, True]] 0"
