"""One run of `vllm run-batch`: started, watched, and stopped together with whoever asked for it.

While it runs, `<profile>.batch.json` in the state folder names its process, so that one left behind by a killed run is
stopped by the next; `<profile>.batch.log` is its log. Runs of one profile wait for each other: each needs the memory of
the whole model.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from storage.errors import ServerError, ServerLostError
from storage.files import publish_json
from storage.settings.llm_profiles import LLMProfile
from tasks.llm.process import ServerProcess, last_lines
from tasks.llm.vllm import batch_command, require_installed, vllm_environment

_POLL_SECONDS = 0.5
_SHOWN = "Running batch:"


@dataclass(frozen=True)
class BatchFiles:
    """Requests to read and replies to write, one JSON object a line."""

    requests: Path
    replies: Path


def run_batch(
    profile: LLMProfile,
    state_folder: Path,
    files: BatchFiles,
    progress: Callable[[str], None] | None,
    executable: Path,
) -> None:
    """Answer every request of a file; returns when the replies are written.

    Parameters
    ----------
    profile
        The model, and how it is loaded.
    state_folder
        Where the log stands (`data/.llm`).
    files
        Where the requests are and the replies go.
    progress
        Called with a line of text twice a second.
    executable
        The `vllm` command.

    Raises
    ------
    ServerError
        Where the profile is of device remote, or vLLM is not installed.
    ServerLostError
        Where the command ends without replies; with the end of its log.
    """
    if profile.device == "remote":
        raise ServerError(
            f"profile {profile.name}: somebody else's server is asked, not loaded. Leave out annotate.client.offline."
        )
    require_installed(profile, executable)
    state_folder.mkdir(parents=True, exist_ok=True)
    state, log = state_folder / f"{profile.name}.batch.json", state_folder / f"{profile.name}.batch.log"
    with (state_folder / f"{profile.name}.batch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if state.is_file():
            ServerProcess(**json.loads(state.read_text(encoding="utf-8"))).stop()
        command = batch_command(profile, files.requests, files.replies, executable)
        process = ServerProcess.spawn(command, vllm_environment(profile, secrets.token_urlsafe(24), executable), log)
        try:
            publish_json(state, asdict(process))
            _watch(profile, process, log, progress)
        finally:
            process.stop()
            state.unlink(missing_ok=True)
    if not files.replies.is_file():
        raise ServerLostError(f"vllm run-batch {profile.name} wrote no replies. The end of {log}:\n{last_lines(log)}")


def _watch(profile: LLMProfile, process: ServerProcess, log: Path, progress: Callable[[str], None] | None) -> None:
    started = time.monotonic()
    while process.is_alive():
        if progress is not None:
            shown = [line for line in last_lines(log).splitlines() if line.startswith(_SHOWN)]
            seconds = f"{time.monotonic() - started:.0f} s"
            progress(f"vllm run-batch {profile.name}: {shown[-1].removeprefix(_SHOWN).strip() if shown else seconds}")
        time.sleep(_POLL_SECONDS)
