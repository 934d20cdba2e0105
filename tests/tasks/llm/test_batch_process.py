"""One run of `vllm run-batch`, tried with a small stand-in for the command."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from storage.errors import ServerError, ServerLostError
from tasks.llm import batch_process
from tasks.llm import server as llm_server
from tasks.llm.batch_process import BatchFiles, run_batch
from tests.tasks.llm.test_server import brief_waits, make_profile, remote, vllm

__all__ = ["brief_waits", "vllm"]


@pytest.fixture(autouse=True)
def brief_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_process, "_POLL_SECONDS", 0.02)


@pytest.fixture
def files(tmp_path: Path) -> BatchFiles:
    requests = tmp_path / "requests.jsonl"
    requests.write_text("".join(json.dumps({"custom_id": key}) + "\n" for key in "ab"))
    return BatchFiles(requests, tmp_path / "replies.jsonl")


def test_a_run_leaves_replies_and_no_process(files: BatchFiles, tmp_path: Path, vllm: Path) -> None:
    lines: list[str] = []
    run_batch(make_profile(), tmp_path / "state", files, lines.append, vllm)
    assert [json.loads(line)["custom_id"] for line in files.replies.read_text().splitlines()] == ["a", "b"]
    assert lines[0].startswith("vllm run-batch fake:")
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["fake.batch.lock", "fake.batch.log"]


def test_the_source_of_a_pipeline_run_runs_batches_without_a_server(
    files: BatchFiles, tmp_path: Path, vllm: Path
) -> None:
    with llm_server.on_demand(make_profile(), tmp_path / "state", executable=vllm) as source:
        source.run_batch(files.requests, files.replies)
        assert source.started is None
    assert files.replies.is_file()


@pytest.mark.parametrize("fake", ["dies", "silent"])
def test_a_run_without_replies_is_an_error_with_the_end_of_its_log(
    files: BatchFiles, tmp_path: Path, vllm: Path, fake: str
) -> None:
    with pytest.raises(ServerLostError, match=r"(?s)wrote no replies.*fake\.batch\.log.*loading the model"):
        run_batch(make_profile("fake", f"--fake={fake}"), tmp_path / "state", files, None, vllm)


def test_an_interrupted_run_leaves_no_process(files: BatchFiles, tmp_path: Path, vllm: Path) -> None:
    def interrupt(line: str) -> None:
        if "50%" in line:
            raise KeyboardInterrupt(line)

    mark = f"--mark={tmp_path}"
    with pytest.raises(KeyboardInterrupt, match="1/2"):
        run_batch(make_profile("fake", mark, "--fake=hangs"), tmp_path / "state", files, interrupt, vllm)
    assert not [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]
    assert not (tmp_path / "state" / "fake.batch.json").exists()


def test_a_run_left_behind_by_a_killed_one_is_stopped(files: BatchFiles, tmp_path: Path, vllm: Path) -> None:
    left = psutil.Popen(["sleep", "600"], start_new_session=True)
    state = tmp_path / "state"
    state.mkdir()
    (state / "fake.batch.json").write_text(json.dumps({"pid": left.pid, "created": left.create_time()}))
    run_batch(make_profile(), state, files, None, vllm)
    assert left.wait(timeout=10) != 0
    assert files.replies.is_file()


def test_somebody_elses_server_cannot_be_loaded(files: BatchFiles, tmp_path: Path, vllm: Path) -> None:
    with pytest.raises(ServerError, match=r"Leave out annotate\.client\.offline"):
        run_batch(remote("http://127.0.0.1:9/v1"), tmp_path / "state", files, None, vllm)
