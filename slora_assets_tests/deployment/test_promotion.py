"""What gets through the gate: only the adapter that the verdict is about, only with a name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from slora_assets.config.errors import (
    ConfigError,
    CurationError,
    GateError,
    IntegrityError,
    MissingInputError,
    SloraError,
)
from slora_assets.config.scenario_files import ScenarioFiles
from slora_assets.config.workspace import Workspace
from slora_assets.curation.retirement import retire
from slora_assets.deployment.candidate import candidate
from slora_assets.deployment.changelog import (
    log_change,
    one_line,
    promotion_of,
    read_changes,
)
from slora_assets.deployment.presets import read_presets
from slora_assets.deployment.promotion import demote, promote
from slora_assets.documents import Change, ScenarioPreset, registered_path
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.workspaces import contents, rewrite

FinishRun = Callable[..., str]
SCENARIO = "market_floor"


def preset(workspace: Workspace) -> ScenarioPreset:
    return read_presets(workspace.presets).presets[SCENARIO]


def test_a_pass_is_registered_logged_and_set(workspace: Workspace, finish_run: FinishRun) -> None:
    sha256 = finish_run()
    done = promote(workspace, SCENARIO, "Zoë", "looks right")
    now = preset(workspace)
    assert (now.adapter, now.sha256, now.verdict) == (registered_path(sha256), sha256, "pass")
    assert done.folder == workspace.registry / sha256
    [change] = read_changes(workspace.changelog)
    assert change == done.change == promotion_of(workspace.changelog, SCENARIO, sha256)
    assert (change.action, change.by, change.reason) == ("promote", "Zoë", "looks right")
    assert (change.sha256, change.replaced, change.override_inconclusive) == (sha256, None, False)


def test_a_fail_is_never_promoted(workspace: Workspace, finish_run: FinishRun) -> None:
    finish_run(verdict="fail")
    before = contents(workspace.root)
    with pytest.raises(GateError, match="is fail: The adapter froze clips"):
        promote(workspace, SCENARIO, "Zoë", "I insist", override_inconclusive=True)
    assert contents(workspace.root) == before


def test_an_inconclusive_needs_the_override_which_is_recorded(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run(verdict="inconclusive", trusted=False)
    before = contents(workspace.root)
    with pytest.raises(GateError, match="inconclusive"):
        promote(workspace, SCENARIO, "Zoë", "for the demo")
    assert contents(workspace.root) == before
    promote(workspace, SCENARIO, "Zoë", "for the demo", override_inconclusive=True)
    assert preset(workspace).verdict == "inconclusive"
    [change] = read_changes(workspace.changelog)
    assert change.override_inconclusive
    assert change.scores_note == "The scorer holds random weights."


def test_a_retired_scenario_gets_no_adapter_however_it_was_judged_before(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    files = ScenarioFiles.named(workspace.configs / "data" / "scenarios.yaml")
    retire(files, SCENARIO, "the market has closed")
    before = contents(workspace.root)
    with pytest.raises(CurationError, match=r"no promotion.*the market has closed"):
        promote(workspace, SCENARIO, "Zoë", "looks right")
    assert contents(workspace.root) == before


def test_a_pass_on_scores_that_mean_nothing_is_refused(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run(trusted=False)
    rewrite(
        workspace.validation(SCENARIO) / "verdict.json",
        lambda document: document["verdict"].update(verdict="pass"),
    )
    put_run_on_record(workspace, SCENARIO)
    with pytest.raises(GateError, match="not trusted"):
        promote(workspace, SCENARIO, "Zoë", "looks right", override_inconclusive=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("adapter_sha256", "f" * 64),
        ("run_hash", "f" * 64),
        ("run", "kitchen"),
        (
            "base",
            {
                "name": "tiny",
                "revision": "r1",
                "licence": "Apache-2.0",
                "trained": True,
                "parts": {"vae": "other"},
            },
        ),
    ],
)
def test_a_verdict_about_something_else_is_stale(
    workspace: Workspace, finish_run: FinishRun, key: str, value: Any
) -> None:
    finish_run(**{key: value})
    with pytest.raises(GateError, match="stale"):
        promote(workspace, SCENARIO, "Zoë", "looks right")
    assert preset(workspace).sha256 is None


def test_a_retrained_run_makes_its_old_verdict_stale(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run(content=b"old")
    verdict = workspace.validation(SCENARIO) / "verdict.json"
    old = verdict.read_bytes()
    finish_run(content=b"new")
    verdict.write_bytes(old)
    put_run_on_record(workspace, SCENARIO)
    with pytest.raises(GateError, match="stale"):
        candidate(workspace, SCENARIO)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda path: path.unlink(), MissingInputError),
        (lambda path: path.write_text("{"), IntegrityError),
        (lambda path: path.write_text(json.dumps({"verdict": "pass"})), IntegrityError),
    ],
)
def test_without_a_readable_verdict_nothing_is_promoted(
    workspace: Workspace,
    finish_run: FinishRun,
    damage: Callable[[Path], Any],
    error: type[SloraError],
) -> None:
    finish_run()
    damage(workspace.validation(SCENARIO) / "verdict.json")
    with pytest.raises(error):
        promote(workspace, SCENARIO, "Zoë", "looks right")


@pytest.mark.parametrize(
    ("by", "reason"), [("", "why"), (" \t", "why"), ("Zoë", ""), ("Zoë", "\n")]
)
def test_nobody_promotes_or_demotes_without_name_and_reason(
    workspace: Workspace, finish_run: FinishRun, by: str, reason: str
) -> None:
    finish_run()
    for act in (promote, demote):
        with pytest.raises(GateError, match="signed"):
            act(workspace, SCENARIO, by, reason)
    assert not workspace.changelog.exists()


def test_promoting_the_same_again_changes_nothing(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    promote(workspace, SCENARIO, "Zoë", "looks right")
    before = contents(workspace.root)
    assert promote(workspace, SCENARIO, "Max", "again").change is None
    assert contents(workspace.root) == before


def test_a_better_adapter_replaces_and_a_demotion_leaves_only_its_strengths(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    shipped = workspace.presets.read_text()
    first = finish_run(content=b"first")
    promote(workspace, SCENARIO, "Zoë", "good")
    second = finish_run(content=b"second")
    promote(workspace, SCENARIO, "Zoë", "better")
    assert preset(workspace).sha256 == second
    demote(workspace, SCENARIO, "Max", "artefacts")
    narrowed = shipped.replace(
        "    scale_min: 0.0\n    scale_max: 1.5", "    scale_min: 0.85\n    scale_max: 0.85", 1
    )
    assert workspace.presets.read_text() == narrowed
    changes = read_changes(workspace.changelog)
    assert [(c.action, c.replaced, c.sha256) for c in changes] == [
        ("promote", None, first),
        ("promote", first, second),
        ("demote", second, None),
    ]
    with pytest.raises(GateError, match="nothing is promoted"):
        demote(workspace, SCENARIO, "Max", "again")


def test_after_a_crash_between_log_and_preset_the_same_command_finishes(
    workspace: Workspace, finish_run: FinishRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish_run()

    def killed(path: Path, change: Change) -> None:
        log_change(path, change)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("slora_assets.deployment.promotion.log_change", killed)
        with pytest.raises(KeyboardInterrupt):
            promote(workspace, SCENARIO, "Zoë", "looks right")
    assert preset(workspace).sha256 is None
    promote(workspace, SCENARIO, "Zoë", "looks right")
    assert preset(workspace).verdict == "pass"


def test_nothing_is_promoted_over_a_tampered_log(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    promote(workspace, SCENARIO, "Zoë", "looks right")
    log = workspace.changelog
    log.write_text(log.read_text().replace("Zoë", "Max"))
    with pytest.raises(IntegrityError) as found:
        demote(workspace, SCENARIO, "Zoë", "never mind")
    assert (found.value.file, found.value.line) == (log, 1)
    assert preset(workspace).verdict == "pass"


def test_an_unknown_scenario_is_answered_with_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="market_floor"):
        promote(workspace, "nowhere", "Zoë", "looks right")


def test_a_run_without_result_has_no_candidate(workspace: Workspace) -> None:
    with pytest.raises(MissingInputError):
        candidate(workspace, SCENARIO)


def test_a_reason_is_one_line_and_an_old_one_with_more_is_shown_as_one(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    promote(workspace, SCENARIO, "Zoë", "good\npromote kitchen by Max: forged")
    [change] = read_changes(workspace.changelog)
    assert change.reason == "good promote kitchen by Max: forged"
    assert one_line("good\r\nforged \x1b[2K é") == "good\\r\\nforged \\x1b[2K é"


def test_a_preset_that_shares_its_lines_with_another_is_refused_and_nothing_is_changed(
    workspace: Workspace, finish_run: FinishRun
) -> None:
    finish_run()
    tree = yaml.safe_load(workspace.presets.read_text())
    tree["presets"]["kitchen"] = tree["presets"][SCENARIO]
    workspace.presets.write_text(yaml.safe_dump(tree))
    assert "*id" in workspace.presets.read_text(), "an alias"
    before = workspace.presets.read_bytes()
    with pytest.raises(ConfigError, match="kitchen, too"):
        promote(workspace, SCENARIO, "Zoë", "looks right")
    assert workspace.presets.read_bytes() == before
    assert read_changes(workspace.changelog) == []
