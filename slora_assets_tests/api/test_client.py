"""The command gets a clip over HTTP, or says why not and ends non-zero."""

from __future__ import annotations

import json

import pytest

from api.client import main
from slora_assets.config.workspace import Workspace
from slora_assets.provenance import sha256_file


@pytest.fixture
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("SLORA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("SLORA_CONFIGS", str(workspace.configs))
    monkeypatch.delenv("SLORA_DATASET", raising=False)
    return workspace


def test_it_prints_path_address_score_and_verdict(
    here: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--scenario", "market_floor", "--scale", "0.85"]) == 0
    printed = capsys.readouterr().out
    lines = dict(line.split(":", 1) for line in printed.splitlines() if ":" in line[:16])
    facts = {name: value.strip() for name, value in lines.items()}
    clip = here.absolute(facts["artifact"])
    sidecar = json.loads(clip.with_suffix(".json").read_text())
    assert sidecar["sha256"] == sha256_file(clip)
    assert facts["url"] == f"/artifacts/{clip.name}"
    assert facts["metadata"] == f"/artifacts/{clip.name}/metadata"
    score = sidecar["temporal_score"]["temporal_consistency"]
    assert facts["temporal score"] == ("none" if score is None else f"{score:.4f}")
    assert (facts["verdict"], facts["status"]) == ("inconclusive", "promoted")
    assert "random weights" in facts["note"]


def test_json_is_the_servers_answer_with_the_path(
    here: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--scenario", "street", "--prompt", "a red car", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["status"], made["prompt"]) == ("preview", "a red car")
    assert here.absolute(made["path"]).is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "sports_field"], "is fail"),
        (["--scenario", "street", "--strict"], "promote"),
        (["--scenario", "nowhere"], "kitchen, market_floor"),
        (["--scenario", "kitchen", "--scale", "9"], "0 to 1.5"),
        (["--scenario", "kitchen", "--url", "http://127.0.0.1:9"], "can't be reached"),
    ],
)
def test_a_refusal_ends_non_zero_with_the_servers_message(
    here: Workspace, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 1
    assert said in capsys.readouterr().err
