"""How vLLM is called for a profile: its command line, its environment, and what must be there first."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from storage.errors import ServerError
from storage.settings.llm_profiles import PROFILE_FOLDER, REPOSITORY, LLMProfile

VLLM = REPOSITORY / ".venv-llm" / "bin" / "vllm"
_SMALL_MACHINE_CORES = 4
_NOT_PASSED_ON = ("PYTHONPATH", "VIRTUAL_ENV", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Obstacle:
    """Reason why a profile cannot be served on this machine, in a word or two, and the remedy."""

    status: str
    remedy: str


def obstacle(profile: LLMProfile, executable: Path = VLLM) -> Obstacle | None:
    """Reason why a local profile cannot be served here, None where there is none."""
    folder = profile.model_folder
    if not executable.exists():
        return Obstacle(
            "not installed",
            f"{executable}: the language-model server is not installed. In the repository, make setup installs it; "
            f"anywhere else, name a running server: --llm my-server.yaml, a copy of {PROFILE_FOLDER / 'openai.yaml'} "
            "with its base_url and model.",
        )
    if profile.device == "cuda" and shutil.which("nvidia-smi") is None:
        return Obstacle(
            "no GPU here",
            f"profile {profile.name} needs an NVIDIA GPU, and nvidia-smi is not here. "
            "Use the profile embedded, or the address of a server (deployments/llm/openai.yaml).",
        )
    if folder is not None and not folder.is_dir():
        return Obstacle(
            "not prepared",
            f"{folder}: no such model folder. The embedded model is made by make setup, ChatGLM's by "
            "deployments/llm/prepare_chatglm.py (docs/llm-servers.md).",
        )
    return None


def require_installed(profile: LLMProfile, executable: Path) -> None:
    """Raise ServerError, saying what to do, where the profile cannot be served on this machine."""
    hindrance = obstacle(profile, executable)
    if hindrance is not None:
        raise ServerError(hindrance.remedy)


def vllm_command(profile: LLMProfile, port: int, executable: Path) -> tuple[str, ...]:
    """Command line that serves `profile`; the key is not on it, since every user of the machine can read it."""
    return (
        str(executable),
        "serve",
        str(profile.model_folder or profile.model),
        "--host=127.0.0.1",
        f"--port={port}",
        "--disable-uvicorn-access-log",
        *_engine_arguments(profile),
    )


def batch_command(profile: LLMProfile, requests: Path, replies: Path, executable: Path) -> tuple[str, ...]:
    """Command line that answers a file of requests with `profile`'s model, without a server."""
    return (
        str(executable),
        "run-batch",
        f"--input-file={requests}",
        f"--output-file={replies}",
        f"--model={profile.model_folder or profile.model}",
        *_engine_arguments(profile),
    )


def _engine_arguments(profile: LLMProfile) -> tuple[str, ...]:
    template = () if profile.chat_template_file is None else (f"--chat-template={profile.chat_template_file}",)
    revision = () if profile.revision is None or profile.model_folder else (f"--revision={profile.revision}",)
    return (
        f"--served-model-name={profile.served_name}",
        f"--dtype={profile.dtype}",
        f"--max-model-len={profile.context_length}",
        f"--max-num-seqs={profile.concurrency}",
        "--enable-prefix-caching",  # the worked examples that open each prompt are computed once
        *revision,
        *template,
        *profile.server_arguments,
    )


def served_arguments(command: tuple[str, ...]) -> list[str]:
    """The arguments of a command line that decide what is served: all but the executable and the port."""
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
        # Threads that wait for each other give their core to whoever needs it, such as the client: spinning starves it.
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return environment
