"""The language-model server's life, tried with a small stand-in for the `vllm` command on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from storage.errors import ServerError, SettingsError
from storage.settings.llm_profiles import LLMProfile
from tasks.llm import process as server_process
from tasks.llm import server as llm_server
from tasks.llm.server import ServerHandle
from tasks.llm.vllm import vllm_command, vllm_environment

FAKE = Path(__file__).parents[2] / "support" / "fake_vllm.py"


@pytest.fixture(autouse=True)
def brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_server, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(server_process, "_TERMINATE_SECONDS", 0.5)


@pytest.fixture
def vllm(tmp_path: Path) -> Path:
    command = tmp_path / "bin" / "vllm"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    command.chmod(0o755)
    return command


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    for path in folder.glob("*.json"):
        handle = llm_server.find(make_profile(path.stem), folder)
        if handle is not None:
            handle.process.stop()


def make_profile(name: str = "fake", *arguments: str) -> LLMProfile:
    return LLMProfile(
        name=name,
        model="some/model",
        served_name="m",
        device="cpu",
        prompt_style="few_shot",
        server_arguments=arguments,
    )


def start(profile: LLMProfile, state: Path, vllm: Path, port: int | None = None) -> ServerHandle:
    return llm_server.start(profile, state, port=port, executable=vllm)


def test_a_started_server_is_healthy_found_again_counted_and_stopped(state: Path, vllm: Path) -> None:
    lines: list[str] = []
    handle = llm_server.start(make_profile(), state, progress=lines.append, executable=vllm)
    assert handle.base_url == f"http://127.0.0.1:{handle.port}/v1"
    assert lines
    assert "starting" in lines[0]
    assert llm_server.find(make_profile(), state) == handle
    assert start(make_profile(), state, vllm) == handle
    assert llm_server.request_count(handle) == 42
    assert llm_server.stop(make_profile(), state)
    assert not handle.process.is_alive()
    assert llm_server.find(make_profile(), state) is None
    assert not llm_server.stop(make_profile(), state)


def test_the_key_is_on_no_command_line_in_no_message_and_in_a_private_file(state: Path, vllm: Path) -> None:
    handle = start(make_profile(), state, vllm)
    key = handle.api_key
    assert key is not None
    assert key not in " ".join(psutil.Process(handle.pid).cmdline())
    assert key not in repr(handle)
    assert key in (state / "fake.log").read_text(), "the stand-in prints it, so that the next line tests something"
    assert key not in llm_server.failure(handle, state, "stopped answering")
    assert stat.S_IMODE((state / "fake.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("fake", ["friendly", "stubborn"])
def test_stopping_ends_the_children_too(state: Path, vllm: Path, tmp_path: Path, fake: str) -> None:
    profile = make_profile("fake", f"--child={tmp_path / 'child'}", f"--fake={fake}")
    start(profile, state, vllm)
    child = psutil.Process(int((tmp_path / "child").read_text()))
    assert llm_server.stop(profile, state)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_children_of_a_server_that_was_killed_are_stopped(state: Path, vllm: Path, tmp_path: Path) -> None:
    profile = make_profile("fake", f"--child={tmp_path / 'child'}")
    handle = start(profile, state, vllm)
    child = psutil.Process(int((tmp_path / "child").read_text()))
    os.kill(handle.pid, signal.SIGKILL)
    os.waitpid(handle.pid, 0)
    assert llm_server.find(profile, state) is None
    assert llm_server.stop(profile, state)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_another_process_with_the_same_number_is_never_stopped(state: Path, vllm: Path) -> None:
    start(make_profile(), state, vllm)
    llm_server.stop(make_profile(), state)
    other = psutil.Popen(["sleep", "600"], start_new_session=True)
    try:
        stale = {"profile": "fake", "model": "m", "base_urls": ["http://127.0.0.1:9/v1"], "pid": other.pid, "port": 9}
        stale |= {"created": other.create_time() - 100, "owner": "run", "command": [], "api_key": "k"}
        (state / "fake.json").write_text(json.dumps(stale))
        assert llm_server.find(make_profile(), state) is None
        assert not llm_server.stop(make_profile(), state)
        assert other.is_running()
    finally:
        other.kill()
        other.wait()


def test_a_server_that_dies_early_is_reported_with_the_end_of_its_log(state: Path, vllm: Path) -> None:
    with pytest.raises(ServerError, match=r"(?s)ended while starting.*fake\.log.*not enough memory") as caught:
        start(make_profile("fake", "--fake=dies"), state, vllm)
    assert "key ***" in str(caught.value)
    assert not (state / "fake.json").exists()


def test_a_taken_port_is_named_with_a_way_out(state: Path, vllm: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=rf"port {port} of 127\.0\.0\.1.*--port N"):
            start(make_profile(), state, vllm, port=port)
    assert not (state / "fake.json").exists()


def test_a_running_server_with_other_settings_or_port_is_not_taken_for_this_one(state: Path, vllm: Path) -> None:
    handle = start(make_profile(), state, vllm)
    with pytest.raises(ServerError, match=r"other settings.*recaudience llm down fake"):
        start(make_profile("fake", "--other=1"), state, vllm)
    with pytest.raises(ServerError, match=rf"on port {handle.port}, not on 1"):
        start(make_profile(), state, vllm, port=1)
    assert handle.process.is_alive()


def test_an_interrupted_start_leaves_nothing_behind(state: Path, vllm: Path, tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt(line)

    mark = f"--mark={tmp_path}"
    with pytest.raises(KeyboardInterrupt):
        llm_server.start(make_profile("fake", mark), state, progress=interrupt, executable=vllm)
    assert not (state / "fake.json").exists()
    assert not [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]


def test_a_damaged_state_file_is_named(state: Path) -> None:
    state.mkdir()
    (state / "fake.json").write_text('{"pid": 1')
    with pytest.raises(ServerError, match=r"fake\.json: not readable"):
        llm_server.find(make_profile(), state)
    (state / "fake.json").unlink()


def test_a_missing_environment_says_make_setup(state: Path, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="make setup"):
        start(make_profile(), state, tmp_path / "absent" / "vllm")


def test_a_gpu_profile_without_a_gpu_is_refused(state: Path, vllm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerError, match="needs an NVIDIA GPU"):
        start(make_profile().model_copy(update={"device": "cuda"}), state, vllm)


def test_a_run_stops_the_server_it_started_only_if_it_asked_for_it(state: Path, vllm: Path) -> None:
    with llm_server.on_demand(make_profile(), state, executable=vllm) as server:
        assert not (state / "fake.json").exists()
        handle = server.handle()
        assert server.handle() is handle
    assert not handle.process.is_alive()
    with llm_server.on_demand(make_profile(), state, executable=vllm) as unused:
        pass
    assert unused.started is None


def test_a_run_leaves_a_persons_server_running(state: Path, vllm: Path) -> None:
    handle = start(make_profile(), state, vllm)
    with llm_server.on_demand(make_profile(), state, executable=vllm) as server:
        assert server.handle() == handle
    assert handle.process.is_alive()


def test_a_server_that_a_person_asks_for_during_a_run_outlives_it(state: Path, vllm: Path) -> None:
    with llm_server.on_demand(make_profile(), state, executable=vllm) as server:
        handle = server.handle()
        start(make_profile(), state, vllm)
    assert handle.process.is_alive()


def test_the_last_of_two_runs_stops_their_server(state: Path, vllm: Path) -> None:
    with llm_server.on_demand(make_profile(), state, executable=vllm) as first:
        handle = first.handle()
        with llm_server.on_demand(make_profile(), state, executable=vllm) as second:
            assert second.handle() == handle
        assert handle.process.is_alive()
    assert not handle.process.is_alive()


def test_a_lost_server_is_started_again(state: Path, vllm: Path) -> None:
    with llm_server.on_demand(make_profile(), state, executable=vllm) as server:
        lost = server.handle()
        os.kill(lost.pid, signal.SIGKILL)
        os.waitpid(lost.pid, 0)
        again = server.restart()
        assert again.process.is_alive()
        assert again.api_key != lost.api_key
        assert server.restart() == again, "one that is healthy is kept"
    assert not again.process.is_alive()


def test_a_persons_server_that_is_lost_in_a_run_is_theirs_again(state: Path, vllm: Path) -> None:
    lost = start(make_profile(), state, vllm)
    with llm_server.on_demand(make_profile(), state, executable=vllm) as server:
        assert server.handle() == lost
        os.kill(lost.pid, signal.SIGKILL)
        os.waitpid(lost.pid, 0)
        again = server.restart()
    assert again.process.is_alive()


def test_a_server_that_hangs_is_replaced(state: Path, vllm: Path) -> None:
    with llm_server.on_demand(make_profile(), state, executable=vllm) as server:
        hung = server.handle()
        (state / "fake.json").write_text((state / "fake.json").read_text().replace(str(hung.api_key), "another"))
        assert server.restart().pid != hung.pid
        assert not hung.process.is_alive()


def test_a_run_that_fails_stops_its_server(state: Path, vllm: Path) -> None:
    handles: list[ServerHandle] = []

    def failing_run() -> None:
        with llm_server.on_demand(make_profile(), state, executable=vllm) as server:
            handles.append(server.handle())
            raise ValueError("a step failed")

    with pytest.raises(ValueError, match="a step failed"):
        failing_run()
    assert not handles[0].process.is_alive()


def test_a_server_whose_run_was_killed_is_stopped_and_others_are_left(state: Path, vllm: Path) -> None:
    abandoned = llm_server.start(make_profile("abandoned"), state, owner="run", executable=vllm)
    persons = start(make_profile("persons"), state, vllm)
    with llm_server.on_demand(make_profile("used"), state, executable=vllm) as server:
        used = server.handle()
        assert llm_server.stop_abandoned(state) == ["abandoned"]
        assert not abandoned.process.is_alive()
        assert persons.process.is_alive()
        assert used.process.is_alive()
    assert llm_server.stop_abandoned(state) == []


def remote(base_url: str) -> LLMProfile:
    return LLMProfile(
        name="away",
        model="m",
        served_name="m",
        device="remote",
        base_url=base_url,
        api_key_env="SOME_KEY",
        prompt_style="reasoning",
    )


def test_a_remote_server_is_checked_and_never_stopped(state: Path, vllm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = start(make_profile(), state, vllm)
    monkeypatch.setenv("SOME_KEY", str(handle.api_key))
    profile = remote(handle.base_url + "/")
    found = llm_server.find(profile, state)
    assert found is not None
    assert found.base_url == handle.base_url
    assert found.api_key == handle.api_key
    assert not llm_server.stop(profile, state)
    monkeypatch.setenv("SOME_KEY", "wrong")
    with pytest.raises(ServerError, match=r"/models does not answer as expected.*401"):
        llm_server.find(profile, state)


def test_each_of_several_remote_servers_is_checked(state: Path, vllm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = start(make_profile(), state, vllm), start(make_profile("fake2"), state, vllm)
    monkeypatch.setenv("SOME_KEY", str(first.api_key))
    profile = remote(first.base_url)
    both = profile.model_copy(update={"base_url": (first.base_url, second.base_url)})
    with pytest.raises(ServerError, match=rf":{second.port}/v1/models does not answer as expected.*401"):
        llm_server.find(both, state)
    twice = llm_server.find(profile.model_copy(update={"base_url": (first.base_url,) * 2}), state)
    assert twice is not None
    assert llm_server.request_count(twice) == 84
    assert twice.is_healthy()


def test_a_chat_template_and_a_revision_are_passed_on(tmp_path: Path) -> None:
    profile = make_profile().model_copy(update={"chat_template": str(tmp_path / "chat.jinja"), "revision": "abc"})
    command = vllm_command(profile, 8000, Path("vllm"))
    assert f"--chat-template={tmp_path / 'chat.jinja'}" in command
    assert "--revision=abc" in command
    assert not any(
        part.startswith(("--chat-template", "--revision")) for part in vllm_command(make_profile(), 1, Path())
    )


def test_on_a_small_machine_all_cores_work_and_none_is_held_by_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_WAIT_POLICY", "VLLM_CPU_OMP_THREADS_BIND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    environment = vllm_environment(make_profile(), "key", Path("vllm"))
    assert (environment["VLLM_CPU_OMP_THREADS_BIND"], environment["OMP_WAIT_POLICY"]) == ("0,1", "PASSIVE")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert vllm_environment(make_profile(), "key", Path("vllm"))["OMP_WAIT_POLICY"] == "ACTIVE", "a wish is kept"
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)))
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert "OMP_WAIT_POLICY" not in vllm_environment(make_profile(), "key", Path("vllm"))


def test_a_model_that_is_not_prepared_says_how(state: Path, vllm: Path, tmp_path: Path) -> None:
    profile = make_profile().model_copy(update={"model": str(tmp_path / "absent")})
    with pytest.raises(ServerError, match=r"absent: no such model folder.*prepare_chatglm\.py"):
        start(profile, state, vllm)


def test_a_remote_key_that_is_not_set_is_named(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(SettingsError, match="SOME_KEY is not set"):
        llm_server.start(remote("http://127.0.0.1:9/v1"), state)
