"""Where a language-model server is: its handle, the state file that keeps it, its health and its counter."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import httpx

from storage.errors import ServerError, SettingsError
from storage.files import publish
from storage.settings.llm_profiles import LLMProfile
from tasks.llm.process import ServerProcess

Owner = Literal["user", "run"]


@dataclass(frozen=True)
class ServerHandle:
    """A healthy server: where it is and what it serves. `pid` and `port` are 0 for a remote one.

    Several addresses are those of equal remote servers that share the work.
    """

    profile: str
    model: str
    base_urls: tuple[str, ...]
    pid: int
    port: int
    created: float
    owner: Owner
    command: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)

    @property
    def base_url(self) -> str:
        """The address, with `/v1`; of several the first."""
        return self.base_urls[0]

    @property
    def process(self) -> ServerProcess:
        """The local server's process."""
        return ServerProcess(self.pid, self.created)

    @property
    def headers(self) -> dict[str, str]:
        """Header that authorises requests."""
        return {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}

    def get(self, address: str) -> httpx.Response:
        """Answer of the server to a GET request; requests to a local server never go through a proxy.

        Raises
        ------
        httpx.HTTPError
            Where it does not answer, or with an error.
        """
        return httpx.get(address, headers=self.headers, timeout=10, trust_env=not self.pid).raise_for_status()

    def is_healthy(self) -> bool:
        """Whether the server is up, and is this one: it knows the key."""
        try:
            for address in self.base_urls:
                self.get(f"{address.removesuffix('/v1')}/health")
                self.get(f"{address}/models")
        except httpx.HTTPError:
            return False
        return True


def write_handle(path: Path, handle: ServerHandle) -> None:
    """Publish a handle, which holds a key, as a file that only its user may read."""
    with publish(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(asdict(handle), indent=2) + "\n", encoding="utf-8")


def read_handle(path: Path) -> ServerHandle | None:
    """Handle in a state file, None where there is no file.

    Raises
    ------
    ServerError
        Where the file is damaged.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        lists = {name: tuple(state[name]) for name in ("base_urls", "command")}
        return ServerHandle(**(state | lists))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise ServerError(
            f"{path}: not readable ({error!r}). Delete it; stop its server by hand, if one runs."
        ) from error


def remote_handle(profile: LLMProfile) -> ServerHandle:
    """Handle of somebody else's server, which answers, at each of its addresses.

    Raises
    ------
    SettingsError
        Where the environment variable with its key is not set.
    ServerError
        Where it does not answer, or refuses.
    """
    key = None
    if profile.api_key_env is not None:
        key = os.environ.get(profile.api_key_env)
        if not key:
            raise SettingsError(f"profile {profile.name}: the environment variable {profile.api_key_env} is not set.")
    handle = ServerHandle(profile.name, profile.served_name, profile.base_urls, 0, 0, 0.0, "user", (), key)
    for address in handle.base_urls:
        try:
            handle.get(f"{address}/models")
        except httpx.HTTPError as error:
            raise ServerError(
                f"profile {profile.name}: {address}/models does not answer as expected ({error}). "
                "Check base_url in the profile, the key, and that the server is up."
            ) from error
    return handle


def request_count(handle: ServerHandle) -> int:
    """Number of requests that the server has answered since it started, by its own counter; of several the sum.

    Raises
    ------
    ServerError
        Where it gives no such counter.
    """
    total = 0.0
    for base_url in handle.base_urls:
        address = base_url.removesuffix("/v1") + "/metrics"
        try:
            text = handle.get(address).text
        except httpx.HTTPError as error:
            raise ServerError(
                f"{address}: its counters cannot be read ({error}). Is the server vLLM, and still up?"
            ) from error
        counts = re.findall(r"^vllm:request_success_total(?:\{.*\})? (\S+)$", text, flags=re.MULTILINE)
        total += sum(float(count) for count in counts)
    return int(total)
