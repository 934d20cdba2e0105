"""Whatever is passed to what is public, Python goes on, and the error is one of four kinds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.trained_runs import write_finished_run
from tests.support.wheels import REPOSITORY


def test_wrong_values_end_in_errors_about_arguments(tmp_path: Path) -> None:
    run = write_finished_run(tmp_path / "data" / "sample").root
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.support.fuzzed_face", str(run)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert int(result.stdout.split()[0]) > 5000
