"""Where datasets' files lie on this machine: one small file in the data folder (`recaudience datasets source`)."""

from __future__ import annotations

import json
from pathlib import Path

from storage.errors import SettingsError
from storage.files import publish_json

_FILE = ".sources.json"


def source_on_this_machine(data: Path, dataset: str) -> Path | None:
    """Where the dataset's files lie: as set by `set_source`, else where `recaudience datasets fetch` puts them.

    Parameters
    ----------
    data
        The data folder.
    dataset
        Name of the profile.

    Returns
    -------
    None where neither is there.
    """
    paths = sources_on_this_machine(data)
    if dataset in paths:
        return paths[dataset]
    fetched = data.resolve() / "sources" / dataset
    return fetched if fetched.is_dir() else None


def sources_on_this_machine(data: Path) -> dict[str, Path]:
    """The sources that were set, by dataset.

    Raises
    ------
    SettingsError
        Where the file that keeps them is damaged.
    """
    file = data / _FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SettingsError(f"{file}: not valid JSON ({error}). Delete it and set the sources again.") from error
    if not isinstance(content, dict) or not all(isinstance(path, str) for path in content.values()):
        raise SettingsError(f"{file}: expected a path for each dataset. Delete it and set the sources again.")
    return {name: Path(path) for name, path in content.items()}


def set_source(data: Path, dataset: str, source: Path | None) -> None:
    """Keep where the dataset's files lie, as an absolute path; None forgets it."""
    paths = sources_on_this_machine(data)
    if source is None:
        paths.pop(dataset, None)
    else:
        paths[dataset] = source.expanduser().resolve()
    data.mkdir(parents=True, exist_ok=True)
    publish_json(data / _FILE, {name: str(path) for name, path in sorted(paths.items())})
