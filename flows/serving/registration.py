"""Deployments become known to a Prefect server, as often as profiles or sources change.

What a person chose in the UI stays: a schedule that was switched off is not switched on again, except where it was off
because its dataset's files were missing. A deployment that has not changed is left alone, with the runs it has planned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule

from flows.serving.deployments import NO_SOURCE, TAG, Deployment
from flows.serving.pool import POOL


def register(client: SyncPrefectClient, deployments: Sequence[Deployment], command: str) -> Iterator[str]:
    """Create or update deployments, and delete those of datasets that are there no more; each takes about a second.

    Parameters
    ----------
    client
        Of the Prefect server.
    deployments
        All there are to be.
    command
        How the worker starts a run.

    Yields
    ------
    Name of each that was created, updated or deleted.
    """
    before = {one.name: one for one in _registered(client)}
    changed = [one for one in deployments if _wanted(one, before.get(one.name), command) != _kept(before.get(one.name))]
    for deployment in changed:
        client.create_deployment(
            client.create_flow(deployment.flow),
            deployment.name,
            **_wanted(deployment, before.get(deployment.name), command),
            enforce_parameter_schema=True,
            work_pool_name=POOL,
            concurrency_limit=1,
            concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
        )
        yield deployment.name
    gone = sorted(before.keys() - {deployment.name for deployment in deployments})
    for name in gone:
        client.delete_deployment(before[name].id)
        yield name


def _registered(client: SyncPrefectClient) -> list[DeploymentResponse]:
    chosen = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    return client.read_deployments(deployment_filter=chosen, limit=200)


def _wanted(deployment: Deployment, before: DeploymentResponse | None, command: str) -> dict[str, Any]:
    """What the server is to keep of a deployment."""
    return {
        "description": deployment.description,
        "tags": list(deployment.tags),
        "parameters": deployment.parameters,
        "parameter_openapi_schema": deployment.schema,
        "schedules": _schedules(deployment, before),
        "entrypoint": deployment.entrypoint,
        "job_variables": {"command": command},
    }


def _kept(before: DeploymentResponse | None) -> dict[str, Any] | None:
    """The same of what the server keeps."""
    if before is None:
        return None
    kept = {name: getattr(before, name) for name in ("description", "tags", "parameters", "parameter_openapi_schema")}
    schedules = [
        _schedule(one.slug or "", one.schedule.cron, one.schedule.timezone or "UTC", one.active, one.parameters)
        for one in sorted(before.schedules, key=lambda one: one.slug or "")
        if isinstance(one.schedule, CronSchedule)
    ]
    return {**kept, "schedules": schedules, "entrypoint": before.entrypoint, "job_variables": before.job_variables}


def _schedules(deployment: Deployment, before: DeploymentResponse | None) -> list[DeploymentScheduleCreate]:
    switched_off: set[str | None] = set()
    if before is not None and NO_SOURCE not in before.tags:
        switched_off = {schedule.slug for schedule in before.schedules if not schedule.active}
    return [
        _schedule(
            one.name, one.cron, one.timezone, deployment.has_source and one.name not in switched_off, one.parameters
        )
        for one in sorted(deployment.schedules, key=lambda one: one.name)
    ]


def _schedule(
    slug: str, cron: str, timezone: str, active: bool, parameters: dict[str, Any]
) -> DeploymentScheduleCreate:
    schedule = CronSchedule(cron=cron, timezone=timezone)
    return DeploymentScheduleCreate(slug=slug, schedule=schedule, active=active, parameters=parameters)
