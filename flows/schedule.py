"""`fauxface schedule` (= `python -m flows.schedule`): serve the three deployments against a Prefect server."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.lock import only_one
from flows.surroundings import SAFE_PATH, set_surroundings
from flows.workspace import PARAMS, STATE
from tasks.params import FauxfaceError, ScheduleParams, load_params
from tasks.sources.location import is_local

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner

SCHEDULE_LOCK = STATE / "schedule.lock"
AWAY = 5.0  # seconds between two tries to reach a server that has gone
_OBSERVER = "prefect.FlowRunCancellingObserver"
_NO_SERVER = (
    "Run `make server` in another shell (or `prefect server start`), then here "
    "`export PREFECT_API_URL=http://127.0.0.1:4200/api`, or set it in a Prefect profile."
)


def schedule(params_file: Path = PARAMS) -> None:
    """Serve inbox, rescore and retrain until interrupted; a server that goes away is waited for.

    Raises FauxfaceError when no server is configured or it does not answer, or when a deployment of that name belongs
    to another workspace; BusyError when this workspace is served already.
    """
    settings = load_params(params_file).schedule
    _check_server()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with only_one(SCHEDULE_LOCK, "fauxface schedule"), suppress(KeyboardInterrupt):
        _make_inbox(settings)
        while not _served(settings, params_file):
            _wait_for_server()


def deployments(settings: ScheduleParams, params_file: Path) -> list[RunnerDeployment]:
    """Return the three deployments of this workspace, named after its folder; at most one run of each at a time."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    from flows.inbox import inbox
    from flows.rescore import rescore
    from flows.retrain import retrain

    once = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    crons: list[tuple[Flow[..., Any], str | None]] = [
        (inbox, settings.inbox.cron),
        (rescore, settings.rescore.cron),
        (retrain, settings.retrain.cron),
    ]
    return [_deployment(flow, cron, once, params_file) for flow, cron in crons]


def _deployment(flow: Flow[..., Any], cron: str | None, once: Any, params_file: Path) -> RunnerDeployment:
    from prefect.types.entrypoint import EntrypointType

    from flows.stale_runs import belongs_to

    made: RunnerDeployment = flow.to_deployment(  # type: ignore[assignment]
        name=deployment_name(),
        cron=cron,
        concurrency_limit=once,
        parameters={} if flow.name == "retrain" else {"params_file": str(params_file)},
        description=belongs_to(),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    made.entrypoint = f"fauxface.runs.{flow.fn.__name__}"  # see there why
    return made


def deployment_name() -> str:
    """Return the name of the workspace's deployments: that of its folder."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path.cwd().name).strip("-.") or "workspace"


def main() -> None:
    """Run as a module: `python -m flows.schedule`."""
    try:
        schedule()
    except FauxfaceError as error:
        sys.exit(f"fauxface: {error}")


def _check_server() -> None:
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")  # here the terminal shows what runs do
    set_surroundings()
    os.environ[SAFE_PATH] = "1"  # for the processes of the runs, which Prefect starts
    for name in (_OBSERVER, "asyncio"):
        logging.getLogger(name).addFilter(_not_of_observer)
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        raise FauxfaceError(f"No Prefect server is configured. {_NO_SERVER}")
    error = _health()
    if error is not None:
        raise FauxfaceError(f"The Prefect server at {url} does not answer ({error}). {_NO_SERVER}")
    _say(f"Prefect server {url}, UI {url.removesuffix('/api')}")


def _not_of_observer(record: logging.LogRecord) -> bool:
    """Drop the tracebacks in which Prefect's observer of cancellations tells of a lost server: we say it in a line."""
    return _OBSERVER.removeprefix("prefect.") not in f"{record.name} {record.getMessage()}"


def _health() -> Exception | None:
    from prefect import get_client

    with get_client(sync_client=True) as client:
        return client.api_healthcheck()


def _make_inbox(settings: ScheduleParams) -> None:
    source = settings.inbox.source
    if is_local(source):
        try:
            Path(source).expanduser().mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FauxfaceError(f"{source}: cannot be made ({error.strerror}); change schedule.inbox.source.") from None
        source = str(Path(source).expanduser().absolute())
    _say(f"Inbox {source}")


def _served(settings: ScheduleParams, params_file: Path) -> bool:
    """Serve until told to stop, and return True; or until the server is lost, and return False."""
    from flows.stale_runs import tidy

    made = deployments(settings, params_file)
    try:
        tidy(made)
        asyncio.run(_until_lost(_runner(made)))
    except KeyboardInterrupt:
        _say("Stopped; the schedules are paused until `fauxface schedule` runs again.")
        if _health() is None:
            tidy(made)  # what was running has been ended without a word to the server
        return True
    except Exception:  # Prefect has no one error for it
        if _health() is None:
            raise
    return False


def _runner(made: list[RunnerDeployment]) -> Runner:
    from prefect.runner import Runner

    runner = Runner()
    runner.handle_sigterm = _as_ctrl_c  # type: ignore[method-assign]
    for deployment in made:
        runner.add_deployment(deployment)
        _say(f"Serving {deployment.full_name}")
    return runner


async def _until_lost(runner: Runner) -> None:
    """Run until the server has not answered twice; what runs then is ended, and goes on when the server is back."""
    serving = asyncio.ensure_future(runner.start())
    missed = 0
    try:
        while missed < 2 and not serving.done():
            await asyncio.wait([serving], timeout=AWAY)
            missed = missed + 1 if await asyncio.to_thread(_health) else 0
        runner.pause_on_shutdown = missed == 0  # else there is nobody to tell
        if serving.done() and not missed:
            serving.result()  # raises what ended it
    finally:
        serving.cancel()
        await asyncio.wait([serving])


def _as_ctrl_c(*_: object) -> None:
    """Let SIGTERM do what Ctrl-C does: asyncio ends the runs in order (Prefect's own handler does not await that)."""
    signal.raise_signal(signal.SIGINT)


def _wait_for_server() -> None:
    _say("The Prefect server has gone; waiting for it ...")
    while _health() is not None:
        time.sleep(AWAY)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
