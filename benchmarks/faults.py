"""What a batch of prompts loses when its server is killed twice and its client once.

    .venv/bin/python benchmarks/faults.py [--prompts 2000] [--llm embedded] [--json]

Prompts of a sample world are answered twice, each time from an empty completion cache and by a real vLLM server: once
left alone, and once with faults. At a quarter of the answers the server's leading process is killed (SIGKILL; its
engine outlives it), at half of them the client with the processes of its own, which is then run again, and at three
quarters the server with all of its processes. `requests` are those that the servers themselves noted in their logs as
they came in; `lost` is what they are over the answers that were kept. Each fault may cost what was then in flight, at
most `window`. `different rows` is how many of the rows of the two annotations tables are not the same.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml
from pydantic import JsonValue

from flows.prefect_environment import configure_prefect
from storage.completions import CompletionStore
from storage.contracts import ANNOTATIONS
from storage.run_folder import RunFolder
from storage.settings.llm_profiles import REPOSITORY, LLMProfile, load_llm_profile
from storage.tables import read_table
from tasks.llm.server_handle import ServerHandle, read_handle

Row = dict[str, JsonValue]
POLL_SECONDS = 0.1
PROFILE = "profile.yaml"
NOTED = "Received request "  # vLLM's log, a line for each request as it comes in


def annotate_sample(data: Path, prompts: int) -> None:
    """The client: the part of `recaudience reproduce sample` that asks the language model."""
    configure_prefect(data)  # before Prefect is imported
    from prefect import flow

    from flows.audience import annotate_with_server
    from flows.settings import Settings
    from tasks.steps.ingest import ingest

    overrides: dict[str, JsonValue] = {
        "dataset.sample.items": 600,
        "annotate.max_prompts": prompts,
        "annotate.max_failed_share": 1.0,  # what is compared is what was answered, well or not
    }
    settings = Settings.load("sample", None, str(data / PROFILE), "tail", overrides, data=data)
    folder = RunFolder.of(data, "sample")
    folder.root.mkdir(parents=True, exist_ok=True)

    @flow(name="annotate", persist_result=False)
    def annotate() -> None:
        ingest.run(folder, settings.ingest)
        annotate_with_server(folder, settings, data)

    annotate()


@dataclass
class Batch:
    """A data folder in which the prompts are answered, with the requests that its servers noted before they died."""

    data: Path
    profile: LLMProfile
    prompts: int
    noted: int = 0

    def start(self) -> subprocess.Popen[bytes]:
        """The client, as the leader of a session of its own."""
        self.data.mkdir(exist_ok=True)
        (self.data / PROFILE).write_text(yaml.safe_dump(json.loads(self.profile.model_dump_json())))
        command = [sys.executable, __file__, "--prompts", str(self.prompts), "--annotate", str(self.data)]
        with (self.data / "client.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY, start_new_session=True)

    def finish(self, client: subprocess.Popen[bytes]) -> None:
        """Wait for the client to end well."""
        if client.wait() != 0:
            raise SystemExit((self.data / "client.log").read_text()[-4000:])
        self.note()

    def stored(self) -> int:
        """Answers in the completion cache."""
        path = self.data / "completions.sqlite"
        if not path.is_file():
            return 0
        with CompletionStore(path) as store:
            return len(store)

    def at(self, answers: int, client: subprocess.Popen[bytes], fault: Callable[[], None]) -> None:
        """Let `fault` happen once so many answers are stored."""
        while self.stored() < answers:
            if client.poll() is not None:
                raise SystemExit(f"the client ended early:\n{(self.data / 'client.log').read_text()[-4000:]}")
            time.sleep(POLL_SECONDS)
        fault()

    def kill_leader(self) -> None:
        """Kill the server's first process."""
        os.kill(self._server().pid, signal.SIGKILL)
        self.note()

    def kill_server(self) -> None:
        """Kill all of the server's processes."""
        for process in self._server().process.members():
            process.kill()
        self.note()

    def note(self) -> None:
        """Add the requests that the last server noted; the next one begins a new log."""
        log = self.data / ".llm" / f"{self.profile.name}.log"
        self.noted += log.read_text(encoding="utf-8", errors="replace").count(NOTED)

    def table(self) -> pl.DataFrame:
        """The annotations."""
        return read_table(self.data / "sample" / "annotations.parquet", ANNOTATIONS)

    def row(self, what: str, seconds: float) -> Row:
        """Its line of the table."""
        kept = self.stored()
        return {
            "run": what,
            "prompts": self.table().height,
            "answers": kept,
            "requests": self.noted,
            "lost": self.noted - kept,
            "window": self.profile.concurrency,
            "seconds": round(seconds, 1),
        }

    def _server(self) -> ServerHandle:
        handle = read_handle(self.data / ".llm" / f"{self.profile.name}.json")
        if handle is None:
            raise SystemExit("no server to kill: the batch ended too early. Ask for more --prompts.")
        return handle


def left_alone(batch: Batch) -> Row:
    """Nothing happens."""
    began = time.monotonic()
    batch.finish(batch.start())
    return batch.row("left alone", time.monotonic() - began)


def with_faults(batch: Batch) -> Row:
    """The server dies, the client dies, the server dies."""
    began, quarter = time.monotonic(), batch.prompts // 4
    client = batch.start()
    batch.at(quarter, client, batch.kill_leader)
    batch.at(2 * quarter, client, lambda: os.killpg(client.pid, signal.SIGKILL))
    client.wait()
    client = batch.start()
    batch.at(3 * quarter, client, batch.kill_server)
    batch.finish(client)
    return batch.row("server, client, server killed", time.monotonic() - began)


def measure(profile: LLMProfile, prompts: int, folder: Path) -> list[Row]:
    """Both runs, and whether their tables are equal."""
    arguments = (*profile.server_arguments, "--enable-log-requests")
    profile = profile.model_copy(update={"server_arguments": arguments})
    calm, faulty = (Batch(folder / name, profile, prompts) for name in ("calm", "faulty"))
    rows = [left_alone(calm), with_faults(faulty)]
    one, other = calm.table(), faulty.table()
    same = [a == b for a, b in zip(one.iter_rows(), other.iter_rows(), strict=True)]
    return [row | {"different rows": same.count(False)} for row in rows]


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", default="embedded", help="profile of deployments/llm, or the path of one")
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    parser.add_argument("--annotate", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.annotate is not None:
        annotate_sample(arguments.annotate, arguments.prompts)
        return
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure(load_llm_profile(arguments.llm), arguments.prompts, Path(scratch))
    if arguments.json:
        print(json.dumps(rows))
        return
    with pl.Config(tbl_cols=-1, tbl_width_chars=180, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
