"""What a takedown erases, what it leaves alone, and that it goes on wherever it was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slora_assets.caches.shard_erasure import all_shards
from slora_assets.cli import main
from slora_assets.config.workspace import Workspace
from slora_assets.governance.takedown import stage
from slora_assets.governance.takedown.stage import take_down
from slora_assets.governance.takedown.status import left_lines, what_is_left
from slora_assets.governance.verification.verify import verify
from slora_assets.provenance import sha256_bytes
from slora_assets.provenance.ledger import last_records, refuse_changed
from slora_assets_tests.governance.takedown.harbour import (
    CAPTIONS,
    adapter_of,
    add,
    copied,
    curated,
    harbour,
    ids,
    leave_traces,
    move_into_shards,
    picture,
    sort,
)
from slora_assets_tests.workspaces import contents


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """With everything that stages make of each clip."""
    with pytest.MonkeyPatch.context() as patch:
        workspace = harbour(tmp_path_factory.mktemp("harbour"), patch)
        leave_traces(workspace)
    return workspace


@pytest.fixture
def workspace(made: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return copied(made, tmp_path / "copy", monkeypatch)


def take(workspace: Workspace, what: str = "boat", **more: bool) -> None:
    take_down(workspace, what, "Ada", "its owner asks", **more)


def files_of(workspace: Workspace) -> set[str]:
    """Everything but what only remembers what was looked at."""
    found = {path.relative_to(workspace.root).as_posix() for path in contents(workspace.root)}
    return {name for name in found if not Path(name).name.startswith(".")}


def test_exactly_its_own_traces_go(workspace: Workspace) -> None:
    (clip,) = (one for one in curated(workspace).clips if one.id == "boat")
    before = files_of(workspace)
    footage = contents(workspace.root / "footage")
    take(workspace)
    after = files_of(workspace)
    prompt = sha256_bytes(clip.prompts[0].encode())
    measured = {name for name in before - after if "/measured_clips/" in name}
    assert before - after - measured == {
        clip.first_frame,
        clip.latent,
        f"data/prepared/text/{'0b' * 8}/{prompt}.npz",
        "checkpoints/lora_unified/sample_epoch_2/harbour_00_1.mp4",
        "checkpoints/scenario_loras/harbour/sample_epoch_2/harbour_00_1.mp4",
        "outputs/reports/harbour.html",
        "outputs/reports/index.html",
        "outputs/reports/lora_unified.html",
        *(
            f"outputs/validation/{run}/{name}"
            for run in ("harbour", "lora_unified")
            for name in (
                "contact_sheet.png",
                "samples/adapter/harbour_00_1.mp4",
                "samples/footage/boat.mp4",
            )
        ),
    }
    assert len(measured) == 2  # its own clip, and the base's of its prompt
    assert after - before == {"data/takedowns.jsonl", "data/takedowns.head.json"} | {
        "checkpoints/takedowns.head.json"
    }
    assert contents(workspace.root / "footage") == footage
    index = json.loads(workspace.first_frame_index("harbour").read_text())
    assert index["frames"].keys() == {"ferry", "held_out_ship"}


def test_the_ledger_knows_what_was_erased_and_nothing_looks_broken(workspace: Workspace) -> None:
    take(workspace)
    for name, last in last_records(workspace).items():
        refuse_changed(workspace, workspace.absolute(name), remedy="")
        assert not any("boat" in file for file in last.files)
    erased = [name for name, last in last_records(workspace).items() if last.sha256 is None]
    assert erased == ["outputs/reports/harbour.html", "outputs/reports/lora_unified.html"]
    for cache in ("latents", "prompt_embeddings"):
        index = workspace.cache_index(cache, "harbour").read_text()
        assert "ferry" in index and "boat" not in index


def test_a_prompt_that_others_have_too_keeps_its_embedding_and_samples(
    workspace: Workspace,
) -> None:
    add(workspace.root, "tug", CAPTIONS["boat"], picture(40))
    sort(workspace)
    take(workspace)
    (clip,) = (one for one in curated(workspace).clips if one.id == "tug")
    prompt = sha256_bytes(clip.prompts[0].encode())
    assert (workspace.text_embeddings / ("0b" * 8) / f"{prompt}.npz").is_file()
    assert (workspace.validation("harbour") / "samples/adapter/harbour_00_1.mp4").is_file()
    assert not (workspace.validation("harbour") / "samples/footage/boat.mp4").exists()


def test_a_latent_under_another_name_or_of_another_scenario_goes_by_its_content(
    workspace: Workspace,
) -> None:
    latent = workspace.latents / "harbour" / "boat.npz"
    elsewhere = workspace.latents / "old_scenario" / "vessel.npz"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(latent.read_bytes())
    latent.write_bytes(b"torn")
    take(workspace)
    assert not elsewhere.exists() and not latent.exists()
    assert (workspace.latents / "harbour" / "ferry.npz").is_file()


def test_what_lies_in_shards_goes_and_its_neighbours_keep_their_bytes(workspace: Workspace) -> None:
    (clip,) = (one for one in curated(workspace).clips if one.id == "boat")
    text = sha256_bytes(clip.prompts[0].encode())
    move_into_shards(workspace)
    torn = workspace.latents / "old_scenario" / "shards" / "torn.safetensors"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"nobody knows of whom")
    before = _arrays(workspace)
    old = [shard.path for shard in all_shards(workspace.latents) if "boat" in shard.entries]
    take(workspace)
    assert before.keys() - _arrays(workspace).keys() == {"boat", text}
    assert _arrays(workspace).items() <= before.items()
    assert not any(path.exists() for path in (*old, torn))
    assert what_is_left(workspace).traces == {}
    for cache in ("latents", "prompt_embeddings"):
        index = workspace.cache_index(cache, "harbour")
        assert "ferry" in index.read_text() and "boat" not in index.read_text()
        assert list(verify(workspace, index, far=False).broken()) == []


def _arrays(workspace: Workspace) -> dict[str, bytes]:
    shards = (*all_shards(workspace.latents), *all_shards(workspace.text_embeddings))
    return {name: one.read(name).tobytes() for one in shards for name in one.entries}


def test_footage_is_deleted_only_when_told_to(workspace: Workspace) -> None:
    take(workspace)
    assert what_is_left(workspace).footage == ["footage/boat.mp4"]
    take(workspace, delete_footage=True)
    assert not (workspace.root / "footage" / "boat.mp4").exists()
    assert what_is_left(workspace).footage == []
    assert ids(workspace) == CAPTIONS.keys() - {"boat"}
    assert len(list((workspace.root / "footage").glob("*.mp4"))) == len(CAPTIONS) - 1


@pytest.mark.parametrize("at", ["_curate", "erase", "unlink"])
def test_an_interrupted_takedown_goes_on(
    workspace: Workspace, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if at == "unlink":  # after some files have gone
            patch.setattr(stage, "write_json", stop)
        else:
            patch.setattr(stage, at, stop)
        with pytest.raises(KeyboardInterrupt):
            take(workspace)
    take(workspace)
    left = what_is_left(workspace)
    assert (left.traces, left.curated) == ({}, [])
    assert len(left.takedowns) == 1
    assert ids(workspace) == CAPTIONS.keys() - {"boat"}


def test_the_status_says_what_is_left(workspace: Workspace) -> None:
    assert left_lines(what_is_left(workspace), workspace) == ["nothing was ever taken down"]
    take(workspace)
    left = what_is_left(workspace)
    assert left.runs == ["checkpoints/lora_unified", "checkpoints/scenario_loras/harbour"]
    assert left.adapters == [f"{run}/adapters/epoch_2" for run in left.runs]
    said = "\n".join(left_lines(left, workspace))
    for words in ("boat (1 clips) by Ada: its owner asks", "footage/boat.mp4", "make data"):
        assert words in said
    assert adapter_of(workspace, "harbour") in left.takedowns[0].adapters
    assert adapter_of(workspace, "beach") not in left.takedowns[0].adapters


def test_a_prompt_that_a_person_wrote_like_its_caption_is_told(workspace: Workspace) -> None:
    (clip,) = (one for one in curated(workspace).clips if one.id == "boat")
    text = workspace.validation_prompts.read_text()
    written = f"  harbour: {{prompts: ['{clip.prompts[0]}']}}\n"
    workspace.validation_prompts.write_text(text.replace("scenarios:\n", f"scenarios:\n{written}"))
    take(workspace)
    assert what_is_left(workspace).prompts == ["harbour_00"]


def test_the_command_takes_down_and_says_so(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slora(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["slora", "takedown", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    status, said = slora("nobody", "--by", "Ada", "--reason", "asked")
    assert status != 0 and "'nobody'" in said
    status, said = slora("boat")
    assert status != 0 and "signed and has a reason" in said
    assert slora()[0] != 0
    status, said = slora("boat", "--by", "Ada", "--reason", "its owner asks")
    assert status == 0
    assert "boat: taken down" in said and "erased: 1 latents" in said
    status, said = slora("--status")
    assert status == 0 and "tainted adapters" in said
    assert slora("boat", "--by", "Ada", "--reason", "again")[1].startswith(
        "boat: was taken down already"
    )
