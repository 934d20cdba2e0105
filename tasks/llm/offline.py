"""Answers without a server: `vllm run-batch` reads a file of requests and writes a file of replies.

For machines where no port may be opened, and for one long batch on one model. The engine is loaded once a shard, and
replies are written when all of them are there: a killed run loses its shard, where the server's client loses only what
was in flight. Format of the files: https://docs.vllm.ai/en/stable/examples/offline_inference/openai_batch/

A run is watched, and stopped together with the process that started it. While it runs, `<profile>.batch.json` in the
state folder names its process, so that one left behind by a killed run is stopped by the next; `<profile>.batch.log` is
its log. Runs of one profile wait for each other: each needs the memory of the whole model.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import JsonValue

from storage.completions import CompletionStore
from storage.errors import ServerError, ServerLostError
from storage.files import publish_json
from storage.settings.llm_profiles import LLMProfile
from tasks.llm.client import from_cache
from tasks.llm.process import ServerProcess, last_lines
from tasks.llm.questions import BatchRunner, Outcome, Question, Tally
from tasks.llm.replies import read_batch
from tasks.llm.vllm import batch_command, require_installed, vllm_environment

_POLL_SECONDS = 0.5
_PROGRESS_LINE = "Running batch:"


class OfflineClient:
    """Answers a batch of questions from the cache and, for what that lacks, by runs of a batch command.

    Parameters
    ----------
    store
        The completion cache.
    runner
        Used only where the cache lacks something.
    model
        Name that requests carry.
    on_progress
        Called with the tally after every run.
    """

    def __init__(
        self,
        store: CompletionStore,
        runner: BatchRunner,
        model: str,
        on_progress: Callable[[Tally], None] = lambda tally: None,
    ) -> None:
        self._store, self._runner, self._model, self._on_progress = store, runner, model, on_progress
        self.tally = Tally(0)

    def answer(self, questions: Sequence[Question]) -> list[Outcome]:
        """Outcomes in the order of the questions: one run for the first forms, one for the second ones needed.

        Raises
        ------
        ServerError
            Where the command cannot be run or its replies cannot be read. Answers of runs that ended are stored.
        ServerLostError
            Where it ends without a reply to every request.
        DataError
            Where the completion cache cannot be read or written.
        """
        self.tally = Tally(len(questions))
        outcomes = from_cache(self._store, questions, self.tally)
        pending = [index for index, outcome in enumerate(outcomes) if outcome is None]
        if pending:
            self.tally.start()
        refused: dict[str, str] = {}
        for form in range(max((len(questions[index].keys) for index in pending), default=0)):
            refused |= self._run([questions[index] for index in pending], form)
            for index in pending:
                outcomes[index] = self._outcome(questions[index], refused)
            pending = [index for index in pending if outcomes[index] is None]
            self._on_progress(self.tally)
        return [outcome for outcome in outcomes if outcome is not None]

    def _run(self, questions: Sequence[Question], form: int) -> dict[str, str]:
        """Answer and store one form of the questions, as far as the cache lacks it; reasons of refusals by key."""
        by_key = {one.keys[form]: one for one in questions if len(one.keys) > form}
        stored = self._store.get_many(list(by_key))
        missing = {key: question for key, question in by_key.items() if key not in stored}
        if not missing:
            return {}
        refused: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix="recaudience-batch-") as scratch:
            requests, replies = Path(scratch) / "requests.jsonl", Path(scratch) / "replies.jsonl"
            with requests.open("w", encoding="utf-8") as lines:
                for key, question in missing.items():
                    lines.write(json.dumps(_request(key, {"model": self._model, **question.bodies[form]})) + "\n")
            self._runner.run_batch(requests, replies)
            for key, reply in read_batch(replies):
                self.tally.requests += 1
                question = missing.pop(key, None)
                if question is None:
                    raise ServerError(f"vllm run-batch replied to {key!r}, which is no request's key. Run again.")
                if isinstance(reply, str):
                    refused[key] = reply
                    continue
                self._store.put(key, reply, model=self._model, prompt=question.keys[0])
                self.tally.prompt_tokens += reply.prompt_tokens
                self.tally.output_tokens += reply.output_tokens
        if missing:
            raise ServerLostError(f"vllm run-batch left {len(missing)} requests without a reply. Run again.")
        return refused

    def _outcome(self, question: Question, refused: dict[str, str]) -> Outcome | None:
        """Outcome of a question so far; None where its next form has to be sent."""
        stored = self._store.get_many(question.keys)
        outcome: Outcome | None = None
        for number, key in enumerate(question.keys, 1):
            if key in refused:
                outcome = Outcome(None, refused[key], number)
                break
            if key not in stored:
                return None
            outcome = question.judge(stored[key], number)
            if outcome.completion is not None:
                break
        if outcome is not None:
            self.tally.uncached += 1
            self.tally.count(outcome)
        return outcome


def _request(key: str, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}


@dataclass(frozen=True)
class BatchFiles:
    """Requests to read and replies to write, one JSON object a line."""

    requests: Path
    replies: Path


def run_batch(
    profile: LLMProfile,
    state_folder: Path,
    files: BatchFiles,
    progress: Callable[[str], None] | None,
    executable: Path,
) -> None:
    """Answer every request of a file; returns when the replies are written.

    Parameters
    ----------
    profile
        The model, and how it is loaded.
    state_folder
        Where the log stands (`data/.llm`).
    files
        Where the requests are and the replies go.
    progress
        Called with a line of text twice a second.
    executable
        The `vllm` command.

    Raises
    ------
    ServerError
        Where the profile is of device remote, or vLLM is not installed.
    ServerLostError
        Where the command ends without replies; with the end of its log.
    """
    if profile.device == "remote":
        raise ServerError(
            f"profile {profile.name}: its model is served elsewhere and cannot be loaded here. "
            "Leave out annotate.client.offline."
        )
    require_installed(profile, executable)
    state_folder.mkdir(parents=True, exist_ok=True)
    state, log = state_folder / f"{profile.name}.batch.json", state_folder / f"{profile.name}.batch.log"
    with (state_folder / f"{profile.name}.batch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if state.is_file():
            ServerProcess(**json.loads(state.read_text(encoding="utf-8"))).stop()
        command = batch_command(profile, files.requests, files.replies, executable)
        process = ServerProcess.spawn(command, vllm_environment(profile, secrets.token_urlsafe(24), executable), log)
        try:
            publish_json(state, asdict(process))
            _watch(profile, process, log, progress)
        finally:
            process.stop()
            state.unlink(missing_ok=True)
    if not files.replies.is_file():
        raise ServerLostError(f"vllm run-batch {profile.name} wrote no replies. The end of {log}:\n{last_lines(log)}")


def _watch(profile: LLMProfile, process: ServerProcess, log: Path, progress: Callable[[str], None] | None) -> None:
    started = time.monotonic()
    while process.is_alive():
        if progress is not None:
            shown = [line for line in last_lines(log).splitlines() if line.startswith(_PROGRESS_LINE)]
            seconds = f"{time.monotonic() - started:.0f} s"
            state = shown[-1].removeprefix(_PROGRESS_LINE).strip() if shown else seconds
            progress(f"vllm run-batch {profile.name}: {state}")
        time.sleep(_POLL_SECONDS)
