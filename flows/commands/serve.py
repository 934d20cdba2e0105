"""`recaudience serve`: Prefect's server with its UI, a worker and the deployments of every dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.commands.terminal import DataOption, console
from flows.prefect_environment import configure_prefect


def serve_command(
    port: Annotated[int, typer.Option(min=1024, max=65535, help="Port of 127.0.0.1 for the server and its UI.")] = 4200,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Most runs at a time, of different datasets.")] = 1,
    server: Annotated[
        str | None, typer.Option(help="A Prefect server that runs elsewhere, as in http://host:4200/api.")
    ] = None,
    llm: Annotated[str, typer.Option(help="Language-model profile of runs that name none.")] = "embedded",
    data: DataOption = Path("data"),
) -> None:
    """Serve every dataset as a Prefect deployment, with schedules, run forms and a UI, until interrupted."""
    from storage.settings.llm_profiles import load_llm_profile

    load_llm_profile(llm)  # a misspelt one is named before anything starts
    data = data.resolve()
    configure_prefect(data)
    os.environ["PREFECT_API_URL"] = server or f"http://127.0.0.1:{port}/api"
    from flows.serving.service import ServiceSettings, serve

    serve(
        ServiceSettings(data, port, at_once, server, llm),
        lambda line: console.print(escape(line), highlight=False, soft_wrap=True),
    )
