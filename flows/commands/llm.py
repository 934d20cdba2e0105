"""`recaudience llm`: language-model profiles, and their local servers: start, stop, status."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flows.commands.terminal import DataOption, console

if TYPE_CHECKING:
    from storage.settings.llm_profiles import LLMProfile

llm_app = typer.Typer(help="The local language-model server (vLLM).", no_args_is_help=True)

_ProfileArgument = Annotated[str, typer.Argument(help="A profile of deployments/llm.")]


@llm_app.command("profiles")
def list_profiles(data: DataOption = Path("data")) -> None:
    """List the language-model profiles: what they serve, where, what they need, and whether they can be used now."""
    from storage.settings.llm_profiles import list_llm_profiles, load_llm_profile

    table = Table("profile", "model", "device", "memory", "prompts", "status", box=None, header_style="bold")
    for name in list_llm_profiles():
        profile = load_llm_profile(name)
        table.add_row(
            profile.name,
            profile.model if profile.model_folder is None else profile.model_folder.name,
            profile.device,
            "-" if profile.memory_gib is None else f"{profile.memory_gib:g} GiB",
            profile.prompt_style,
            _status(profile, data),
        )
    console.print(table)


@llm_app.command("up")
def llm_up(
    profile: _ProfileArgument = "embedded",
    port: Annotated[int | None, typer.Option(help="Port; a free one where not given.")] = None,
    data: DataOption = Path("data"),
) -> None:
    """Start the server of a profile and wait until it is healthy."""
    from storage.settings.llm_profiles import load_llm_profile
    from tasks.llm import server as llm_server

    with console.status(f"starting {profile}") as status:
        handle = llm_server.start(
            load_llm_profile(profile), data / ".llm", port=port, owner="user", progress=status.update
        )
    console.print(f"{profile}: healthy at {handle.base_url} (model {handle.model}, process {handle.pid})")


@llm_app.command("down")
def llm_down(profile: _ProfileArgument = "embedded", data: DataOption = Path("data")) -> None:
    """Stop the server of a profile, if it was started by recaudience."""
    from storage.settings.llm_profiles import load_llm_profile
    from tasks.llm import server as llm_server

    stopped = llm_server.stop(load_llm_profile(profile), data / ".llm")
    console.print(f"{profile}: {'stopped' if stopped else 'was not running'}")


@llm_app.command("status")
def llm_status(profile: _ProfileArgument = "embedded", data: DataOption = Path("data")) -> None:
    """Print whether the server of a profile is healthy, its address, and how many requests it has answered."""
    from storage.settings.llm_profiles import load_llm_profile
    from tasks.llm import server as llm_server

    handle = llm_server.find(load_llm_profile(profile), data / ".llm")
    if handle is None:
        console.print(f"{profile}: not running; start it with: recaudience llm up {profile}")
        raise typer.Exit(1)
    console.print(
        f"{profile}: healthy at {handle.base_url} (model {handle.model}, process {handle.pid}), "
        f"{llm_server.request_count(handle)} requests answered"
    )


def _status(profile: LLMProfile, data: Path) -> str:
    from tasks.llm import server as llm_server
    from tasks.llm.vllm import obstacle

    if profile.device == "remote":  # a list needs no network
        key = profile.api_key_env
        return f"{key} is not set" if key is not None and not os.environ.get(key) else "not checked"
    handle = llm_server.find(profile, data / ".llm")
    if handle is not None:
        return f"runs at {handle.base_url}"
    missing = obstacle(profile)
    return "ready" if missing is None else missing.status
