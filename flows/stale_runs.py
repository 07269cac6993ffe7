"""What an earlier `fauxface schedule` left on the Prefect server when it was killed."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from flows.lock import holder
from flows.scheduled import owner_name
from tasks.params import FauxfaceError

PAGE = 200
SERVED_WITHIN = timedelta(seconds=60)  # who serves a deployment asks for its runs every few seconds
_ACTIVE = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def belongs_to() -> str:
    """Return the description by which a deployment names its workspace."""
    return f"Workspace {Path.cwd()} on {socket.gethostname()}"


def tidy(deployments: Sequence[RunnerDeployment]) -> None:
    """End the runs that died with their process, and drop those that were due while nobody served.

    A dead run would keep its deployment's one place. Raises FauxfaceError when another workspace serves a deployment
    of that name.
    """
    with get_client(sync_client=True) as client:
        for deployment in deployments:
            try:
                known = client.read_deployment_by_name(deployment.full_name)
            except ObjectNotFound:
                continue
            _check_owner(known, deployment.full_name)
            owner = holder()
            if owner is None or owner.command != owner_name(str(deployment.flow_name)):
                _end_dead_runs(client, known)
            _drop_missed_runs(client, known)


def _check_owner(known: DeploymentResponse, name: str) -> None:
    """Refuse what another workspace serves; what nobody serves any more is taken over (folders and hosts change)."""
    polled = known.last_polled
    if known.description == belongs_to() or polled is None or datetime.now(UTC) - polled > SERVED_WITHIN:
        return
    raise FauxfaceError(
        f"The deployment {name} on this Prefect server is being served for another workspace ({known.description}; "
        f"this is {belongs_to()}). Rename this folder, or stop the other and wait a minute."
    )


def _end_dead_runs(client: SyncPrefectClient, known: DeploymentResponse) -> None:
    """End the deployment's runs and the scorings inside them."""
    dead = client.read_flow_runs(flow_run_filter=_runs(known, _ACTIVE), limit=PAGE)
    inner = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run.id for run in dead]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_ACTIVE)),
    )
    for run in [*client.read_flow_runs(flow_run_filter=inner, limit=PAGE), *dead] if dead else []:
        client.set_flow_run_state(run.id, Crashed(message="Its process was ended; the next run goes on."), force=True)


def _drop_missed_runs(client: SyncPrefectClient, known: DeploymentResponse) -> None:
    """Drop what the cron line asked for meanwhile: the next run does all of it. What a person asked for stays."""
    while missed := [run for run in _missed(client, known) if run.auto_scheduled]:
        for run in missed:
            client.delete_flow_run(run.id)


def _missed(client: SyncPrefectClient, known: DeploymentResponse) -> list[FlowRun]:
    due = FlowRunFilterExpectedStartTime(before_=datetime.now(UTC))
    found = _runs(known, [StateType.SCHEDULED]).model_copy(update={"expected_start_time": due})
    return client.read_flow_runs(flow_run_filter=found, limit=PAGE)


def _runs(known: DeploymentResponse, states: list[StateType]) -> FlowRunFilter:
    return FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[known.id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)),
    )
