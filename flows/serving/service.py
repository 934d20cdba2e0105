"""`recaudience serve`: Prefect's server with its UI, and a worker for the deployments, as one service of a data folder.

Both are processes in sessions of their own, so that Ctrl-C in a terminal reaches this process alone, which then stops
runs, worker, language-model servers and Prefect's server in that order. What a killed service left behind is stopped,
and runs that it left as running are marked as crashed, before another one starts.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client

from flows.prefect_environment import DATA_VARIABLE
from flows.serving.dead_runs import crash_dead_runs
from flows.serving.pool import POOL, create_pool
from storage.errors import RecaudienceError, ServerError
from storage.files import publish_json
from storage.settings.datasets import own_profiles
from storage.settings.llm_profiles import DEFAULT_LLM
from tasks.llm.process import ServerProcess, last_lines, require_free
from tasks.llm.server import stop_abandoned

_START_SECONDS = 180.0
_STOP_SECONDS = 60.0  # a run that ends stops its language-model server first
_POLL_SECONDS = 0.25
_LOOK_AT_PROFILES_SECONDS = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class ServiceSettings:
    """Where the service works and listens.

    Parameters
    ----------
    data
        The data folder.
    port
        Port of 127.0.0.1 for server and UI.
    at_once
        Most runs at a time; a deployment never has more than one.
    api
        Address of a Prefect server that runs elsewhere, in place of one's own; ends with /api.
    llm
        The language-model profile of runs that name none.
    """

    data: Path
    port: int = 4200
    at_once: int = 1
    api: str | None = None
    llm: str = DEFAULT_LLM

    @property
    def address(self) -> str:
        """Address of the API."""
        return self.api or f"http://127.0.0.1:{self.port}/api"

    @property
    def state_file(self) -> Path:
        """Where the processes of a running service are kept."""
        return self.data / ".prefect" / "service.json"

    def log(self, name: str) -> Path:
        """Log of one of the processes."""
        return self.data / ".logs" / f"{name}.log"


class Service:
    """A service from its start to its end; use `serve`."""

    def __init__(self, settings: ServiceSettings, say: Callable[[str], None]) -> None:
        self._settings, self._say = settings, say
        self._stop = threading.Event()
        self._processes: dict[str, ServerProcess] = {}

    def stop(self) -> None:
        """Ask `run` to end; called by signals."""
        self._stop.set()

    def run(self) -> None:
        """Start everything, work until `stop` is called, and stop everything.

        Raises
        ------
        ServerError
            Where another service works on the data folder, the port is in use, or a process ends by itself.
        """
        settings = self._settings
        _stop_leftovers(settings, self._say)
        if settings.api is None:
            require_free(settings.port)
        try:
            with get_client(sync_client=True) as client:
                try:
                    self._work(client)
                finally:
                    self._say("stopping: runs first, then worker and servers")
                    self._stop_worker(client)
        finally:
            for process in self._processes.values():
                process.stop()
            settings.state_file.unlink(missing_ok=True)
        self._say("stopped")

    def _work(self, client: SyncPrefectClient) -> None:
        settings = self._settings
        if settings.api is None:
            server = ("server", "start", "--host", "127.0.0.1", "--port", str(settings.port))
            self._spawn("prefect-server", server, {"PREFECT_UI_API_URL": settings.address})
        # Importing the flows takes seconds, in which Prefect's server starts.
        import_module(f"{__package__}.registration")
        if not self._wait_until_healthy():
            return
        if settings.api is None:
            crash_dead_runs(client, "The service was ended during this run.")
        create_pool(client)
        worker = ("worker", "start", "--pool", POOL, "--type", "process", "--limit", str(settings.at_once))
        self._spawn("worker", worker, {DATA_VARIABLE: str(settings.data)})
        self._say(f"serving: {settings.address.removesuffix('/api')}  (Ctrl-C ends it)")
        profiles = None
        while not self._stop.is_set():
            self._require_alive()
            if _profiles(settings.data) != profiles:
                profiles = _profiles(settings.data)
                self._register(client)
            self._stop.wait(_LOOK_AT_PROFILES_SECONDS)

    def _register(self, client: SyncPrefectClient) -> None:
        """Bring the deployments up to date; a damaged profile is named, and they stay as they are."""
        from flows.serving.deployments import deployments
        from flows.serving.registration import register

        try:
            wanted = deployments(self._settings.data, self._settings.llm)
        except RecaudienceError as error:
            self._say(f"the deployments stay as they are: {error}")
            return
        changed = 0
        for _ in register(client, wanted, shlex.join([sys.executable, "-m", "prefect.engine"])):
            changed += 1
            if self._stop.is_set():
                return
        self._say(f"{len(wanted)} deployments, {changed} of them new or changed")

    def _spawn(self, name: str, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        command = (sys.executable, "-m", "prefect", "--no-prompt", *arguments)
        environment = {**os.environ, "PREFECT_API_URL": self._settings.address, **environment}
        process = ServerProcess.spawn(command, environment, self._settings.log(name))
        self._processes[name] = process
        own = psutil.Process()
        everyone = {"service": ServerProcess(own.pid, own.create_time()), **self._processes}
        publish_json(self._settings.state_file, {one: asdict(process) for one, process in everyone.items()})

    def _wait_until_healthy(self) -> bool:
        """Wait for Prefect's server; False where the service is asked to stop meanwhile."""
        waited = 0.0
        while not _healthy(self._settings.address):
            self._require_alive()
            if waited > _START_SECONDS:
                raise ServerError(f"Prefect's server does not answer at {self._settings.address} after {waited:.0f} s.")
            if self._stop.wait(_POLL_SECONDS):
                return False
            waited += _POLL_SECONDS
        return True

    def _require_alive(self) -> None:
        for name, process in self._processes.items():
            if not process.is_alive():
                log = self._settings.log(name)
                raise ServerError(f"{name} ended by itself. The end of {log}:\n{last_lines(log)}")

    def _stop_worker(self, client: SyncPrefectClient) -> None:
        """Stop runs and worker, then runs' language-model servers; mark as crashed what still counts as running."""
        worker = self._processes.pop("worker", None)
        if worker is not None:
            worker.stop(patience=_STOP_SECONDS)
        stop_abandoned(self._settings.data / ".llm")
        if worker is not None and self._settings.api is None and _healthy(self._settings.address):
            crash_dead_runs(client, "The service was stopped during this run.")


