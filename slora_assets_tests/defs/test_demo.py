"""The last lines of the demo name what a person can really do next."""

from __future__ import annotations

from typing import Any

from slora_assets.config.workspace import UNIFIED
from slora_assets.defs.demo import next_steps


def said(**states: str) -> str:
    rows: dict[str, Any] = {name: {"state": state} for name, state in states.items()}
    return "\n".join(next_steps({"rows": rows}))


def test_who_passed_may_be_promoted_and_who_failed_is_sent_to_the_report() -> None:
    mixed = said(market_floor="pass", kitchen="fail", street="pass", **{UNIFIED: "pass"})
    assert "slora promote market_floor --by" in mixed
    assert "market_floor, street may be served" in mixed
    assert "make optimized" in mixed
    failed = said(market_floor="fail", kitchen="pass")
    assert "slora promote kitchen" in failed
    assert "make optimized" not in failed, "a failed adapter generates nothing"
    assert "report of market_floor says why" in failed


def test_without_a_pass_nobody_is_told_to_promote() -> None:
    assert "promote" not in said(market_floor="inconclusive")
    assert "make optimized" in said(market_floor="inconclusive")
