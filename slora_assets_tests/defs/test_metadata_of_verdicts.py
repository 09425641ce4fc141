"""What Dagster shows of verdicts and of what rests on them: reasons, scores, promotions, clips."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path

import av
import pytest
from PIL import Image

from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import UNIFIED
from slora_assets.provenance import object_hash, sha256_file
from slora_assets_tests.defs.shown import (
    ADAPTERS,
    NEUTRAL,
    SCENARIO,
    VERDICTS,
    WITHOUT_FOOTAGE,
    Graph,
    is_small_copy,
    pictures,
)


@pytest.mark.parametrize("asset", VERDICTS)
def test_a_verdict_shows_reasons_scores_and_what_they_rest_on(graph: Graph, asset: str) -> None:
    shown = graph.first.of(asset)
    folder = graph.workspace.validation(VERDICTS[asset])
    verdict = json.loads((folder / "verdict.json").read_text())
    gate = verdict["verdict"]
    assert shown["verdict"] == gate["verdict"] == "inconclusive"
    assert shown["reasons"].splitlines() == [f"- {reason}" for reason in gate["reasons"]]
    assert any(
        "2 distinct clips of each side, and a pass needs 32" in reason for reason in gate["reasons"]
    )
    for side in ("base", "adapter"):
        for name, score in verdict[f"{side}_scores"].items():
            assert shown.get(f"{side}_{name}") == score
    assert shown["clips"] == 2
    (adapter,) = (name for name, run in ADAPTERS.items() if run == VERDICTS[asset])
    assert shown["adapter_sha256"] == graph.first.of(adapter)["adapter_sha256"]
    assert graph.first.versions[asset] == sha256_file(folder / "verdict.json")
    assert shown["base_hash"] == graph.first.versions["base_model"]
    guarded = verdict["verdict"]["metrics"]["clip_similarity"]
    (row,) = shown["guarded"]
    assert (row["metric"], row["clips"]) == ("clip_similarity", guarded["n"])
    assert row["held_against"] == guarded["yardstick"] == "base"
    assert (row["unit"], row["better"]) == ("cosine, -1 to 1", "higher")
    assert row["mean_change"] == round(guarded["mean_delta"], 4)
    for side in ("base", "adapter", "footage"):
        assert row[side] == round(guarded[side], 4)
        assert guarded[side] == pytest.approx(verdict[f"{side}_scores"]["clip_similarity"])
    (sheet,) = pictures(shown["contact sheet"])
    assert is_small_copy(sheet, Image.open(shown["whole contact sheet"]))
    samples = list((Path(shown["all samples"]) / "adapter").glob("*.mp4"))
    assert len(pictures(shown["samples"])) == len(samples) == 2
    assert len(pictures(shown["footage"])) == 1
    assert list(Path(shown["all first frames"]).glob("*.png"))
    assert Path(shown["report"]).read_text().startswith(f"# Validation of {VERDICTS[asset]}")


@pytest.mark.parametrize("asset", VERDICTS)
def test_a_verdict_holds_everything_that_it_was_given_under(graph: Graph, asset: str) -> None:
    workspace, run = graph.workspace, VERDICTS[asset]
    verdict = json.loads((workspace.validation(run) / "verdict.json").read_text())
    settings = read_validation_prompts(workspace.validation_prompts)
    asked = verdict["question"]
    assert asked["gate"] == settings.gate.model_dump(mode="json")
    assert (asked["seeds"], asked["neutral"]) == (settings.seeds, [NEUTRAL])
    assert asked["adapter"] == verdict["adapter_sha256"]
    pairs = json.loads(workspace.judged_pairs(run).read_text())["pairs"]
    assert {one["text"] for one in asked["prompts"]} == {pair["prompt"] for pair in pairs}
    sweep = json.loads(workspace.sweep(SCENARIO).read_text())
    for record in (verdict, sweep):
        assert record["software"]["torch"] == version("torch")
        assert record["threads"] in range(1, (os.cpu_count() or 1) + 1)


def test_presets_show_what_a_person_promoted(graph: Graph) -> None:
    assert graph.first.of("inference_presets")["promoted"] == {}
    shown = graph.second.of("inference_presets")
    assert shown["promoted"] == {SCENARIO: graph.first.of("scenario_adapter")["adapter_sha256"]}
    assert graph.second.versions["inference_presets"] == sha256_file(Path(shown["file"]))


def test_the_summary_shows_a_row_for_every_run(graph: Graph) -> None:
    shown = graph.first.of("project_summary")
    assert shown["summary"] == Path(shown["file"]).read_text()
    document = json.loads((graph.workspace.summary / "summary.json").read_text())
    assert graph.first.versions["project_summary"] == object_hash(document)
    states = {SCENARIO: "inconclusive", UNIFIED: "inconclusive", WITHOUT_FOOTAGE: "too few clips"}
    for name, state in states.items():
        assert f"| {name} | {state} |" in shown["summary"]


def test_the_project_page_shows_a_clip_of_each_side_of_every_judged_run(graph: Graph) -> None:
    shown = graph.first.of("project_summary")["clips"]
    judged = [SCENARIO, UNIFIED]
    assert [name for name in judged if f"**{name}**" in shown] == judged
    assert WITHOUT_FOOTAGE not in shown
    for name, pair in zip(judged, pictures(shown), strict=True):
        samples = graph.workspace.validation(name) / "samples"
        clip = min((samples / "base").glob("*.mp4")).name
        assert clip.removesuffix(".mp4") in shown
        half = (pair.width - 4) // 2
        boxes = {"base": (0, 0), "adapter": (pair.width - half, 0)}
        for side, (left, top) in boxes.items():
            with av.open(str(samples / side / clip)) as video:
                first = next(video.decode(video=0)).to_image()
            seen = pair.convert("RGB").crop((left, top, left + half, pair.height))
            assert is_small_copy(seen, first), (name, side)
