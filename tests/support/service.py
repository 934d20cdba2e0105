"""A really started service, `recaudience serve` as a process of its own, and its API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from tasks.llm.process import free_port

ROOT = Path(__file__).resolve().parents[2]
_FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_SECONDS = 300.0
ResultT = TypeVar("ResultT")


class RunningService:
    """`recaudience serve` on a free port, from its start until it is ended by a signal."""

    def __init__(self, data: Path) -> None:
        self.data, self.port = data, free_port()
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        self.output = data.with_name(f"{data.name}.out")
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "recaudience", "serve", "--port", str(self.port), "--data", str(self.data)]
        environment = self._environment | {"PYTHONPATH": str(ROOT)}
        with self.output.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.process = process
        self.until(lambda: " deployments, " in self.output.read_text() or None)
        return process

    def start_again(self) -> None:
        """Start another one on the same data folder."""
        self.process = self._start()

    def end(self, number: int) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=_SECONDS)

    def recaudience(self, *arguments: str) -> None:
        """Run another command on the same data folder."""
        command = [sys.executable, "-m", "recaudience", *arguments, "--data", str(self.data)]
        subprocess.run(command, cwd=ROOT, env=self._environment | {"PYTHONPATH": str(ROOT)}, check=True)

    def request(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask Prefect's API, again where its database is locked for a moment."""

        def answer() -> httpx.Response | None:
            response = httpx.request(method, f"http://127.0.0.1:{self.port}/api{path}", json=body, timeout=60)
            return None if response.status_code == httpx.codes.SERVICE_UNAVAILABLE else response

        return self.until(answer)

    def deployment(self, name: str, flow: str = "reproduce") -> dict[str, Any] | None:
        """A deployment, None where there is none of that name."""
        response = self.request("GET", f"/deployments/name/{flow}/{name}")
        return response.json() if response.status_code == httpx.codes.OK else None

    def start_run(self, name: str, parameters: dict[str, Any]) -> httpx.Response:
        """Ask for a run of a deployment."""
        deployment = self.deployment(name)
        assert deployment is not None
        return self.request("POST", f"/deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})

    def run(self, run: str) -> dict[str, Any]:
        """A run by its id."""
        return self.request("GET", f"/flow_runs/{run}").json()

    def finished(self, run: str) -> dict[str, Any]:
        """The run once it is over."""
        return self.until(lambda: one if (one := self.run(run))["state_type"] in _FINAL else None)

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        """All runs of a dataset's deployment."""
        chosen = {"deployments": {"name": {"any_": [name]}}}
        return self.request("POST", "/flow_runs/filter", chosen).json()

    def processes(self) -> list[psutil.Process]:
        """Everything that the service has started and that still runs."""
        sessions = [
            state["pid"]
            for name, state in json.loads((self.data / ".prefect" / "service.json").read_text()).items()
            if name != "service"
        ]
        return [one for one in psutil.process_iter() if os.getsid(one.pid) in sessions]

    def until(self, ready: Callable[[], ResultT | None]) -> ResultT:
        """Wait for a result that is not None."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output.read_text()
            result = ready()
            if result is not None:
                return result
            time.sleep(0.5)
        logs = [log.read_text()[-3000:] for log in (self.data / ".logs").glob("*.log")]
        raise AssertionError("\n".join([self.output.read_text(), *logs]))
