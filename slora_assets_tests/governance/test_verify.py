"""`slora verify`: what was changed, exchanged, put back, cut off or taken away is named; what is
whole is not."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from slora_assets.cli.commands import app
from slora_assets.config.data import read_dataset
from slora_assets.config.workspace import Workspace
from slora_assets.curation.stage import curate
from slora_assets.deployment.changelog import change_heads
from slora_assets.deployment.promotion import demote
from slora_assets.deployment.signed import signed_preset_file
from slora_assets.documents import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    RUN_RECORD,
    VERDICT_FILE,
)
from slora_assets.footage.inventory import take_inventory
from slora_assets.governance.verification.verify import verify
from slora_assets.provenance import sha256_file
from slora_assets.provenance.keys import KEYS, public_key_file
from slora_assets.provenance.ledger import ledger_heads
from slora_assets.provenance.signatures import signature_of
from slora_assets.provenance.trust import trust
from slora_assets_tests.governance.made import SCENARIO, adapter_of, broken, one_of, video_of
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.workspaces import contents, rewrite

Find = Callable[[Workspace], Path]


def _registered(workspace: Workspace) -> Path:
    return workspace.registry / sha256_file(adapter_of(workspace))


ARTEFACTS: dict[str, Find] = {
    "footage": lambda w: one_of(w.raw("msr-vtt") / "videos", "*.mp4"),
    "inventory": lambda w: w.footage_inventory,
    "metadata": lambda w: w.scenario_metadata,
    "curation report": lambda w: w.curation_report,
    "manifest": lambda w: w.manifest(SCENARIO),
    "first frame": lambda w: one_of(w.frames("msr-vtt"), "*.png"),
    "index of frames": lambda w: w.first_frame_index(SCENARIO),
    "latent": lambda w: one_of(w.latents / SCENARIO, "*.npz"),
    "embedding": lambda w: one_of(w.text_embeddings, "*.npz"),
    "index of latents": lambda w: w.cache_index("latents", SCENARIO),
    "run record": lambda w: w.scenario_run(SCENARIO) / RUN_RECORD,
    "recipe": lambda w: w.scenario_run(SCENARIO) / "config.yaml",
    "environment": lambda w: w.scenario_run(SCENARIO) / "environment.json",
    "adapter": adapter_of,
    "adapter's record": lambda w: adapter_of(w).with_name(ADAPTER_RECORD),
    "epoch's sample": lambda w: one_of(w.scenario_run(SCENARIO), "*.mp4"),
    "verdict": lambda w: w.validation(SCENARIO) / VERDICT_FILE,
    "measurements": lambda w: w.validation(SCENARIO) / "pairs.json",
    "sample": lambda w: one_of(w.validation(SCENARIO) / "samples", "*.mp4"),
    "registered adapter": lambda w: _registered(w) / ADAPTER_FILE,
    "registered record": lambda w: _registered(w) / ADAPTER_RECORD,
    "kept run record": lambda w: _registered(w) / RUN_RECORD,
    "ledger": lambda w: w.ledger,
    "change log": lambda w: w.changelog,
    "video": video_of,
    "registered signature": lambda w: signature_of(_registered(w)),
    "verdict's signature": lambda w: signature_of(w.validation(SCENARIO) / VERDICT_FILE),
    "signed preset": lambda w: signed_preset_file(w, SCENARIO),
    "preset's signature": lambda w: signature_of(signed_preset_file(w, SCENARIO)),
    "ledger's head": lambda w: ledger_heads(w).files[0],
    "change log's head": lambda w: change_heads(w.changelog).files[0],
    "video's sidecar": lambda w: video_of(w).with_suffix(".json"),
    "video's entry in the register": lambda w: one_of(w.register, "*.json"),
}


def test_an_untouched_project_holds_from_every_artefact(project: Workspace) -> None:
    assert broken(project) == []
    for name, find in ARTEFACTS.items():
        assert broken(project, find(project)) == [], name


@pytest.mark.parametrize("command", [["verify"], ["verify", "--full"], ["lineage"], ["log"]])
def test_an_archive_that_may_only_be_read_can_be_looked_at(
    project: Workspace, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Mounted so, whoever asks; permissions would not stop root."""

    def refused(path: Path) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr("slora_assets.provenance.files.replacing", refused)
    before = contents(project.root)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output or done.exception
    assert contents(project.root) == before


@pytest.mark.parametrize("name", ARTEFACTS)
def test_one_other_byte_is_named_in_the_whole_and_at_the_file(
    project: Workspace, name: str
) -> None:
    file = ARTEFACTS[name](project)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    where = project.relative(file)
    assert any(where in line or file.name in line for line in broken(project)), name
    assert broken(project, file), name


