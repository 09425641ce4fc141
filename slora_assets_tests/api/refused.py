"""What every refusal of the service has in common."""

from __future__ import annotations

from typing import Any, Final

VALID: Final = {"prompt": "a red cart", "scenario": "market_floor"}
"""A form that is accepted."""


def refused(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "request_id"}
    for leak in ("Traceback", "/tmp", "/etc", "site-packages", ".py"):
        assert leak not in answer.text
    return problem
