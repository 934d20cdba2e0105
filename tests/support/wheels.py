"""The wheel, built from this repository and installed where the repository cannot be seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_BUILT_FROM = ("recaudience", "flows", "tasks", "models", "storage", "deployments")
_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")


@dataclass(frozen=True)
class Installation:
    """A folder with the installed wheel, and a project's folder that has a package `models` of its own.

    Parameters
    ----------
    wheel
        The built file.
    target
        Where it was installed.
    project
        The working folder of `python`.
    """

    wheel: Path
    target: Path
    project: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's folder, with the wheel and the locked environment, without the repository.

        The base interpreter reads no .pth file of the environment, hence not that of an editable installation.
        """
        path = os.pathsep.join([str(self.target), sysconfig.get_path("purelib")])
        home = {"PREFECT_HOME": str(self.project / ".prefect"), "NUMBA_CACHE_DIR": str(self.project / ".numba")}
        return subprocess.run(
            [str(Path(sys.executable).resolve()), *arguments],
            cwd=self.project,
            env=os.environ | home | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )


def install_wheel(folder: Path) -> Installation:
    """Build the wheel from a copy of the sources, without a network, and install it without its requirements."""
    sources, target, project = folder / "sources", folder / "installed", folder / "project"
    for name in _BUILT_FROM:
        shutil.copytree(REPOSITORY / name, sources / name, ignore=shutil.ignore_patterns("__pycache__", "*.nb?"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, sources)
    build = (*_PIP, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(folder))
    subprocess.run([*build, str(sources)], check=True)
    wheel = next(folder.glob("*.whl"))
    subprocess.run([*_PIP, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True)
    (project / "models").mkdir(parents=True)
    (project / "models" / "__init__.py").write_text("OWNER = 'the project'\n", encoding="utf-8")
    return Installation(wheel, target, project)
