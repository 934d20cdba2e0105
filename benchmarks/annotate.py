"""The annotate step's driver against a bare load generator, on the same prompts and the same real server.

    .venv/bin/python benchmarks/annotate.py [--prompts 128] [--replies 5000] [--json]

A vLLM server (profile --llm) is started twice, with and without prefix caching. Prompts of the sample world are sent to
it: once to warm up, then in turns by a loop that does nothing but send and count, and by the step's own client, which
checks every answer and stores it in a fresh completion cache. `share` is the client's output tokens/s in that of the
loop. The last row is the client alone: a server in another process answers at once, and `cpu_requests_per_s` is what
one core of client time comes to.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import polars as pl
from pydantic import JsonValue

from flows.settings import Settings
from storage.completions import CompletionStore
from storage.contracts import INTERACTIONS, ITEMS
from storage.run_folder import RunFolder
from storage.settings.llm_profiles import LLMProfile, load_llm_profile
from storage.tables import read_table
from tasks.llm import server as llm_server
from tasks.llm.client import BatchClient
from tasks.llm.questions import Question, Server, Tally
from tasks.llm.settings import ClientSettings
from tasks.steps.annotate import question_of
from tasks.steps.ingest import ingest
from tasks.steps.prompt_plan import plan_prompts

Row = dict[str, JsonValue]
TURNS = 4
_REPLY = json.dumps(
    {
        "choices": [{"message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 20},
    }
).encode()


@dataclass(frozen=True)
class Running:
    """A server that needs no starting: what the client asks its source for."""

    base_urls: tuple[str, ...]
    api_key: str | None
    model: str

    def handle(self) -> Server:
        """Itself."""
        return self

    restart = handle


def questions_of_sample(folder: Path, profile: LLMProfile, n: int) -> list[Question]:
    """The first n prompts that the step would ask of the sample world."""
    settings = Settings.load("sample", None, profile.name, "tail", {"annotate.max_prompts": n})
    run = RunFolder(folder / "sample")
    ingest.function(run, settings.ingest)
    items = read_table(run.path("items.parquet"), ITEMS)
    train = read_table(run.path("interactions.parquet"), INTERACTIONS, rows=pl.col("split") == "train")
    annotate = settings.annotate.of_model(profile, noun=settings.dataset.noun)
    return [
        question_of(planned, annotate) for planned in plan_prompts(items, train, annotate, annotate.prompts).prompts
    ]


def by_client(questions: Sequence[Question], server: Running, folder: Path, concurrency: int) -> Tally:
    """Ask through the step's client, with an empty cache."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch, CompletionStore(Path(scratch) / "c.sqlite") as store:
        client = BatchClient(store, server, ClientSettings(concurrency=concurrency))
        client.answer(questions)
        return client.tally


def by_loop(questions: Sequence[Question], server: Running, concurrency: int) -> Tally:
    """Output tokens and seconds of a loop that sends the first form of every question."""

    async def run() -> Tally:
        queue, tokens = iter(questions), 0
        headers = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
        limits = httpx.Limits(max_connections=concurrency)
        async with httpx.AsyncClient(timeout=600, limits=limits, trust_env=False, headers=headers) as http:

            async def work() -> None:
                nonlocal tokens
                for question in queue:
                    body = {"model": server.model, **question.bodies[0]}
                    answer = await http.post(f"{server.base_urls[0]}/chat/completions", json=body)
                    tokens += answer.raise_for_status().json()["usage"]["completion_tokens"]

            started = time.perf_counter()
            await asyncio.gather(*(work() for _ in range(concurrency)))
            return Tally(len(questions), output_tokens=tokens, seconds=time.perf_counter() - started)

    return asyncio.run(run())


def against_real_server(profile: LLMProfile, folder: Path, questions: list[Question], *, prefix_caching: bool) -> Row:
    """Both in turns on one server; all turns of each count."""
    flag = "--enable-prefix-caching" if prefix_caching else "--no-enable-prefix-caching"
    served = profile.model_copy(update={"server_arguments": (*profile.server_arguments, flag)})
    handle = llm_server.start(served, folder / ".llm", owner="run")
    server = Running(handle.base_urls, handle.api_key, handle.model)
    try:
        by_loop(questions, server, profile.concurrency)
        loop, client = Tally(0), Tally(0)
        for turn in range(TURNS):
            for loop_is_next in (turn % 2 == 0, turn % 2 == 1):  # each goes first in half of the turns
                if loop_is_next:
                    loop = loop.plus(by_loop(questions, server, profile.concurrency))
                else:
                    client = client.plus(by_client(questions, server, folder, profile.concurrency))
    finally:
        llm_server.stop(served, folder / ".llm")
    client_rate, loop_rate = (tally.per_second(tally.output_tokens) for tally in (client, loop))
    return {
        "server": f"{profile.name}, prefix caching {'on' if prefix_caching else 'off'}",
        "prompts": len(questions),
        "failed": client.failed,
        "client_tokens_per_s": round(client_rate, 1),
        "loop_tokens_per_s": round(loop_rate, 1),
        "share": round(client_rate / loop_rate, 3),
    }


def against_instant_server(folder: Path, replies: int, concurrency: int) -> Row:
    """The client alone."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_instant_server, args=(sending,), daemon=True)
    process.start()
    server = Running((f"http://127.0.0.1:{receiving.recv()}/v1",), None, "instant")
    body: dict[str, JsonValue] = {"messages": [{"role": "user", "content": "word " * 300}]}
    numbers = itertools.count()
    questions = [Question((f"{next(numbers):064x}",), (body,), str) for _ in range(replies)]
    try:
        by_client(questions[:1], server, folder, concurrency)  # libraries are imported now
        cpu, started = time.process_time(), time.perf_counter()
        tally = by_client(questions, server, folder, concurrency)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - started
    finally:
        process.terminate()
    return {
        "server": "answers at once",
        "prompts": tally.uncached,
        "failed": tally.failed,
        "requests_per_s": round(tally.requests / seconds),
        "cpu_requests_per_s": round(tally.requests / cpu),
    }


def _instant_server(port: Connection) -> None:
    """Answer every request on a kept connection with the same completion."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(_REPLY)}\r\n\r\n".encode()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                lines = request.lower().split(b"\r\n")
                length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
                await reader.readexactly(length)
                writer.write(head + _REPLY)
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async def serve() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = await asyncio.start_server(talk, sock=listening)
            port.send(listening.getsockname()[1])
            await server.serve_forever()

    asyncio.run(serve())


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", default="embedded", help="profile of deployments/llm")
    parser.add_argument("--prompts", type=int, default=128, help="sent to the real server; 0 leaves it out")
    parser.add_argument("--replies", type=int, default=5000, help="asked of the server that answers at once")
    parser.add_argument("--json", action="store_true", help="print one JSON list of the same rows")
    arguments = parser.parse_args()
    profile, rows = load_llm_profile(arguments.llm), []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if arguments.prompts:
            questions = questions_of_sample(folder, profile, arguments.prompts)
            rows += [against_real_server(profile, folder, questions, prefix_caching=on) for on in (True, False)]
        rows.append(against_instant_server(folder, arguments.replies, profile.concurrency))
    if arguments.json:
        print(json.dumps(rows))
        return
    with pl.Config(tbl_cols=-1, tbl_width_chars=180, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
