"""`slora lineage`: from a clip to all that it taught, and back from each of these to its source."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from slora_assets.cli.commands import app
from slora_assets.config.errors import MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.documents import Clip, registered_path
from slora_assets.governance.lineage.asked import nodes_meant
from slora_assets.governance.lineage.graph import graph_of
from slora_assets.governance.lineage.shown import as_svg
from slora_assets.provenance import sha256_file
from slora_assets_tests.governance.made import SCENARIO, adapter_of, video_of


def _around(workspace: Workspace, asked: str) -> dict[str, set[str]]:
    graph = graph_of(workspace)
    found: dict[str, set[str]] = {}
    for node in graph.around(nodes_meant(graph, workspace, asked)):
        found.setdefault(node.kind, set()).add(node.name)
    return found


def _clips(workspace: Workspace, *splits: str) -> list[Clip]:
    clips = read_manifest(workspace.manifest(SCENARIO)).clips
    return [clip for clip in clips if clip.split in splits]


def test_a_trained_clip_leads_to_the_adapter_its_verdict_preset_and_video(
    project: Workspace,
) -> None:
    clip = _clips(project, "train")[0]
    found = _around(project, clip.id)
    assert found == {
        "source": {clip.source_group},
        "clip": {clip.id},
        "adapter": {sha256_file(adapter_of(project))},
        "verdict": {SCENARIO},
        "preset": {SCENARIO},
        "video": {video_of(project).name},
    }
    assert _around(project, str(project.root / clip.path)) == found


def test_a_clip_kept_for_testing_taught_nothing(project: Workspace) -> None:
    clip = _clips(project, "test")[0]
    assert _around(project, clip.id).keys() == {"source", "clip"}


def test_a_video_leads_back_to_exactly_the_clips_that_taught_it(project: Workspace) -> None:
    found = _around(project, str(video_of(project)))
    read = _clips(project, "train", "validation")
    assert found["clip"] == {clip.id for clip in read}
    assert found["source"] == {clip.source_group for clip in read}
    assert "preset" not in found, "which is made of the adapter, not of the video"


def test_an_adapter_is_meant_by_hash_file_folder_and_registered_copy(project: Workspace) -> None:
    adapter = adapter_of(project)
    sha256 = sha256_file(adapter)
    wanted = _around(project, sha256)
    registered = project.root / registered_path(sha256)
    for asked in (sha256[:8], str(adapter), str(adapter.parent)):
        assert _around(project, asked) == wanted, asked
    assert _around(project, str(registered)) == wanted


def test_a_source_is_meant_in_every_spelling(project: Workspace) -> None:
    source = _clips(project, "train")[0].source_group
    other = source.replace("https://", "http://www.") + "&t=9"
    assert _around(project, other)["source"] == {source}


def test_what_nobody_knows_is_refused(project: Workspace) -> None:
    with pytest.raises(MissingInputError, match="nothing of this name is known"):
        _around(project, "video999")


def test_an_adapter_keeps_its_lineage_when_its_run_is_gone(project: Workspace) -> None:
    """What the registry keeps says what a served adapter was trained on."""
    sha256 = sha256_file(adapter_of(project))
    before = _around(project, sha256)
    run = project.scenario_run(SCENARIO)
    run.rename(run.with_name(".gone"))
    after = _around(project, sha256)
    assert after["clip"] == before["clip"]
    assert after["preset"] == {SCENARIO}


def test_the_command_prints_a_table_json_and_a_picture(project: Workspace, tmp_path: Path) -> None:
    clip, picture = _clips(project, "train")[0], tmp_path / "lineage.svg"
    told = CliRunner().invoke(app, ["lineage", clip.id, "--svg", str(picture)])
    assert told.exit_code == 0, told.output
    assert "Apache-2.0" in told.output
    texts = {one.text for one in ElementTree.parse(picture).iter() if one.text}
    assert {"clips (1)", "videos (1)", clip.id} <= texts
    document = json.loads(CliRunner().invoke(app, ["lineage", clip.id, "--json"]).output)
    adapter = f"adapter:{sha256_file(adapter_of(project))}"
    assert [adapter, f"clip:{clip.id}"] in document["made_from"]


def test_a_picture_says_how_much_it_leaves_out(project: Workspace) -> None:
    graph = graph_of(project)
    clip = next(node for node in graph.nodes.values() if node.kind == "clip")
    many = [clip.__class__("clip", f"<clip {n}>") for n in range(100)]
    drawn = as_svg(graph, many)
    assert "and 40 more" in drawn
    assert ElementTree.fromstring(drawn) is not None, "names are escaped"
