"""The shipped presets are valid, edits touch three lines, and nonsense is refused by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.presets import edited_text, preset_values, read_presets, write_preset
from slora_assets.documents import registered_path

HASH = "a" * 64


def test_shipped_presets_promote_nothing_and_give_each_scenario_its_scale(
    workspace: Workspace,
) -> None:
    presets = read_presets(workspace.presets).presets
    assert sorted(presets) == ["kitchen", "market_floor", "sports_field", "stage", "street"]
    for preset in presets.values():
        assert (preset.adapter, preset.sha256, preset.verdict) == (None, None, None)
        assert (preset.scale_min, preset.scale, preset.scale_max) == (0.0, 0.85, 1.5)


def test_an_edit_changes_its_three_lines_and_keeps_every_comment(workspace: Workspace) -> None:
    before = workspace.presets.read_text()
    write_preset(workspace.presets, "kitchen", preset_values(HASH, "pass"))
    after = workspace.presets.read_text()
    changed = [
        new.strip()
        for old, new in zip(before.splitlines(), after.splitlines(), strict=True)
        if old != new
    ]
    assert changed == [f"adapter: {registered_path(HASH)}", f"sha256: {HASH}", "verdict: pass"]
    assert before.count("#") == after.count("#") > 5
    write_preset(workspace.presets, "kitchen", preset_values(None, None))
    assert workspace.presets.read_text() == before


def test_peoples_own_comments_and_quotes_survive(workspace: Workspace) -> None:
    text = workspace.presets.read_text()
    text = text.replace("    verdict: null\n", "    verdict: null  # ask Zoë first\n", 1)
    text = text.replace("base_model: miniature", 'base_model: "miniature"  # for now')
    edited = edited_text(text, "market_floor", {"verdict": "pass"})
    assert "    verdict: pass  # ask Zoë first\n" in edited
    assert 'base_model: "miniature"  # for now\n' in edited


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("    verdict: null", "    verdict: pass", "presets.market_floor"),
        ("    verdict: null", "    verdict: fail", "presets.market_floor.verdict"),
        ("    scale: 0.85", "    scale: 1.6", "presets.market_floor"),
        ("    scale: 0.85", "    scale: .nan", "presets.market_floor.scale"),
        ("    scale: 0.85", "    scale: 0.85\n    lora: x", "presets.market_floor.lora"),
        ("    steps: null", "    steps: 0", "speed.default.steps"),
        ("    steps: null", "    steps: 101", None),
        ("  default:", "  fast:", None),
        ("  kitchen:", "  ../kitchen:", "presets.../kitchen.[key]"),
        ("schema_version: 1", "schema_version: 2", "schema_version"),
    ],
)
def test_nonsense_is_refused_by_key(
    workspace: Workspace, old: str, new: str, key: str | None
) -> None:
    text = workspace.presets.read_text()
    workspace.presets.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        read_presets(workspace.presets)
    assert refused.value.key == key


@pytest.mark.parametrize(
    "path",
    [
        "checkpoints/scenario_loras/kitchen/adapters/epoch_1/pytorch_lora_weights.safetensors",
        "/etc/passwd",
        f"checkpoints/registry/{'b' * 64}/pytorch_lora_weights.safetensors",
        f"checkpoints/registry/../registry/{HASH}/pytorch_lora_weights.safetensors",
    ],
)
def test_a_preset_names_only_the_registrys_own_path(workspace: Workspace, path: str) -> None:
    edited = edited_text(
        workspace.presets.read_text(),
        "kitchen",
        {"adapter": path, "sha256": HASH, "verdict": "pass"},
    )
    workspace.presets.write_text(edited)
    with pytest.raises(ConfigError, match="adapter must be"):
        read_presets(workspace.presets)


def test_an_edit_that_would_break_the_file_leaves_it_alone(workspace: Workspace) -> None:
    before = workspace.presets.read_bytes()
    with pytest.raises(ConfigError):
        write_preset(workspace.presets, "kitchen", preset_values("no hash", "pass"))
    assert workspace.presets.read_bytes() == before
    assert [path.name for path in Path(workspace.presets).parent.iterdir()] == [
        workspace.presets.name
    ]
