"""Runs that count as running although their process is gone: each would hold its deployment's only slot for ever."""

from __future__ import annotations

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

_UNFINISHED = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def crash_dead_runs(client: SyncPrefectClient, message: str) -> int:
    """Mark unfinished runs of deployments as crashed, and give their slots back; call it while no worker runs.

    Parameters
    ----------
    client
        Of the Prefect server.
    message
        What people read in the UI.

    Returns
    -------
    Number of runs marked.
    """
    unfinished = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED)),
        deployment_id=FlowRunFilterDeploymentId(is_null_=False),
    )
    runs = client.read_flow_runs(flow_run_filter=unfinished, limit=200)
    for run in runs:
        client.set_flow_run_state(run.id, Crashed(message=message), force=True)
    return len(runs)
