"""`slora reproduce`: an adapter is made again from what its run wrote down, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slora_assets.cli.commands import app
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.documents import ENVIRONMENT, RUN_INPUTS, TrainedClip
from slora_assets.governance.reproduction.inputs import prepared_inputs
from slora_assets.governance.reproduction.reproduce import reproduce, run_of_adapter
from slora_assets.provenance import sha256_file
from slora_assets.provenance.records import read_run_record
from slora_assets_tests.governance.made import SCENARIO, adapter_of
from slora_assets_tests.workspaces import rewrite


@pytest.mark.slow
def test_an_adapter_whose_run_configuration_and_caches_are_gone_comes_out_equal(
    project: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the registry's copy alone: settings, metadata, caches and the run are taken away, and
    another number of threads is the machine's."""
    adapter = adapter_of(project)
    sha256, content = sha256_file(adapter), adapter.read_bytes()
    run_folder = run_of_adapter(project, sha256)
    assert run_folder == project.scenario_run(SCENARIO)
    registered = project.registry / sha256
    threads = read_run_record(run_folder).threads
    monkeypatch.setenv("OMP_NUM_THREADS", "1" if threads != 1 else "2")  # as elsewhere
    for folder in (run_folder, project.root / "data/prepared", project.metadata, project.configs):
        shutil.rmtree(folder)
    lines: list[str] = []
    made = reproduce(project, registered, tmp_path / "again", lines.append)
    assert [one.equal for one in made.adapters] == [True]
    [again] = made.folder.rglob(adapter.name)
    assert again.read_bytes() == content
    assert any("9 clips, recipe and prompts are laid out" in line for line in lines)


def test_an_adapter_that_comes_out_otherwise_is_told_and_ends_with_one(
    project: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, into = project.scenario_run(SCENARIO), tmp_path / "again"
    last_byte_differs = bytearray(adapter_of(project).read_bytes())
    last_byte_differs[-1] ^= 1

    def trained(_python: str, _command: list[str], fresh: Workspace, threads: int) -> None:
        assert threads == read_run_record(run).threads
        again = fresh.scenario_run(SCENARIO)
        shutil.copytree(run, again, dirs_exist_ok=True)
        (again / adapter_of(project).relative_to(run)).write_bytes(last_byte_differs)

    monkeypatch.setattr("slora_assets.governance.reproduction.reproduce._run", trained)
    told = CliRunner().invoke(app, ["reproduce", SCENARIO, "--into", str(into)])
    assert told.exit_code == 1, told.output
    assert f"{SCENARIO} epoch 2" in told.output
    assert "different" in told.output


def test_footage_that_is_gone_or_other_is_named_before_anything_is_made(
    project: Workspace, tmp_path: Path
) -> None:
    run = project.scenario_run(SCENARIO)
    record = read_run_record(run)
    [clip] = [one for one in record.clips if one.split == "train"][:1]
    file = project.raw("msr-vtt") / "videos" / f"{clip.id}.mp4"
    whole = file.read_bytes()
    file.write_bytes(whole + b"\0")
    with pytest.raises(IntegrityError, match="other bytes than the run was trained on") as caught:
        prepared_inputs(project, run, record, tmp_path / "one")
    assert caught.value.file == file
    file.unlink()
    with pytest.raises(MissingInputError, match="1 of 9 files of the footage are gone"):
        prepared_inputs(project, run, record, tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_what_can_not_be_made_again_says_why(project: Workspace, tmp_path: Path) -> None:
    run = project.scenario_run(SCENARIO)
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    record = read_run_record(run)
    with pytest.raises(IntegrityError, match="the folder isn't empty"):
        prepared_inputs(project, run, record, full)
    change = {"key": "optimizer.learning_rate", "before": 1, "after": 2, "step": 1}
    changed = record.model_copy(update={"changes": [change]})
    with pytest.raises(IntegrityError, match="can't be made again in one go"):
        prepared_inputs(project, run, changed, tmp_path / "new")
    shutil.rmtree(run / RUN_INPUTS)
    with pytest.raises(MissingInputError, match="doesn't hold what it was made from"):
        prepared_inputs(project, run, record, tmp_path / "new")


def test_packages_that_differ_from_the_runs_are_named(
    project: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = project.scenario_run(SCENARIO)
    packages = json.loads((run / ENVIRONMENT).read_text())
    assert {"torch", "dagster", "slora"} <= packages.keys()
    rewrite(run / ENVIRONMENT, lambda found: found.update({"torch": "1.0", "gone-package": "3"}))
    monkeypatch.setattr(
        "slora_assets.governance.reproduction.reproduce._run",
        lambda _python, _command, fresh, _threads: shutil.copytree(
            run, fresh.scenario_run(SCENARIO), dirs_exist_ok=True
        ),
    )
    made = reproduce(project, run, tmp_path / "again", lambda _: None)
    assert made.other_software.keys() == {"torch", "gone-package"}
    assert made.other_software["gone-package"] == ("3", None)


def test_records_say_what_each_clip_taught_and_with_which_code(project: Workspace) -> None:
    record = read_run_record(project.scenario_run(SCENARIO))
    clip: TrainedClip = record.clips[0]
    assert clip.prompts
    assert clip.source is not None
    assert record.threads in range(1, (os.cpu_count() or 1) + 1)
    assert record.code is not None
    assert len(record.code.package) == 64
