"""The service, really started: server, worker, deployments; a schedule, a rerun by the API, and its end.

The dataset is a small table of one's own without texts, so that no language model is needed.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from storage.settings.datasets import own_profiles
from tasks.llm import server as llm_server
from tests.support.service import ROOT, RunningService
from tests.tasks.llm.test_server import make_profile

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
SMALL: dict[str, Any] = {
    "epochs": 1,
    "agent_steps": 64,
    "agent_seeds": 1,
    "settings": {
        "fidelity": {"resamples": 20},
        "reinforce": {
            "agents": {"algorithms": ["a2c"], "on_vote": [], "n_envs": 4, "evaluation_episodes": 4, "processes": 1}
        },
    },
}


def write_table(data: Path) -> Path:
    table = data / "ratings.csv"
    rows = [f"u{u},i{(u + 3 * k) % 30},{(u * k) % 5 + 1},{1000 * u + k}" for u in range(30) for k in range(10)]
    table.write_text("\n".join(["user_id,item_id,rating,timestamp", *rows]) + "\n")
    return table


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    data = tmp_path_factory.mktemp("service") / "data"
    own_profiles(data).mkdir(parents=True)
    dataset = {"adapter": "table", "like_threshold": 4, "table": {"interactions": str(write_table(data))}}
    schedule = {"reading": "* * * * *", "training": None}  # due every minute
    (own_profiles(data) / "shop.yaml").write_text(yaml.safe_dump({"dataset": dataset, "schedule": schedule}))
    service = RunningService(data)
    yield service
    if service.process.poll() is None:
        service.end(signal.SIGTERM)


def test_a_schedule_fires_and_reads_without_publishing(service: RunningService) -> None:
    def scheduled() -> dict[str, Any] | None:
        done = [run for run in service.runs_of("shop") if run["state_type"] == "COMPLETED"]
        return done[0] if done else None

    run = service.until(scheduled)
    assert run["name"] == "shop (tail): nightly reading"
    assert (service.data / ".refresh" / "shop" / "keywords.parquet").exists()
    assert not (service.data / "shop").exists()
    switch_schedule_off(service)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"split": "random"}, "'random' is not one of ['tail', 'loo', 'time']"),
        ({"settings": {"sasrec": {"dropout": 3}}}, "settings.sasrec.dropout"),
        ({"dataset": "sample"}, "'sample' is not one of ['shop']"),
    ],
)
def test_wrong_parameters_are_refused(service: RunningService, wrong: dict[str, Any], problem: str) -> None:
    response = service.start_run("shop", wrong)
    assert response.status_code == 409
    assert problem in response.json()["detail"]


def test_a_rerun_by_the_api_publishes_report_and_artifacts(service: RunningService) -> None:
    run = service.finished(service.start_run("shop", {**SMALL, "reason": "new prices"}).json()["id"])
    assert (run["state_type"], run["name"]) == ("COMPLETED", "shop (tail): new prices")
    assert (service.data / "shop" / "report" / "index.html").exists()
    artifacts = service.request("POST", "/artifacts/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}}).json()
    found = {artifact["key"]: str(artifact["data"]) for artifact in artifacts}
    assert {"shop-verdict", "shop-fidelity", "shop-reinforcement", "shop-report"} <= found.keys()
    assert "the bias model" in found["shop-verdict"]
    assert (service.data / "shop" / "report" / "index.html").as_uri() in found["shop-report"]


def test_a_table_that_is_added_meanwhile_gets_a_deployment(service: RunningService) -> None:
    service.recaudience("datasets", "add", "second-shop", "--interactions", str(service.data / "ratings.csv"))
    deployment = service.until(lambda: service.deployment("second-shop"))
    assert deployment["parameters"] == {"dataset": "second-shop", "llm": "embedded"}
    reading = {"dataset": "second-shop", "extent": "reading"}
    response = service.until(lambda: one if (one := service.start_run("any-dataset", reading)).is_success else None)
    assert service.finished(response.json()["id"])["state_type"] == "COMPLETED"


def switch_schedule_off(service: RunningService) -> None:
    deployment = service.deployment("shop")
    assert deployment is not None
    (schedule,) = deployment["schedules"]
    path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    assert service.request("PATCH", path, {"active": False}).is_success


def long_run(service: RunningService) -> str:
    """A run that trains for hours, once it trains."""
    switch_schedule_off(service)
    run = service.start_run("shop", {**SMALL, "agent_steps": 50_000_000}).json()["id"]
    tasks = {"flow_runs": {"id": {"any_": [run]}}, "task_runs": {"name": {"like_": "reinforce"}}}

    def trains() -> bool | None:
        found = service.request("POST", "/task_runs/filter", tasks).json()
        return True if any(task["state_type"] == "RUNNING" for task in found) else None

    service.until(trains)
    return run


def language_model_server(data: Path) -> psutil.Process:
    """One that a run has started and left behind."""
    command = data / "vllm"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/support/fake_vllm.py" "$@"\n')
    command.chmod(0o755)
    handle = llm_server.start(make_profile("fake"), data / ".llm", owner="run", executable=command)
    return psutil.Process(handle.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything(service: RunningService, number: int) -> None:
    run = long_run(service)
    processes = [*service.processes(), language_model_server(service.data)]
    assert len(processes) >= 4  # server, worker, run, language model
    assert service.end(number) == 0
    assert not [process for process in processes if process.is_running() and process.status() != "zombie"]
    assert service.output.read_text().splitlines()[-1] == "stopped"
    service.start_again()
    assert service.run(run)["state_type"] == "CRASHED"


def test_what_a_killed_service_left_behind_is_mended_by_the_next(service: RunningService) -> None:
    run = long_run(service)
    processes = [*service.processes(), language_model_server(service.data)]
    service.end(signal.SIGKILL)
    service.start_again()
    assert not [process for process in processes if process.is_running() and process.status() != "zombie"]
    assert service.run(run)["state"]["message"] == "The service was ended during this run."
    again = service.finished(service.start_run("shop", SMALL).json()["id"])
    assert again["state_type"] == "COMPLETED", "its deployment's only slot is free again"
