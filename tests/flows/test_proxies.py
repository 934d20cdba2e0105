"""Proxies of the environment: loopback never goes through one."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from flows.prefect_environment import configure_prefect

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "socks5h://proxy.invalid:1080"])
def test_a_client_of_this_machine_sees_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "intranet.invalid" if name == "NO_PROXY" else proxy)
        monkeypatch.setenv(name.lower(), "intranet.invalid" if name == "NO_PROXY" else proxy)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    configure_prefect(tmp_path)
    with httpx.Client() as client:  # with a SOCKS proxy it would not even be made
        transport = client._transport_for_url(httpx.URL("http://127.0.0.1:4200/api"))
        assert transport is client._transport
        elsewhere = client._transport_for_url(httpx.URL("http://models.invalid/v1"))
        assert (elsewhere is client._transport) == proxy.startswith("socks")
