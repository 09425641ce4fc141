"""`slora preferences`: what people chose, as the command prints it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.documents import Comparison
from slora_assets.validation.preferences.choices import keep_choice
from slora_assets.validation.preferences.samples import sample_pairs
from slora_assets_tests.cli.conftest import Slora
from slora_assets_tests.judged_runs import judged_workspace


def test_preferences_are_printed_and_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slora: Slora
) -> None:
    workspace = judged_workspace(tmp_path, {"harbour": ["a boat", "a ship"]})
    monkeypatch.setenv("SLORA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("SLORA_CONFIGS", str(workspace.configs))
    monkeypatch.setenv("SLORA_DATASET", str(workspace.dataset_file))
    assert "Nobody has chosen" in slora("preferences").out
    (pair, _) = sample_pairs(workspace, "harbour")
    choice = Comparison(
        person="Ada",
        run="harbour",
        prompt_id=pair.prompt_id,
        seed=pair.seed,
        pressed="left",
        left="adapter",
        adapter_sha256=pair.adapter_sha256,
        validation_hash=pair.validation_hash,
    )
    keep_choice(workspace.comparisons("harbour"), choice)
    done = slora("preferences", "--run", "harbour")
    assert (done.status, done.err) == (0, "")
    assert "| harbour | 1 | 1 | 1 | 0 | 0 | 1 | pass |" in done.out
    assert "| harbour | likeness | 1 | 1 |" in done.out
    assert "one of ['harbour']" in slora("preferences", "--run", "moon").err
