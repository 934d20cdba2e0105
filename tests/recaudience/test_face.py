"""What `import recaudience` loads, offers and says where it cannot work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import recaudience
from tests.support.wheels import REPOSITORY


def run(program: str, folder: Path, *first: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with the repository on Python's path, after other folders."""
    path = os.pathsep.join(map(str, (*first, REPOSITORY)))
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_importing_it_loads_nothing_heavy_and_registers_the_environment(tmp_path: Path) -> None:
    program = """
import sys
import recaudience, gymnasium
heavy = {"torch", "polars", "numba", "prefect", "stable_baselines3", "scipy", "pydantic"} & sys.modules.keys()
print(sorted(heavy), "recaudience/Recommend-v0" in gymnasium.registry, recaudience.__version__)
"""
    result = run(program, tmp_path)
    assert result.stdout.strip() == "[] True 0.1.0", result.stderr


def test_every_public_name_is_there_and_no_other() -> None:
    assert recaudience.__all__ == dir(recaudience)
    for name in recaudience.__all__:
        assert getattr(recaudience, name) is not None
    assert not hasattr(recaudience, "UserSimulator")


def test_a_package_of_another_project_that_comes_first_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    result = run("import recaudience", tmp_path)
    assert result.returncode == 1
    message = result.stderr.strip().splitlines()[-1]
    assert message.startswith(f"ImportError: recaudience, imported from its repository {REPOSITORY}, needs the package")
    assert f"'models' of that repository, but Python finds the one in {tmp_path / 'models'}" in message
    assert f"put {REPOSITORY} first on PYTHONPATH, or install the wheel (pip install {REPOSITORY})" in message
