"""`recaudience datasets source`: where the files of a dataset lie on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.commands.terminal import DataOption, DatasetArgument, console
from storage.errors import SettingsError


def source_command(
    name: DatasetArgument,
    path: Annotated[Path | None, typer.Argument(help="Folder or file with the publisher's files.")] = None,
    *,
    forget: Annotated[bool, typer.Option("--forget", help="Forget what was set.")] = False,
    data: DataOption = Path("data"),
) -> None:
    """Set where a dataset's files lie on this machine, for every later run; without a path, print it."""
    from storage.settings.datasets import load_dataset_settings, own_profiles
    from storage.settings.presets import split_preset
    from storage.settings.sources import set_source, source_on_this_machine
    from tasks.steps.ingest import IngestSettings, source_files

    name, _ = split_preset(name)
    dataset = load_dataset_settings(name, own_profiles(data))
    if forget and path is not None:
        raise SettingsError(f"give the path {path}, or --forget, not both.")
    if path is not None:
        if dataset.adapter == "sample":
            raise SettingsError(f"dataset {name!r} is generated: it has no source.")
        source_files(IngestSettings(dataset=dataset, source=str(path.expanduser().resolve())))  # other files: refused
        set_source(data, name, path)
    elif forget:
        set_source(data, name, None)
    source = source_on_this_machine(data, name)
    console.print(escape(f"{name}: {source or 'no source is set'}"), highlight=False, soft_wrap=True)
