"""A person before the comparison: opens it, sees a pair, presses a button."""

from __future__ import annotations

from typing import Any, Final

from starlette.testclient import TestClient

from api.compare.app import create_app
from slora_assets.config.workspace import Workspace
from slora_assets.documents import LoggedComparison
from slora_assets.validation.preferences.choices import read_choices
from slora_assets.validation.preferences.samples import sample_pairs

HOSTILE: Final = "</script><script>alert('x')</script> \"&amp;' \u202e<img src=x onerror=alert(1)>"
PROMPTS: Final = {
    "harbour": [f"a boat number {number} in the harbour" for number in range(11)] + [HOSTILE],
    "beach": [f"a bather number {number}" for number in range(4)],
}


def opened(workspace: Workspace, *runs: str) -> TestClient:
    """The page, started anew."""
    pairs = [pair for run in runs for pair in sample_pairs(workspace, run)]
    app = create_app(workspace, pairs)
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


def see(client: TestClient, person: str = "Ada", position: int | None = None) -> dict[str, Any]:
    query = {"person": person} | ({} if position is None else {"position": position})
    answer = client.get("/pairs", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def press(client: TestClient, view: dict[str, Any], what: str = "left") -> dict[str, Any]:
    answer = client.post(
        "/choices", data={"person": view["person"], "pair": view["pair"]["id"], "pressed": what}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kept(workspace: Workspace, run: str = "harbour") -> list[LoggedComparison]:
    return read_choices(workspace.comparisons(run))
