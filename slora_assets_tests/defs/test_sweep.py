"""A sweep in the graph: each strength judged as the verdict is, and promotion takes its row."""

from __future__ import annotations

import numpy as np

from slora_assets.deployment.presets import read_presets
from slora_assets.provenance.records import read_verdict
from slora_assets.validation.swept import read_sweep
from slora_assets_tests.defs.shown import SCENARIO, SWEPT, Graph, pictures

STRENGTHS = [0.5, 0.85, 1.0]


def test_each_strength_is_shown_with_the_gates_answer_and_a_plot(graph: Graph) -> None:
    shown = graph.first.of("scale_sweep")
    assert [row["strength"] for row in shown["strengths"]] == STRENGTHS
    assert {row["answer"] for row in shown["strengths"]} == {"inconclusive"}, "two prompts"
    assert all("distinct clips" in row["reason"] for row in shown["strengths"])
    (plot,) = pictures(shown["plot"])
    assert np.asarray(plot.convert("L")).std() > 5, "something is drawn"
    assert shown["passes at"] == "no strength"
    assert (shown["cache"], graph.second.of("scale_sweep")["cache"]) == ("miss", "hit")


def test_at_the_presets_strength_a_sweep_says_what_the_verdict_says(graph: Graph) -> None:
    sweep, verdict = (read(graph.workspace, SCENARIO) for read in (read_sweep, read_verdict))
    rows = {row.scale: row for row in sweep.scales}
    assert rows[0.85].adapter_scores == verdict.adapter_scores
    assert rows[0.5].adapter_scores != verdict.adapter_scores
    assert sweep.base_scores == verdict.base_scores
    assert sweep.footage_scores == verdict.footage_scores


def test_promotion_serves_one_of_the_strengths_and_reaches_over_the_row(graph: Graph) -> None:
    preset = read_presets(graph.workspace.presets).presets[SCENARIO]
    assert (preset.scale_min, preset.scale_max) == (min(SWEPT), max(SWEPT))
    found = {
        row.scale: row.adapter_scores["clip_similarity"]
        for row in read_sweep(graph.workspace, SCENARIO).scales
    }
    assert preset.scale == max(found, key=lambda scale: found[scale])


def test_a_verdict_says_how_its_clips_were_sampled_and_what_became_of_other_prompts(
    graph: Graph,
) -> None:
    verdict = read_verdict(graph.workspace, SCENARIO)
    assert (verdict.served.scale, verdict.served.steps) == (0.85, 2)
    assert [row.asked for row in verdict.elsewhere] == ["stage", "neutral", "all of them"]
    assert verdict.gate.held_out is not None
    assert verdict.copies == 0
    samples = graph.workspace.validation(SCENARIO) / "samples"
    for folder in ("base", "adapter", "footage", "elsewhere/base", "elsewhere/adapter"):
        assert list((samples / folder).glob("*.mp4")), folder
