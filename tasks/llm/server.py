"""The language-model server from its start to its end, also on behalf of a pipeline run.

A local server is vLLM from its own environment (.venv-llm) on 127.0.0.1, with an API key made for it. What is needed to
recognise it later stands in the state folder: `<profile>.json` (readable by its user only, for it holds the key) and
`<profile>.log`. A profile of device `remote` has no process: it is only checked.
"""

from __future__ import annotations

import fcntl
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from storage.errors import ServerError
from storage.settings.llm_profiles import LLMProfile
from tasks.llm.offline import BatchFiles, run_batch
from tasks.llm.process import ServerProcess, free_port, last_lines, require_free
from tasks.llm.server_handle import Owner, ServerHandle, read_handle, remote_handle, request_count, write_handle
from tasks.llm.vllm import VLLM, require_installed, served_arguments, vllm_command, vllm_environment

__all__ = [
    "ServerHandle",
    "ServerOnDemand",
    "failure",
    "find",
    "on_demand",
    "request_count",
    "start",
    "stop",
    "stop_abandoned",
]

_POLL_SECONDS = 0.5
_START_SECONDS = 900.0
_Progress = Callable[[str], None]


def start(
    profile: LLMProfile,
    state_folder: Path,
    *,
    port: int | None = None,
    owner: Owner = "user",
    progress: _Progress | None = None,
    executable: Path = VLLM,
) -> ServerHandle:
    """Return the profile's healthy server; start it where it does not run.

    Parameters
    ----------
    profile
        What is served.
    state_folder
        Where the state file and the log stand (`data/.llm`).
    port
        Port of 127.0.0.1; a free one where not given.
    owner
        `user`: runs until it is stopped by name; `run`: made for a pipeline run, which stops it again.
    progress
        Called with a line of text while the server starts.
    executable
        The `vllm` command.

    Raises
    ------
    ServerError
        Where it is not installed, the port is in use, one with other settings runs, or it dies or stays unhealthy.
    SettingsError
        Where the environment variable with a remote server's key is not set.
    """
    if profile.device == "remote":
        return remote_handle(profile)
    state_folder.mkdir(parents=True, exist_ok=True)
    with (state_folder / f"{profile.name}.start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second starter waits here and then finds the first one's server
        state = _state_file(profile, state_folder)
        handle = read_handle(state)
        if handle is not None and handle.process.is_alive():
            _require_same(handle, vllm_command(profile, handle.port, executable), port)
            if owner == "user" and handle.owner == "run":  # a person wants it too: no run stops it any more
                handle = replace(handle, owner=owner)
                write_handle(state, handle)
            _wait_until_healthy(handle, state_folder, progress)
            return handle
        if handle is not None:
            handle.process.stop()  # children that outlived it
        handle = _spawn(profile, state_folder, port, owner, executable)
        try:
            write_handle(state, handle)
            if progress is not None:
                progress(f"language-model server {profile.name}: starting on port {handle.port} (a minute or two)")
            _wait_until_healthy(handle, state_folder, progress)
        except BaseException:  # Ctrl-C too: what was not handed over is not left behind
            handle.process.stop()
            state.unlink(missing_ok=True)
            raise
        return handle


def find(profile: LLMProfile, state_folder: Path) -> ServerHandle | None:
    """Handle of the profile's server where it runs and is healthy, else None."""
    if profile.device == "remote":
        return remote_handle(profile)
    handle = read_handle(_state_file(profile, state_folder))
    return handle if handle is not None and handle.process.is_alive() and handle.is_healthy() else None


def stop(profile: LLMProfile, state_folder: Path) -> bool:
    """Stop the profile's server with all its processes; True where it ran. A remote one is left alone."""
    state = _state_file(profile, state_folder)
    handle = None if profile.device == "remote" else read_handle(state)
    if handle is None:
        return False
    stopped = handle.process.stop()
    state.unlink(missing_ok=True)
    return stopped


def stop_abandoned(state_folder: Path) -> list[str]:
    """Stop servers that runs started and that no run uses any more, as after a kill; returns their profiles."""
    stopped = []
    for state in sorted(state_folder.glob("*.json")):
        handle = read_handle(state)
        if handle is None or handle.owner != "run":
            continue
        with (state_folder / f"{handle.profile}.users.lock").open("w") as lock:
            if _is_last(lock.fileno()):
                if handle.process.stop():
                    stopped.append(handle.profile)
                state.unlink(missing_ok=True)
    return stopped


def _wait_until_healthy(handle: ServerHandle, state_folder: Path, progress: _Progress | None = None) -> None:
    """Wait until the server answers.

    Raises
    ------
    ServerError
        Where it dies or takes too long; with the last lines of its log.
    """
    started = time.monotonic()
    while not handle.is_healthy():
        seconds = time.monotonic() - started
        if not handle.process.is_alive():
            raise ServerError(failure(handle, state_folder, f"ended while starting, after {seconds:.0f} s"))
        if seconds > _START_SECONDS:
            raise ServerError(failure(handle, state_folder, f"was not healthy within {seconds:.0f} s"))
        if progress is not None:
            progress(f"language-model server {handle.profile}: starting, {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def failure(handle: ServerHandle, state_folder: Path, what: str) -> str:
    """Message about a server that failed, with the end of its log."""
    log = state_folder / f"{handle.profile}.log"
    lines = last_lines(log).replace(handle.api_key or "\0", "***")
    return f"the language-model server {handle.profile} {what}. The end of {log}:\n{lines}"


class ServerOnDemand:
    """A server that is looked up, or started, when it is first needed."""

    def __init__(self, profile: LLMProfile, state_folder: Path, progress: _Progress | None, executable: Path) -> None:
        self.profile, self.state_folder = profile, state_folder
        self._progress, self._executable = progress, executable
        self._handle: ServerHandle | None = None

    @property
    def started(self) -> ServerHandle | None:
        """The server, where it has been needed."""
        return self._handle

    def handle(self) -> ServerHandle:
        """The healthy server; starts it on the first call."""
        if self._handle is None:
            self._handle = self._start("run")
        return self._handle

    def restart(self) -> ServerHandle:
        """A healthy server after the one before was lost; a local one that no longer answers is stopped and started.

        It belongs to whom the lost one did: what a person started goes on after the run.
        """
        self._handle = find(self.profile, self.state_folder)
        if self._handle is None:
            lost = (
                None if self.profile.device == "remote" else read_handle(_state_file(self.profile, self.state_folder))
            )
            stop(self.profile, self.state_folder)
            self._handle = self._start("run" if lost is None else lost.owner)
        return self._handle

    def _start(self, owner: Owner) -> ServerHandle:
        return start(self.profile, self.state_folder, owner=owner, progress=self._progress, executable=self._executable)

    def run_batch(self, requests: Path, replies: Path) -> None:
        """Answer a file of requests without a server: see tasks/llm/offline.py."""
        run_batch(self.profile, self.state_folder, BatchFiles(requests, replies), self._progress, self._executable)


@contextmanager
def on_demand(
    profile: LLMProfile, state_folder: Path, progress: _Progress | None = None, executable: Path = VLLM
) -> Iterator[ServerOnDemand]:
    """Lend a server to a pipeline run: started only if it is needed, stopped again if a run started it.

    Each borrower holds a shared lock, which the operating system frees however it ends. So the last of several runs
    stops the server, one left behind by a killed run too; a server that a person started is left running.
    """
    state_folder.mkdir(parents=True, exist_ok=True)
    with (state_folder / f"{profile.name}.users.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        server = ServerOnDemand(profile, state_folder, progress, executable)
        try:
            yield server
        finally:
            if server.started is not None and server.started.pid and _is_last(lock.fileno()):
                handle = read_handle(_state_file(profile, state_folder))
                if handle is not None and handle.owner == "run":
                    stop(profile, state_folder)


def _is_last(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _spawn(profile: LLMProfile, state_folder: Path, port: int | None, owner: Owner, executable: Path) -> ServerHandle:
    require_installed(profile, executable)
    if port is None:
        port = free_port()
    else:
        require_free(port)
    command, key = vllm_command(profile, port, executable), secrets.token_urlsafe(24)
    environment = vllm_environment(profile, key, executable)
    process = ServerProcess.spawn(command, environment, state_folder / f"{profile.name}.log")
    return ServerHandle(
        profile=profile.name,
        model=profile.served_name,
        base_urls=(f"http://127.0.0.1:{port}/v1",),
        pid=process.pid,
        port=port,
        created=process.created,
        owner=owner,
        command=command,
        api_key=key,
    )


def _require_same(handle: ServerHandle, command: tuple[str, ...], port: int | None) -> None:
    difference = "with other settings" if served_arguments(handle.command) != served_arguments(command) else ""
    if port not in (None, handle.port):
        difference = f"on port {handle.port}, not on {port}"
    if difference:
        raise ServerError(
            f"a server of profile {handle.profile} runs already (process {handle.pid}), {difference}. "
            f"Stop it first: recaudience llm down {handle.profile}"
        )


def _state_file(profile: LLMProfile, state_folder: Path) -> Path:
    return state_folder / f"{profile.name}.json"