def serve(settings: ServiceSettings, say: Callable[[str], None]) -> None:
    """Run the service until SIGINT (Ctrl-C), SIGTERM or SIGHUP.

    Parameters
    ----------
    settings
        Where it works and listens.
    say
        Called with each line for the person who started it.

    Raises
    ------
    ServerError
        See `Service.run`.
    """
    service = Service(settings, say)
    with _on_signals(service.stop):
        service.run()


@contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Signals that end the service; further ones, while it is stopping, change nothing."""
    before = {number: signal.signal(number, lambda *_: stop()) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_leftovers(settings: ServiceSettings, say: Callable[[str], None]) -> None:
    """Stop what a service that was killed left behind, its language-model servers included.

    Raises
    ------
    ServerError
        Where the service still runs.
    """
    try:
        state = json.loads(settings.state_file.read_text(encoding="utf-8"))
        processes = {name: ServerProcess(**process) for name, process in state.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        processes = {}
    service = processes.pop("service", None)
    if service is not None and service.is_alive():
        raise ServerError(
            f"{settings.data}: process {service.pid} serves this folder already. End it with: kill {service.pid}"
        )
    for name, process in processes.items():
        if process.stop():
            say(f"{name}: left behind by a service that was killed; stopped")
    settings.state_file.unlink(missing_ok=True)
    for profile in stop_abandoned(settings.data / ".llm"):
        say(f"language-model server {profile}: left behind by a run that was killed; stopped")


def _profiles(data: Path) -> tuple[tuple[str, int], ...]:
    """Names and times of what deployments are made from in the data folder."""
    files = [*sorted(own_profiles(data).glob("*.yaml")), *sorted(data.glob(".sources.json")), data / "sources"]
    return tuple((str(file), file.stat().st_mtime_ns) for file in files if file.exists())


def _healthy(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
