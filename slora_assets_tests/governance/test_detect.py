"""`slora detect` answers by whichever mark is left, and says whether they agree."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.store.artifact_store import ArtifactStore
from slora_assets.cli.commands import app
from slora_assets.config.workspace import Workspace
from slora_assets.documents import MadeWith
from slora_assets.footage.encode import write_mp4
from slora_assets.governance.detection.detect import detect
from slora_assets.marking.credentials import sign_video
from slora_assets.marking.watermark import embedded
from slora_assets.provenance import sha256_file
from slora_assets_tests.footage.signed import sign
from slora_assets_tests.marking.clips import generated, rendered, scaled, shown
from slora_assets_tests.workspaces import below, choose, rewrite

CAMERA = {"cawg.ai_training": {"use": "allowed"}}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return choose({"SLORA_WORKSPACE": str(tmp_path / "here")}, monkeypatch)


@pytest.fixture
def video(workspace: Workspace) -> Path:
    """One of three that were published."""
    store = ArtifactStore(workspace)
    names = [store.publish(rendered(number), 8, {"scenario": "stage"}).name for number in range(3)]
    return workspace.artifacts / names[1]


def _copied(source: Path, target: Path) -> None:
    """As `ffmpeg -c copy` does it."""
    import av

    with av.open(str(source)) as old, av.open(str(target), "w", format="mp4") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)


def test_a_published_file_shows_all_three(workspace: Workspace, video: Path) -> None:
    found = detect(workspace, video)
    assert found.layers == ["credentials", "watermark", "register"]
    assert found.agree is True
    assert found.register is not None
    assert found.register.by == "bytes"
    assert found.made_with is not None
    assert found.made_with.scenario == "stage"


def test_a_copy_without_credentials_is_known_by_the_others(
    workspace: Workspace, video: Path, tmp_path: Path
) -> None:
    _copied(video, tmp_path / "copy.mp4")
    found = detect(workspace, tmp_path / "copy.mp4")
    assert (found.layers, found.agree) == (["watermark", "register"], True)


@pytest.mark.parametrize("crf", [20, 28])
def test_one_that_was_encoded_anew_is_too(
    workspace: Workspace, video: Path, tmp_path: Path, crf: int
) -> None:
    write_mp4(tmp_path / "again.mp4", shown(video), 8, crf)
    found = detect(workspace, tmp_path / "again.mp4")
    assert (found.layers, found.agree) == (["watermark", "register"], True)


def test_a_clip_that_nobody_published_is_known_by_what_the_decoder_drew(
    workspace: Workspace, tmp_path: Path
) -> None:
    write_mp4(tmp_path / "unpublished.mp4", generated(0), 8)
    found = detect(workspace, tmp_path / "unpublished.mp4")
    assert (found.layers, found.agree, found.made_with) == (["decoder"], None, None)
    said = CliRunner().invoke(app, ["detect", str(tmp_path / "unpublished.mp4")])
    assert said.exit_code == 0
    assert "slora-miniature's drew it" in said.output


def test_without_a_watermark_credentials_and_register_answer(
    workspace: Workspace, video: Path, tmp_path: Path
) -> None:
    write_mp4(tmp_path / "plain.mp4", rendered(1), 8)
    sign_video(tmp_path / "plain.mp4", tmp_path / "signed.mp4", video.stem, MadeWith())
    found = detect(workspace, tmp_path / "signed.mp4")
    assert (found.layers, found.agree) == (["credentials", "register"], True)


def test_another_machine_without_the_register_has_the_other_two(
    video: Path, tmp_path: Path
) -> None:
    found = detect(below(tmp_path / "elsewhere"), video)
    assert (found.layers, found.agree) == (["credentials", "watermark"], True)


def test_with_two_layers_gone_the_last_one_answers(
    workspace: Workspace, video: Path, tmp_path: Path
) -> None:
    plain, copy = tmp_path / "plain.mp4", tmp_path / "copy.mp4"
    write_mp4(plain, scaled(rendered(1), 48, 32), 8)
    assert detect(workspace, plain).layers == ["register"]
    _copied(video, copy)
    elsewhere = below(tmp_path / "elsewhere")
    assert detect(elsewhere, copy).layers == ["watermark"]
    sign_video(plain, tmp_path / "signed.mp4", video.stem, MadeWith())
    assert detect(elsewhere, tmp_path / "signed.mp4").layers == ["credentials"]


def test_marks_of_two_videos_in_one_don_t_agree(
    workspace: Workspace, video: Path, tmp_path: Path
) -> None:
    plain, mixed = tmp_path / "plain.mp4", tmp_path / "mixed.mp4"
    write_mp4(plain, embedded(rendered(7), 12345), 8)
    sign_video(plain, mixed, video.stem, MadeWith())
    found = detect(workspace, mixed)
    assert (found.layers, found.agree) == (["credentials", "watermark", "register"], False)


def test_what_was_changed_after_signing_counts_for_nothing(
    workspace: Workspace, video: Path, tmp_path: Path
) -> None:
    entry = workspace.register / f"{video.stem}.json"
    rewrite(entry, lambda told: told["made_with"].update(scenario="kitchen"))
    assert detect(workspace, video).layers == ["credentials", "watermark"]
    shutil.copyfile(video, tmp_path / "bent.mp4")
    content = bytearray(video.read_bytes())
    content[content.index(b"mdat") + 40] ^= 1
    (tmp_path / "bent.mp4").write_bytes(content)
    assert "credentials" not in detect(workspace, tmp_path / "bent.mp4").layers


def test_a_camera_s_clip_is_not_called_generated(workspace: Workspace, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_mp4(clip, rendered(11), 8)
    assert detect(workspace, clip).layers == []
    sign(clip, "cawg.training-mining", CAMERA)
    found = detect(workspace, clip)
    assert found.layers == []
    assert found.credentials is not None
    assert (found.credentials.state, found.credentials.generated) == ("valid", False)


def test_the_command_ends_with_what_it_found(
    workspace: Workspace, video: Path, tmp_path: Path
) -> None:
    run = CliRunner()
    done = run.invoke(app, ["detect", str(video)])
    assert done.exit_code == 0
    assert "generated, by its credentials, watermark, register" in done.output
    told = json.loads(run.invoke(app, ["detect", str(video), "--json"]).output)
    assert told["found"] == ["credentials", "watermark", "register"]
    assert told["sha256"] == sha256_file(video)
    assert told["credentials"]["state"] == told["register"]["state"] == "trusted"
    assert told["watermark"]["id"] == video.stem[:8]
    write_mp4(tmp_path / "plain.mp4", rendered(11), 8)
    none = run.invoke(app, ["detect", str(tmp_path / "plain.mp4")])
    assert (none.exit_code, "no mark" in none.output) == (1, True)
    (tmp_path / "text.mp4").write_text("no video")
    text = run.invoke(app, ["detect", str(tmp_path / "text.mp4"), "--json"])
    assert (text.exit_code, json.loads(text.output)["found"]) == (1, [])
    assert run.invoke(app, ["detect", str(tmp_path / "gone.mp4")]).exit_code == 2
    assert run.invoke(app, ["detect"]).exit_code == 2