@pytest.mark.parametrize("name", ARTEFACTS)
def test_what_is_gone_is_named(project: Workspace, name: str) -> None:
    file = ARTEFACTS[name](project)
    file.unlink()
    assert any(file.name in line for line in broken(project)), name


def test_an_edit_that_keeps_every_schema_is_named(project: Workspace) -> None:
    file = project.scenario_run(SCENARIO) / RUN_RECORD
    rewrite(file, lambda record: record["clips"].pop())
    assert any("changed after its stage wrote it" in line for line in broken(project))


def test_a_verdict_that_was_edited_recorded_and_signed_again_contradicts_its_own_scores(
    project: Workspace,
) -> None:
    file = project.validation(SCENARIO) / VERDICT_FILE
    before = verify(project, file).says
    assert before.endswith("; judged again")
    rewrite(file, lambda verdict: verdict["verdict"].update(verdict="pass"))
    put_run_on_record(project, SCENARIO)
    [line] = [one for one in broken(project, file) if VERDICT_FILE in one]
    assert "the verdict is not what its own scores give" in line
    asked = project.validation_prompts.read_text()
    project.validation_prompts.write_text(asked.replace("margin: 0.02", "margin: 0.03"))
    says = verify(project, file).says
    assert "not judged again: it was given under other settings" in says
    assert ".margin is 0.03, and was 0.02" in says


def test_two_arrays_that_change_places_are_named(project: Workspace) -> None:
    one, other = sorted((project.latents / SCENARIO).glob("*.npz"))[:2]
    contents = one.read_bytes(), other.read_bytes()
    other.write_bytes(contents[0])
    one.write_bytes(contents[1])
    assert len([line for line in broken(project) if "latents" in line]) == 2


def test_an_older_record_that_is_put_back_is_told_as_such(project: Workspace) -> None:
    old = project.scenario_metadata.read_bytes()
    dataset, scenarios = read_dataset(project.dataset_file)
    fewer = scenarios.model_copy(
        update={"scenarios": {k: v for k, v in scenarios.scenarios.items() if k != "stage"}}
    )
    curate(dataset, fewer, take_inventory(dataset, project), project)
    assert broken(project) == [], "a later version is no fault, in it nor in what was made before"
    project.scenario_metadata.write_bytes(old)
    [line] = [one for one in broken(project) if "scenario_metadata.json" in one]
    assert "an older version of it was put back" in line


def test_a_change_log_whose_end_was_cut_off_is_named(project: Workspace) -> None:
    whole = project.changelog.read_bytes()
    demote(project, SCENARIO, "Zoë", "worse than thought")
    project.changelog.write_bytes(whole)
    assert any("older version" in line for line in broken(project, project.changelog))


def test_a_ledger_that_was_cut_is_named_by_its_head_and_by_the_promotion_after_it(
    project: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = project.ledger.read_bytes().splitlines(keepends=True)
    project.ledger.write_bytes(b"".join(lines[:3]))
    assert any("the ledger was cut" in line for line in broken(project))
    ledger_heads(project).files[0].unlink()
    mine = public_key_file()
    monkeypatch.setenv(KEYS, str(tmp_path / "of a machine that never saw it"))
    trust(mine)
    assert any("cut or written anew" in line for line in broken(project, project.changelog))


def test_a_record_that_no_stage_wrote_is_named(project: Workspace) -> None:
    source, forged = project.validation(SCENARIO), project.validation("kitchen")
    shutil.copytree(source, forged)
    assert any("no stage put this file on record" in line for line in broken(project))


def test_size_and_time_are_believed_until_all_is_read(project: Workspace) -> None:
    assert broken(project) == []
    file = ARTEFACTS["footage"](project)
    stat, content = file.stat(), bytearray(file.read_bytes())
    content[-1] ^= 1
    with file.open("rb+") as stream:
        stream.write(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert broken(project, full=False) == []
    assert any(file.name in line for line in broken(project, full=True))


def test_the_command_prints_the_tree_names_the_first_fault_and_ends_with_one(
    project: Workspace,
) -> None:
    right = CliRunner().invoke(app, ["verify", str(adapter_of(project))])
    assert right.exit_code == 0, right.output
    assert "everything holds" in right.output
    assert "clips 9 of 9: with the recorded bytes" in right.output
    assert "base miniature: the same weights" in right.output
    ARTEFACTS["footage"](project).write_bytes(b"another video")
    wrong = CliRunner().invoke(app, ["verify", "--full", "--json"])
    assert wrong.exit_code == 1
    assert "videos/video0.mp4: its bytes are others than when it was read" in wrong.stderr
    assert json.loads(wrong.stdout)["what"] == "workspace"


def test_what_the_project_knows_nothing_of_is_no_artefact(project: Workspace) -> None:
    stranger = project.root / "notes.txt"
    stranger.write_text("hello")
    assert broken(project, stranger) == ["notes.txt: no record knows this file"]
