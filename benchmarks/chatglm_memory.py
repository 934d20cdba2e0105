"""Load ChatGLM3-6B at its full size with dummy weights on the CPU: whether vLLM takes it, its time and its memory.

    python benchmarks/chatglm_memory.py [--json]

The published configuration is prepared as any download (deployments/llm/prepare_chatglm.py), started as any profile,
and answers one constrained request. Needs some 20 GiB of free memory; not part of the tests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from storage.settings.llm_profiles import REPOSITORY, LLMProfile, load_llm_profile
from tasks.llm import server as llm_server

PYTHON = REPOSITORY / ".venv-llm" / "bin" / "python"
NAME = "chatglm3-6b"
ON_THE_CPU = {
    "device": "cpu",
    "dtype": "bfloat16",
    "context_length": 2048,
    "concurrency": 4,
    "server_arguments": (
        "--load-format=dummy",
        "--enforce-eager",
        "--kv-cache-memory-bytes=268435456",
        "--no-enable-chunked-prefill",
    ),
}
SCHEMA = {"type": "object", "properties": {"pro": {"enum": ["slow plot", "great cast"]}}, "required": ["pro"]}


class PeakMemory(threading.Thread):
    """Largest sum of the proportional set sizes of this process's descendants, sampled twice a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes, self._ended = 0, threading.Event()

    def run(self) -> None:
        """Sample until told to end."""
        while not self._ended.wait(0.5):
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:  # it ended meanwhile
                    continue
            self.bytes = max(self.bytes, total)

    def end(self) -> int:
        """Peak in bytes."""
        self._ended.set()
        self.join()
        return self.bytes


def prepared_profile(folder: Path) -> LLMProfile:
    """Profile of the 6B, on the CPU, with a prepared folder that has no weights."""
    published = REPOSITORY / "tests" / "end_to_end" / "published_chatglm.py"
    prepare = REPOSITORY / "deployments" / "llm" / "prepare_chatglm.py"
    for words in (
        [published, folder / "published", "6b-config"],
        [prepare, NAME, folder / "published", "--into", folder],
    ):
        subprocess.run([str(PYTHON), *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    settings = load_llm_profile(NAME).model_dump() | ON_THE_CPU | {"model": str(folder / NAME), "revision": None}
    return LLMProfile.model_validate(settings)


def measure(folder: Path) -> dict[str, str | float]:
    """Start the server, ask it once, stop it."""
    profile, peak = prepared_profile(folder), PeakMemory()
    began = time.monotonic()
    peak.start()
    try:
        handle = llm_server.start(profile, folder / "state")
        started = time.monotonic() - began
        body = {
            "model": handle.model,
            "messages": [{"role": "user", "content": "Why do people like the film Heat?"}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
            "max_tokens": 64,
        }
        reply = httpx.post(
            f"{handle.base_url}/chat/completions", json=body, headers=handle.headers, trust_env=False, timeout=600
        ).raise_for_status()
        answered = time.monotonic() - began - started
    finally:
        llm_server.stop(profile, folder / "state")
    return {
        "model": f"{NAME}, dummy weights, {profile.dtype}",
        "seconds to healthy": round(started, 1),
        "seconds to the first answer": round(answered, 1),
        "peak memory, GiB": round(peak.end() / 2**30, 2),
        "answer": reply.json()["choices"][0]["message"]["content"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as folder:
        row = measure(Path(folder))
    if as_json:
        print(json.dumps(row))
        return
    table = Table(*row, box=None)
    table.add_row(*map(str, row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
