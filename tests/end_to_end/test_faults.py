"""A real server killed twice and its client once: nothing is lost, next to nothing is asked twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from storage.settings.llm_profiles import REPOSITORY
from tests.end_to_end.shortened_model import shortened_profile

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
PROMPTS, WINDOW, FAULTS = 120, 4, 3


def test_after_kills_of_server_and_client_the_table_is_that_of_an_undisturbed_run(tmp_path: Path) -> None:
    profile = shortened_profile(tmp_path, concurrency=WINDOW)
    result = subprocess.run(
        [sys.executable, "benchmarks/faults.py", "--llm", str(profile), "--prompts", str(PROMPTS), "--json"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-6000:]
    calm, faulty = json.loads(result.stdout.splitlines()[-1])
    assert calm["prompts"] == faulty["prompts"] == PROMPTS
    assert calm["lost"] == 0
    assert faulty["answers"] == calm["answers"] >= PROMPTS
    assert 0 <= faulty["lost"] <= FAULTS * WINDOW
    assert faulty["different rows"] == 0
