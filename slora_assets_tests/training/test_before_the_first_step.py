"""What the end of an epoch or of a run needs is opened before the first step: a run that can't be
finished isn't begun, and leaves nothing that a corrected one would stumble over."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from slora_assets.config.errors import ConfigError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.miniature.weights import SHIPPED
from slora_assets.provenance.records import read_adapter_record, read_run_record
from slora_assets.training.plan import plan_run
from slora_assets_tests.training.commands import SCENARIO, train
from slora_assets_tests.workspaces import contents


def _refused(workspace: Workspace, root: Path, *more: str) -> str:
    """What a run says that is refused before it has written anything."""
    done = train(workspace, root, "--tracker", "none", *more)
    assert done.status == 1
    assert "Traceback" not in done.said
    assert not root.exists() or list(root.iterdir()) == []
    (error,) = [line for line in done.said.splitlines() if line.startswith("error: ")]
    return error


@pytest.mark.parametrize(
    ("scorer", "said"),
    [
        ("ViT-B-32:laion2b_typo", "open_clip knows no such scorer.*laion2b_s34b_b79k"),
        ("ViT-B-23:openai", "a model such as ViT-B-"),
        ("minature", "no such scorer; found 'minature'"),
        ("ViT-B-32:/nowhere/clip.safetensors", "weights are not there"),
    ],
)
def test_a_scorer_that_nobody_knows_is_refused(
    room: Workspace, tmp_path: Path, scorer: str, said: str
) -> None:
    assert re.search(said, _refused(room, tmp_path / "runs", "--set", f"scorer={scorer}"))


def test_targets_that_name_no_layer_are_refused_by_name_beside_those_that_do(
    room: Workspace, tmp_path: Path
) -> None:
    targets = "lora.targets=[to_q, to_k, ff.0, ff.2, to_vv, attn1]"
    error = _refused(room, tmp_path / "runs", "--set", targets)
    assert "key 'lora.targets'" in error
    assert "found ['ff.0', 'ff.2', 'to_vv', 'attn1']" in error, "attn1 is no layer, but has some"
    assert "ff.net.0.proj" in error


def test_after_a_refusal_the_corrected_run_trains_and_lists_what_the_file_holds(
    room: Workspace, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    scorer = tmp_path / "own scorer"
    shutil.copytree(SHIPPED / "scorer", scorer)
    (scorer / "slora.json").unlink()  # as others publish one
    wanted = ("--set", "epochs=1", "--set", f"scorer={scorer}")
    _refused(room, runs, *wanted, "--set", "lora.targets=[to_q, to_vv]")
    done = train(room, runs, "--tracker", "none", *wanted, "--set", "lora.targets=[to_q, to_k]")
    assert done.status == 0, done.said
    record = read_run_record(runs / SCENARIO)
    assert record.scorer["name"] == "own scorer" and record.scorer["weights"]
    kept = runs / SCENARIO / record.best.path
    assert read_adapter_record(kept).targets == ["to_q", "to_k"]
    from safetensors import safe_open

    with safe_open(kept / "pytorch_lora_weights.safetensors", framework="np") as file:
        held = {key.split(".")[-3] for key in list(file.keys())}
    assert held == {"to_q", "to_k"}


@pytest.mark.parametrize(
    ("prompts", "line"),
    [
        (f"{{{SCENARIO}: {{prompts: []}}}}", "no prompt is asked"),
        (f"{{{SCENARIO}: {{templates: [a cart], subjects: []}}}}", "no prompt is asked"),
        (f"{{{SCENARIO}: {{prompts: ['  ']}}}}", "String should match"),
        (f"{{{SCENARIO}: {{templates: ['{{subject}}']}}}}", "is blank"),
        (f"{{{SCENARIO}: {{templates: ['{{motion}} '], motions: [runs, ' ']}}}}", "is blank"),
    ],
)
def test_a_scenario_without_prompts_is_refused_when_it_is_read(
    tmp_path: Path, prompts: str, line: str
) -> None:
    file = _prompts_file(tmp_path, scenarios=prompts)
    with pytest.raises(ConfigError, match=line) as caught:
        read_validation_prompts(file)
    assert caught.value.line == 3
    assert str(caught.value.key).startswith(f"scenarios.{SCENARIO}")


def test_a_scenario_that_nobody_gave_prompts_is_not_trained(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _prompts_file(tmp_path, scenarios="{}")
    monkeypatch.setattr("slora_assets.training.plan.prompts_of", lambda *_: [])
    settings = read_settings(workspace.training_config, TrainingSettings)
    with pytest.raises(ConfigError, match="slora prompts write"):
        plan_run(workspace, settings, read_validation_prompts(file), SCENARIO, tmp_path)


@pytest.mark.parametrize("seed", ["9223372036854775808", "9007199254740992", "-1", "true", "1.5"])
def test_a_seed_that_no_generator_takes_is_refused_when_it_is_read(
    tmp_path: Path, seed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_validation_prompts(_prompts_file(tmp_path, seeds=f"[1, {seed}]"))
    assert (caught.value.key, caught.value.line) == ("seeds.1", 2)


def _prompts_file(folder: Path, scenarios: str = "{}", seeds: str = "[1]") -> Path:
    file = folder / "prompts.yaml"
    gate = "gate: {guards: {clip_similarity: {margin: 0.02, improves: true}}}"
    file.write_text(f"schema_version: 1\nseeds: {seeds}\nscenarios: {scenarios}\n{gate}\n")
    return file


def _partial(root: Path) -> Path:
    return root / f".{SCENARIO}.partial"


def _states(root: Path) -> dict[Path, bytes]:
    return contents(_partial(root) / "state") | {
        file: file.read_bytes() for file in [_partial(root) / "begun_with.json"]
    }


def test_a_run_goes_on_after_a_change_that_was_allowed_and_then_refused(
    room: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, plain = tmp_path / "runs", ("--tracker", "none", "--set", "epochs=1")
    stopped = train(room, runs, *plain, "--max-minutes", "0")
    assert stopped.status == 0, stopped.said
    before = _states(runs)
    bigger = ("--set", "lora.rank=8", "--allow-changed", "lora.rank")
    refused = train(room, runs, *plain, *bigger)
    assert refused.status == 1 and "of another shape" in refused.said
    misspelt = train(room, runs, *plain, "--restart", "--set", "scorer=ViT-B-32:laion2b_typo")
    assert misspelt.status == 1
    monkeypatch.setenv("SLORA_RESTART", "maybe")
    assert "neither yes nor no" in train(room, runs, *plain).said
    assert _states(runs) == before
    monkeypatch.setenv("SLORA_RESTART", "0")
    again = train(room, runs, *plain, "--max-minutes", "0")
    assert again.status == 0, again.said
    assert _states(runs) == before, "0 is no: nothing was thrown away"
    for file in (_partial(runs) / "state").glob("*/state.safetensors"):
        file.write_bytes(b"torn")
    damaged = train(room, runs, *plain)
    assert damaged.status == 1
    assert "state.safetensors is not the one that was written" in damaged.said
    assert "--restart" in damaged.said
    monkeypatch.setenv("SLORA_RESTART", "yes")
    done = train(room, runs, *plain)
    assert done.status == 0, done.said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "."], "can't be read"),
        (["--config", "cp1252.yaml"], "no text in UTF-8"),
        (["--config", "nul.yaml"], "not valid YAML"),
        (["--config", "booleans.yaml"], "expected a number"),
        (["--config", "deep.yaml"], "nested too deep"),
        (["--set", "lora.targets=[to_q"], "key '--set'"),
        (["--set", "epochs"], "dotted.key=value"),
        (["--set", "optimizer.learnin_rate=1"], "did you mean 'learning_rate'"),
        (["--metadata", "data/metadata"], "not the metadata of a workspace"),
        (["--prompts", "."], "can't be read"),
        (["--output-root", "nul.yaml/x"], "nul.yaml"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_one_line(
    room: Workspace, tmp_path: Path, arguments: list[str], said: str
) -> None:
    for name, data in {
        "cp1252.yaml": b"# r\xe9glages\nepochs: 1\n",
        "nul.yaml": b"epochs: 1\x00\n",
        "booleans.yaml": b"epochs: true\n",
        "deep.yaml": b"epochs: " + b"[" * 5000,
    }.items():
        (tmp_path / name).write_bytes(data)
    given = [str(tmp_path / one) if one.endswith(".yaml") else one for one in arguments]
    given = [one.replace("nul.yaml/x", f"{tmp_path}/nul.yaml/x") for one in given]
    done = train(room, tmp_path / "runs", "--tracker", "none", *given)
    assert done.status == 1
    assert said in done.said and "Traceback" not in done.said
    (error,) = [line for line in done.said.splitlines() if line.startswith("error: ")]
    assert said in error
