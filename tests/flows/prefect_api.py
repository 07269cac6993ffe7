"""The few requests to a Prefect server that tests make, as its UI makes them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

TERMINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


@dataclass(frozen=True)
class PrefectApi:
    """A server at `url`, the address of its API."""

    url: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request and return the answer's JSON; a busy database (503) is asked again, as every client does."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"Content-Type": "application/json"}, method=method)
        for pause in (0.5, 1.0, 2.0, 4.0, 8.0):
            try:
                return self._answer(request)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != 503:
                    raise
                time.sleep(pause)
        return self._answer(request)

    def _answer(self, request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def deployments(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the deployments of that name, by their flow's."""
        found = self.call("POST", "/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return {self.call("GET", f"/flows/{each['flow_id']}")["name"]: each for each in found}

    def trigger(self, flow: str, name: str) -> str:
        """Ask for a run of a deployment now; returns the run's id."""
        deployment = self.call("GET", f"/deployments/name/{flow}/{name}")
        run = self.call("POST", f"/deployments/{deployment['id']}/create_flow_run", {})
        return str(run["id"])

    def wait(self, run: str, seconds: float = 300) -> dict[str, Any]:
        """Wait for a run's end; returns its state: type, name, message."""
        deadline = time.monotonic() + seconds
        while True:
            state: dict[str, Any] = self.call("GET", f"/flow_runs/{run}")["state"]
            if state["type"] in TERMINAL:
                return state
            assert time.monotonic() < deadline, state
            time.sleep(0.2)

    def inner_runs(self, run: str) -> list[dict[str, Any]]:
        """Return the runs of flows that a run called."""
        found: list[dict[str, Any]] = self.call(
            "POST", "/flow_runs/filter", {"flow_runs": {"parent_flow_run_id": {"any_": [run]}}}
        )
        return found
