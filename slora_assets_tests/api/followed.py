"""Jobs of the service, followed to their end as a client follows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.testclient import TestClient

from slora_assets_tests.waiting import wait_for


def ended(client: TestClient, job: Mapping[str, Any]) -> dict[str, Any]:
    """The job as it is told once it has ended."""

    def once() -> dict[str, Any]:
        found: dict[str, Any] = client.get(f"/v1/videos/{job['id']}").json()
        return {} if found["status"] in ("queued", "in_progress") else found

    return wait_for(once, "the job's end")
