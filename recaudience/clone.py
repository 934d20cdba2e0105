"""Whether the packages that stand beside this one in the repository are those that Python finds by their names."""

from __future__ import annotations

import os
from importlib.util import find_spec

PACKAGES = ("flows", "tasks", "models", "storage")


def check_packages(face: str) -> None:
    """Refuse to start where another project's `models`, `tasks`, `storage` or `flows` comes first.

    Parameters
    ----------
    face
        The folder of this package. In the wheel the packages lie inside it, and no other can come before them.

    Raises
    ------
    ImportError
        Where one is not the repository's.
    """
    root = os.path.dirname(face)  # noqa: PTH120  # pathlib is a fifth of the time that this import takes
    if os.path.isdir(os.path.join(face, PACKAGES[0])):  # noqa: PTH112, PTH118
        return
    for name in PACKAGES:
        spec = find_spec(name)
        places = [] if spec is None else [*(spec.submodule_search_locations or [spec.origin])]
        if not any(place and os.path.realpath(place) == os.path.join(root, name) for place in places):  # noqa: PTH118
            where = f"the one in {places[0]}" if places else "none"
            raise ImportError(
                f"recaudience, imported from its repository {root}, needs the package {name!r} of that repository, but "
                f"Python finds {where}: put {root} first on PYTHONPATH, or install the wheel (pip install {root}), "
                f"which keeps its own packages below the name recaudience."
            )
