"""`recaudience llm profiles`: the language models that can be used, and what each still needs on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from rich.table import Table

from flows.commands.terminal import DataOption, console
from storage.settings.llm_profiles import LLMProfile, known_llm_profiles, load_llm_profile


def list_profiles(data: DataOption = Path("data")) -> None:
    """List the language-model profiles: what they serve, where, what they need, and whether they can be used now."""
    table = Table("profile", "model", "device", "memory", "prompts", "status", box=None, header_style="bold")
    for name in known_llm_profiles():
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


def _status(profile: LLMProfile, data: Path) -> str:
    from tasks.llm import server as llm_server
    from tasks.llm.vllm import obstacle

    if profile.device == "remote":  # not asked: a list needs no network
        key = profile.api_key_env
        return f"{key} is not set" if key is not None and not os.environ.get(key) else "not asked"
    handle = llm_server.find(profile, data / ".llm")
    if handle is not None:
        return f"runs at {handle.base_url}"
    found = obstacle(profile)
    return "ready" if found is None else found.status
