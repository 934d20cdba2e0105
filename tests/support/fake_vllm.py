"""A stand-in for the `vllm` command: answers as its server does, or fails as the tests ask in `--fake=...`.

It starts a child process, as vLLM does, and writes that child's number to the file named in `--child=...`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

METRICS = """# TYPE vllm:request_success_total counter
vllm:request_success_total{finished_reason="stop",model_name="m"} 40.0
vllm:request_success_total{finished_reason="length",model_name="m"} 2.0
vllm:prompt_tokens_total{model_name="m"} 900.0
"""
OPTIONS = dict(part.removeprefix("--").split("=", 1) for part in sys.argv if part.startswith("--") and "=" in part)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        authorised = self.headers.get("Authorization") == f"Bearer {os.environ['VLLM_API_KEY']}"
        self.send_response(200 if authorised or not self.path.startswith("/v1") else 401)
        self.end_headers()
        self.wfile.write(METRICS.encode() if self.path == "/metrics" else b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


def run_batch(requests: Path, replies: Path) -> None:
    """Answer every request with its own key; with `--fake=hangs` never."""
    sys.stdout.write("Running batch: 50% Completed | 1/2\n")
    sys.stdout.flush()
    if OPTIONS.get("fake") == "hangs":
        signal.pause()
    if OPTIONS.get("fake") == "silent":
        return
    keys = [json.loads(line)["custom_id"] for line in requests.read_text().splitlines()]
    replies.write_text("".join(json.dumps({"custom_id": key}) + "\n" for key in keys))


def main() -> None:
    sys.stdout.write(f"key {os.environ['VLLM_API_KEY']}\nloading the model\n")
    if OPTIONS.get("fake") == "dies":
        sys.exit("RuntimeError: not enough memory")
    if "child" in OPTIONS:
        child = subprocess.Popen(["sleep", "600"])
        Path(OPTIONS["child"]).write_text(str(child.pid))
    if sys.argv[1] == "run-batch":
        run_batch(Path(OPTIONS["input-file"]), Path(OPTIONS["output-file"]))
        return
    if OPTIONS.get("fake") == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    HTTPServer(("127.0.0.1", int(OPTIONS["port"])), Handler).serve_forever()


if __name__ == "__main__":
    main()
