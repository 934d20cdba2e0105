"""How vLLM is called for a profile: its command line, its environment, and what must be there first."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from storage.errors import ServerError
from storage.llm_profiles import REPOSITORY, LLMProfile

VLLM = REPOSITORY / ".venv-llm" / "bin" / "vllm"
_SMALL_MACHINE_CORES = 4
_NOT_PASSED_ON = ("PYTHONPATH", "VIRTUAL_ENV", "OMP_NUM_THREADS")


def require_installed(profile: LLMProfile, executable: Path) -> None:
    """Raise ServerError, saying what to do, where the profile cannot be served on this machine."""
    if not executable.exists():
        raise ServerError(f"{executable}: the language-model server is not installed. Install it with: make setup")
    if profile.model_folder is not None and not profile.model_folder.is_dir():
        raise ServerError(f"{profile.model_folder}: no such model folder. The embedded model is made by: make setup")
    if profile.device == "cuda" and shutil.which("nvidia-smi") is None:
        raise ServerError(
            f"profile {profile.name} needs an NVIDIA GPU, and nvidia-smi is not here. "
            "Use the profile embedded, or the address of a server (deployments/llm/openai.yaml)."
        )


def vllm_command(profile: LLMProfile, port: int, executable: Path) -> tuple[str, ...]:
    """Command line that serves `profile`; the key is not on it, since every user of the machine can read it."""
    revision = () if profile.revision is None or profile.model_folder else (f"--revision={profile.revision}",)
    return (
        str(executable),
        "serve",
        str(profile.model_folder or profile.model),
        f"--served-model-name={profile.served_name}",
        "--host=127.0.0.1",
        f"--port={port}",
        f"--dtype={profile.dtype}",
        f"--max-model-len={profile.context_length}",
        f"--max-num-seqs={profile.concurrency}",
        "--enable-prefix-caching",  # the worked examples that open each prompt are computed once
        "--disable-uvicorn-access-log",
        *revision,
        *profile.server_arguments,
    )


def what_is_served(command: tuple[str, ...]) -> list[str]:
    """What a command line serves, whatever the port and the executable."""
    return [part for part in command[1:] if not part.startswith("--port=")]


def vllm_environment(profile: LLMProfile, key: str, executable: Path) -> dict[str, str]:
    """Environment of the server: the caller's, less what would lead it astray, with the key and no telemetry."""
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    environment |= {
        "PATH": f"{executable.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "VLLM_API_KEY": key,
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    if profile.model_folder is not None:
        environment["HF_HUB_OFFLINE"] = "1"
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) <= _SMALL_MACHINE_CORES:  # by itself vLLM leaves a core idle for its scheduler: half of two
        environment.setdefault("VLLM_CPU_OMP_THREADS_BIND", ",".join(map(str, cores)))
    return environment
