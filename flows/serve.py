"""`recaudience serve`: a Prefect server with its UI, and a worker for the deployments of deployments/prefect.yaml."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import yaml

from storage.errors import ServerError

_DEPLOYMENTS = Path(__file__).resolve().parents[1] / "deployments" / "prefect.yaml"
_FLOW = f"{__name__.rpartition('.')[0]}.reproduce.reproduce"  # below another name in the wheel
_POOL = "recaudience"
_START_SECONDS = 180


def serve(host: str, port: int) -> None:
    """Run until interrupted; everything that was started is stopped again.

    Parameters
    ----------
    host, port
        Where server and UI listen; stay on loopback unless a proxy in front of them asks for passwords.

    Raises
    ------
    ServerError
        Where the port is taken, or the server ends or is not healthy in time.
    """
    api = f"http://{host}:{port}/api"
    if _healthy(api):
        raise ServerError(f"{api}: a server already answers there. Choose another port: recaudience serve --port N.")
    environment = os.environ | {"PREFECT_API_URL": api, "PREFECT_UI_API_URL": api}
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    server = subprocess.Popen([*prefect, "server", "start", "--host", host, "--port", str(port)], env=environment)
    try:
        _wait(server, api)
        pool = [*prefect, "work-pool", "create", _POOL, "--type", "process", "--overwrite"]
        subprocess.run(pool, env=environment, check=True)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / _DEPLOYMENTS.name
            file.write_text(deployments(), encoding="utf-8")
            deploy = [*prefect, "deploy", "--all", "--prefect-file", str(file)]
            subprocess.run(deploy, env=environment, check=True)
        worker = [*prefect, "worker", "start", "--pool", _POOL, "--limit", "1"]
        subprocess.run(worker, env=environment, check=False)
    except subprocess.CalledProcessError as error:
        raise ServerError(
            f"{' '.join(error.cmd[2:])} ended with {error.returncode}; its message stands above."
        ) from error
    except KeyboardInterrupt:
        pass
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def deployments() -> str:
    """deployments/prefect.yaml, with the flow named as it is imported here; runs work in the current folder."""
    content = yaml.safe_load(_DEPLOYMENTS.read_text(encoding="utf-8"))
    for deployment in content["deployments"]:
        deployment["entrypoint"] = _FLOW
    return yaml.safe_dump(content, sort_keys=False)


def _wait(server: subprocess.Popen[bytes], api: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _healthy(api):
        if server.poll() is not None:
            raise ServerError(f"The Prefect server ended with {server.returncode}; its message stands above.")
        if time.monotonic() > deadline:
            server.terminate()
            raise ServerError(f"The Prefect server was not healthy at {api} after {_START_SECONDS} s.")
        time.sleep(0.5)


def _healthy(api: str) -> bool:
    try:
        return httpx.get(f"{api}/health", timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
