"""A server as a process group of its own: started, recognised later by another process, stopped as a whole.

vLLM spawns further processes (its engine and workers). All are members of the session that the server leads, so that
stopping the session stops exactly what was started, even where the leader itself has died.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from storage.errors import ServerError

_TERMINATE_SECONDS = 20.0
_KILL_SECONDS = 10.0


@dataclass(frozen=True)
class ServerProcess:
    """The leader of a server's session; its start time tells it from a later process with the same number."""

    pid: int
    created: float

    @classmethod
    def spawn(cls, command: Sequence[str], environment: Mapping[str, str], log: Path) -> ServerProcess:
        """Start `command` in a session of its own, with standard output and error going to the file `log`.

        A session of its own also means that Ctrl-C in the terminal does not reach it.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            return cls(process.pid, psutil.Process(process.pid).create_time())
        except psutil.NoSuchProcess:
            return cls(process.pid, 0.0)

    def is_alive(self) -> bool:
        """Whether the process that was started, not a later one with its number, still runs."""
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def members(self) -> list[psutil.Process]:
        """The running processes of the session that was started."""
        running = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                leads = process.pid == self.pid and process.create_time() == self.created
                belongs = os.getsid(process.pid) == self.pid and process.create_time() >= self.created
                if (leads or belongs) and process.status() != psutil.STATUS_ZOMBIE:
                    running.append(process)
        return running

    def stop(self, patience: float = _TERMINATE_SECONDS) -> bool:
        """Ask every process of the session to end, and after `patience` seconds kill what is left.

        Returns
        -------
        Whether there was something to stop.
        """
        if self._number_was_reused():
            return False
        members = self.members()
        for signal_number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, _KILL_SECONDS)):
            for process in self.members():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal_number)
            psutil.wait_procs(members, timeout=seconds)
            if not self.members():
                break
        return bool(members)

    def _number_was_reused(self) -> bool:
        """Whether another process has been given the leader's number since (so that its session is another's too)."""
        try:
            return psutil.Process(self.pid).create_time() != self.created
        except psutil.NoSuchProcess:
            return False


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def require_free(port: int) -> None:
    """Raise ServerError where somebody listens on `port` of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise ServerError(
                f"port {port} of 127.0.0.1 cannot be used ({error}). "
                "Choose another with --port N, or give none to take a free one."
            ) from error


def last_lines(log: Path, count: int = 20) -> str:
    """The last lines of a log file, or '' where there is none."""
    if not log.is_file():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
