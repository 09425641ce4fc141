"""Forged promotions: `python benchmarks/forged.py`.

Four small projects of four scenarios each are made through the real functions: adapters that may be
promoted, the same judged `fail` since, promoted, and taken back. Each attempt forges one thing of
one scenario in a fresh copy, as somebody would who can write everything in the workspace and has a
key of their own, but not the owner's: verdicts, measurements, records, logs, heads, presets,
signatures and keys, edited, missing, exchanged, of another key, or put back as they once were. Then
the adapter is promoted with every override, or asked of the service. Printed are how many were
promoted and served (target 0 and 0), and how many of the untouched ones (target all).

`--unasked` leaves out what asks for signatures: what comes through then shows that the attempts are
worth something.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import forged_promotions
import forged_servings
from fastapi.testclient import TestClient
from forged_projects import BY, SCENARIOS, Projects, fresh_copy, keys_of, make_projects

from api.app import create_app
from api.generator import choice
from api.settings import ApiSettings
from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment import promotion
from slora_assets.deployment.promotion import promote
from slora_assets.provenance.keys import KEYS, keys_folder
from slora_assets.provenance.log_heads import LogHeads

Attempt = Callable[[Workspace, str], str | None]
"""Says why it was refused; None where it was not."""
Forgeries = Mapping[str, forged_promotions.Forge]


def promoted(workspace: Workspace, scenario: str) -> str | None:
    try:
        promote(workspace, scenario, BY, "let it through", override_inconclusive=True)
    except SloraError as error:
        return str(error)
    return None


def served(workspace: Workspace, scenario: str) -> str | None:
    app = create_app(ApiSettings(workspace, device="cpu"))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        answer = client.post("/generate", data={"prompt": "a red cart", "scenario": scenario})
    if answer.status_code == 200:
        return None
    if answer.status_code != 409:
        print(f"  refused with {answer.status_code}: {answer.text[:150]}", flush=True)
    return str(answer.json()["detail"])


def attempts(
    start: Workspace,
    forgeries: Forgeries,
    attempt: Attempt,
    projects: Projects,
    scenarios: Sequence[str],
    *,
    show: bool,
) -> Counter[str]:
    """How many were made, and how many came through."""
    counted = Counter[str]()
    for name, forge in forgeries.items():
        for scenario in scenarios:
            with tempfile.TemporaryDirectory() as folder:
                keys = Path(shutil.copytree(keys_folder(), Path(folder) / "keys"))
                with keys_of(keys):
                    workspace = fresh_copy(start, Path(folder))
                    forge(workspace, scenario, projects)
                    refused = attempt(workspace, scenario)
            counted["made"] += 1
            if refused is None:
                counted["came through"] += 1
                print(f"  came through: {name}, {scenario}", flush=True)
            elif show and scenario == SCENARIOS[0]:
                print(f"  {name}: {refused.replace(folder, '')[:150]}")
    return counted


def ask_for_nothing() -> None:
    """As it was before anything was signed."""
    LogHeads.lost = lambda self, entries: []
    for module, name in (
        (promotion, "verdict_signer"),
        (promotion, "refuse_unsigned_logs"),
        (choice, "refuse_unsigned"),
    ):
        setattr(module, name, lambda *_: None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="say why each was refused")
    parser.add_argument("--unasked", action="store_true", help="ask for no signatures")
    parser.add_argument("--scenarios", type=int, default=len(SCENARIOS), help="try so many")
    options, began = parser.parse_args(), time.perf_counter()
    show, scenarios = options.show, SCENARIOS[: options.scenarios]
    with tempfile.TemporaryDirectory() as folder:
        os.environ[KEYS] = str(Path(folder) / "owner")
        projects = make_projects(Path(folder))
        if options.unasked:
            ask_for_nothing()
        tried = {
            "promoted": [
                (projects.failed, forged_promotions.FROM_FAILED, promoted),
                (projects.candidate, forged_promotions.FROM_CANDIDATE, promoted),
            ],
            "served": [
                (projects.demoted, forged_servings.FROM_DEMOTED, served),
                (projects.failed, forged_servings.FROM_FAILED, served),
                (projects.promoted, forged_servings.FROM_PROMOTED, served),
            ],
        }
        for what, groups in tried.items():
            counted = Counter[str]()
            for start, forgeries, attempt in groups:
                counted += attempts(start, forgeries, attempt, projects, scenarios, show=show)
            print(f"forged: {counted['came through']} of {counted['made']} were {what}", flush=True)
        untouched = {"untouched": lambda w, s, p: None}
        for what, start, attempt in (
            ("promoted", projects.candidate, promoted),
            ("served", projects.promoted, served),
        ):
            counted = attempts(start, untouched, attempt, projects, scenarios, show=True)
            print(f"untouched: {counted['came through']} of {counted['made']} were {what}")
    print(f"{time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main()
