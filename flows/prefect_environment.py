"""Settings of Prefect that a run on one machine needs; they must be set before prefect is imported.

Prefect keeps its database and cached results below the data folder, so that a fresh clone with the same data folder
resumes where the last one stopped. A value that the user's environment already has is left alone.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from storage.errors import RecaudienceError

DATA_VARIABLE = "RECAUDIENCE_DATA"  # the data folder, for runs that a worker starts

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    # The temporary server that a run without PREFECT_API_URL starts for itself takes 8 to 20 s on two busy cores.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    "PREFECT_CLI_WRAP_LINES": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",  # a library that loads weights would draw bars between the log lines
    "TOKENIZERS_PARALLELISM": "false",
}


def configure_prefect(data: Path) -> None:
    """Set the variables that are not set yet, and create Prefect's home, which its database needs.

    Parameters
    ----------
    data
        The data folder; Prefect's home becomes `.prefect` in it.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    keep_loopback_off_proxies()
    os.environ.setdefault("PREFECT_HOME", str(data.resolve() / ".prefect"))
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)


def keep_loopback_off_proxies() -> None:
    """Let no request to this machine go through a proxy of the environment, where Prefect's client looks for them.

    Its client also builds a transport for every proxy before any request, and for SOCKS that needs a package that is
    not there: such proxies are left out of this process.
    """
    named = [name.strip() for name in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",")]
    hosts = ",".join(dict.fromkeys([*filter(None, named), *_LOOPBACK]))
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = hosts
    for name, value in list(os.environ.items()):
        if name.lower().endswith("_proxy") and value.lower().startswith("socks"):
            del os.environ[name]


def show_expected_errors_without_traceback() -> None:
    """Make Prefect log recaudience's own errors as a message without traceback: they are for the user, not bugs."""

    def shorten(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, RecaudienceError):
            record.msg, record.args = "%s", (error,)
            record.exc_info = record.exc_text = None
        return True

    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(shorten)
