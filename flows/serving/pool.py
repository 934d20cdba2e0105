"""The work pool that the deployments' runs are taken from: processes on the worker's own machine."""

from __future__ import annotations

import contextlib

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.process import ProcessWorker

POOL = "recaudience"


def create_pool(client: SyncPrefectClient) -> None:
    """Create the work pool where the server does not have it yet."""
    template = ProcessWorker.get_default_base_job_template()
    with contextlib.suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
