"""The shipped presets are valid, edits touch three lines, and nonsense is refused by key."""

from __future__ import annotations

from collections.abc import Callable
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


def _lines_that_differ(before: bytes, after: bytes) -> list[bytes]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return [line for line, was in zip(new, old, strict=True) if line != was]


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda text: text.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(lambda text: text.replace(b"\n", b"\r\n", 9), id="some CRLF"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text, id="byte order mark"),
        pytest.param(lambda text: text.rstrip(b"\n"), id="no line end at the end"),
        pytest.param(lambda text: text.replace(b"null\n", b"null  \n"), id="spaces at line ends"),
        pytest.param(lambda text: b"---\n" + text, id="a document's mark"),
        pytest.param(lambda text: text.replace(b"seed: 0", b"seed:   0"), id="own spacing"),
        pytest.param(lambda text: text.replace(b"\n  ", b"\n      "), id="own indent"),
    ],
)
def test_lines_that_an_edit_does_not_concern_keep_every_byte(
    workspace: Workspace, written: Callable[[bytes], bytes]
) -> None:
    before = written(workspace.presets.read_bytes())
    workspace.presets.write_bytes(before)
    edited = edited_text(before.decode(), "kitchen", preset_values(HASH, "pass")).encode()
    changed = _lines_that_differ(before, edited)
    assert [line.split()[0] for line in changed] == [b"adapter:", b"sha256:", b"verdict:"]
    ends = b"\r\n" if before.count(b"\r\n") > before.count(b"\n") / 2 else b"\n"
    assert all(line.endswith(ends) for line in changed)
    again = edited_text(edited.decode(), "kitchen", preset_values(None, None)).encode()
    assert [line.strip() for line in again.splitlines()] == [
        line.strip() for line in before.splitlines()
    ]


def test_shared_presets_are_edited_where_they_are(workspace: Workspace, tmp_path: Path) -> None:
    shared = tmp_path / "shared.yaml"
    shared.write_bytes(workspace.presets.read_bytes().replace(b"\n", b"\r\n"))
    shared.chmod(0o664)
    workspace.presets.unlink()
    workspace.presets.symlink_to(shared)
    write_preset(workspace.presets, "kitchen", preset_values(HASH, "pass"))
    assert workspace.presets.is_symlink()
    assert HASH.encode() in shared.read_bytes()
    assert shared.read_bytes().count(b"\r\n") == shared.read_bytes().count(b"\n")
    assert shared.stat().st_mode & 0o777 == 0o664


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
