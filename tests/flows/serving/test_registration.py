"""Deployments on a real Prefect server: created, left alone, changed and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Running

from flows.serving import deployed, registration
from flows.serving.dead_runs import crash_dead_runs
from flows.serving.deployments import NO_SOURCE, TAG, Deployment, ScheduledRun
from flows.serving.form_schema import Choices, form_schema
from flows.serving.forms import PipelineForm
from flows.serving.pool import create_pool

pytestmark = pytest.mark.usefixtures("prefect_server")
SHOP = Deployment(
    name="shop",
    flow=deployed.reproduce_form,
    description="a shop",
    tags=(TAG, "shop"),
    parameters={"dataset": "shop"},
    schema=form_schema(PipelineForm, Choices(("shop",), ("paper",), ("embedded",))),
    schedules=(ScheduledRun("reading", "0 1 * * *", "UTC", {"extent": "reading"}),),
)


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        create_pool(client)
        create_pool(client)  # one that is there stays
        yield client
        register(client, [], "python")


def register(client: SyncPrefectClient, deployments: list[Deployment], command: str) -> list[str]:
    return list(registration.register(client, deployments, command))


def kept(client: SyncPrefectClient) -> DeploymentResponse:
    return client.read_deployment_by_name("reproduce/shop")


def test_a_deployment_is_created_once_and_then_left_alone(client: SyncPrefectClient) -> None:
    assert register(client, [SHOP], "python") == ["shop"]
    assert register(client, [SHOP], "python") == []
    one = kept(client)
    assert one.global_concurrency_limit is not None
    assert one.global_concurrency_limit.limit == 1
    assert one.concurrency_options is not None
    assert one.concurrency_options.collision_strategy == "ENQUEUE"
    assert [(schedule.slug, schedule.active) for schedule in one.schedules] == [("reading", True)]


def test_one_that_is_there_no_more_is_deleted(client: SyncPrefectClient) -> None:
    register(client, [SHOP, replace(SHOP, name="other")], "python")
    assert register(client, [SHOP], "python") == ["other"]


def test_a_schedule_starts_when_the_files_have_come_and_stays_off_where_a_person_switched_it_off(
    client: SyncPrefectClient,
) -> None:
    without = replace(SHOP, tags=(*SHOP.tags, NO_SOURCE))
    register(client, [without], "python")
    assert not kept(client).schedules[0].active
    register(client, [SHOP], "python")
    (schedule,) = kept(client).schedules
    assert schedule.active
    client._client.patch(f"/deployments/{kept(client).id}/schedules/{schedule.id}", json={"active": False})
    register(client, [replace(SHOP, description="a new description")], "python")
    assert kept(client).description == "a new description"
    assert not kept(client).schedules[0].active


def test_wrong_parameters_are_refused_before_a_run_starts(client: SyncPrefectClient) -> None:
    register(client, [SHOP], "python")
    for wrong in ({"dataset": "yelp"}, {"settings": {"sasrec": {"dropout": 3}}}):
        with pytest.raises(PrefectHTTPStatusError, match="409"):
            client.create_flow_run_from_deployment(kept(client).id, parameters=wrong)
    run = client.create_flow_run_from_deployment(kept(client).id, parameters={"reason": "by hand"})
    assert run.parameters == {"dataset": "shop", "reason": "by hand"}


def test_a_run_whose_process_is_gone_frees_its_slot(client: SyncPrefectClient) -> None:
    register(client, [SHOP], "python")
    first, second = (client.create_flow_run_from_deployment(kept(client).id) for _ in range(2))
    client.set_flow_run_state(first.id, Running(), force=True)
    assert crash_dead_runs(client, "The service was ended during this run.") == 1
    assert crash_dead_runs(client, "The service was ended during this run.") == 0
    state = client.read_flow_run(first.id).state
    assert state is not None
    assert state.is_crashed()
    state = client.read_flow_run(second.id).state
    assert state is not None
    assert state.is_scheduled()
