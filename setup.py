"""How the wheel is laid out: all packages below the one name `recaudience`.

In the repository flows, tasks, models and storage stand at the top, where every reader of imports finds them by path.
Installed like that, they would collide with the `models` of nearly every machine-learning project. So the wheel has
them beneath `recaudience`, with their imports relocated, beside the profiles of deployments/. An editable installation
leaves everything where it stands.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

FACE = "recaudience"
INNER = ("flows", "tasks", "models", "storage")


class BelowOneName(build_py):
    """Build the packages of `INNER` and the data of deployments/ as parts of `FACE`."""

    def finalize_options(self) -> None:
        """Name the packages anew; setuptools then finds and places their files by itself."""
        super().finalize_options()
        self.package_dir = {f"{FACE}.{name}": name for name in (*INNER, "deployments")}
        packages = [name if _top(name) == FACE else f"{FACE}.{name}" for name in self.distribution.packages or ()]
        self.packages = [*packages, f"{FACE}.deployments"]

    def run(self) -> None:
        """Build from nothing: what an earlier build left would become part of the wheel."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()

    def build_module(self, module: str, module_file: str, package: str) -> tuple[str, bool]:
        """Copy a module and relocate its imports."""
        target, copied = super().build_module(module, module_file, package)
        source = Path(module_file).read_text(encoding="utf-8")
        Path(target).write_text(relocated(source, module_file), encoding="utf-8")
        return target, copied


class OneName(Distribution):
    """Says in the metadata what the wheel holds, not what the repository does."""

    def iter_distribution_names(self) -> Iterator[str]:
        """The top-level names."""
        yield FACE


def relocated(source: str, file: str) -> str:
    """The source of a module, with `FACE` before the name of every package of `INNER` that it imports from."""
    lines = source.encode().splitlines(keepends=True)
    for node in ast.walk(ast.parse(source, file)):
        if isinstance(node, ast.Import) and any(_top(name.name) in INNER for name in node.names):
            raise SyntaxError(
                f"{file}, line {node.lineno}: found `import package`, which binds a name that the wheel "
                "does not have; write `from package import name`"
            )
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _top(node.module or "") in INNER:
            line, start = node.lineno - 1, node.col_offset + len("from ")
            lines[line] = lines[line][:start] + f"{FACE}.".encode() + lines[line][start:]
    return b"".join(lines).decode()


def _top(name: str) -> str:
    return name.partition(".")[0]


if __name__ == "__main__":
    setup(distclass=OneName, cmdclass={"build_py": BelowOneName})
