"""What a reviewer reads: the verdict with its numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slora_assets.config.validation import GateSettings, Guard
from slora_assets.documents import (
    AsServed,
    BaseIdentity,
    Elsewhere,
    FootageClip,
    GateDecision,
    HeldOut,
    PromptPair,
    RunVerdict,
)
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.report.markdown import validation_report
from slora_assets.validation.sampling import Sample, mean_metrics, mean_scores
from slora_assets_tests.validation.drawn_samples import (
    RED,
    moving_sample,
    sample,
    still,
    temporal_score,
)

GATE = GateSettings(
    guards={
        "clip_similarity": Guard(margin=0.02, improves=True),
        "temporal_consistency": Guard(margin=0.05),
    },
    min_clips=2,
    bootstrap_samples=100,
)
FOOTAGE = [
    FootageClip(
        clip_id=name, split="validation", caption="a clip", scores={"clip_similarity": 0.3125}
    )
    for name in ("one", "other")
]


def _decision(adapter_clip: float, prompts: int = 2, drawn_twice: bool = False) -> GateDecision:
    """The gate's own answer on pairs whose adapter scores `adapter_clip` against 0.25; of each
    prompt's clips there may be two that are the same."""
    pairs = [
        PromptPair(
            prompt_id=f"market_floor_{number:02d}",
            seed=1,
            counts_as=f"market_floor_{number - number % 2 if drawn_twice else number:02d}",
            base={"clip_similarity": 0.25, "temporal_consistency": 0.9},
            adapter={
                "clip_similarity": adapter_clip + number / 1000,
                "temporal_consistency": 0.91 - number / 1000,
            },
            base_frozen=False,
            adapter_frozen=False,
            difference=0.2,
        )
        for number in range(prompts)
    ]
    return judge(pairs, FOOTAGE, GATE, trusted=True, untrusted_reason=None)


def _verdict(
    gate: GateDecision, base: Sequence[Sample], adapter: Sequence[Sample], note: str | None = None
) -> RunVerdict:
    return RunVerdict(
        run="market_floor",
        run_hash="1" * 64,
        adapter_sha256="2" * 64,
        validation_hash="3" * 64,
        served=AsServed(scale=0.85, steps=2, guidance_scale=3.0),
        base=BaseIdentity(name="tiny", revision="r1", licence="MIT", trained=True, parts={}),
        scorer={},
        scores_trusted=note is None,
        scores_note=note,
        base_scores=mean_scores(base),
        adapter_scores=mean_scores(adapter),
        footage_scores=mean_metrics([clip.scores for clip in FOOTAGE]),
        gate=gate,
    )


def _rows(report: str, head: str) -> list[list[str]]:
    """The cells of the table whose first column is called `head`, without its two head lines."""
    lines = report.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@pytest.mark.parametrize(
    ("decision", "answer"),
    [
        (_decision(0.26), "pass"),
        (_decision(0.1), "fail"),
        (_decision(0.26, prompts=1), "inconclusive"),
    ],
)
def test_the_report_names_the_verdict_its_reasons_and_each_guarded_metric(
    decision: GateDecision, answer: str
) -> None:
    samples = [moving_sample()]
    verdict = _verdict(decision, samples, samples)
    report = validation_report(verdict, {"base": samples, "adapter": samples})
    assert f"**Verdict: {answer}**" in report
    assert report.startswith("# Validation of market_floor\n")
    for reason in decision.reasons:
        assert f"- {reason}\n" in report
    rows = {name: row for name, *row in _rows(report, "guarded metric")}
    assert set(rows) == set(GATE.guards)
    for name, (yardstick, change, lower, limit, prompts, better, *design) in rows.items():
        metric = decision.metrics[name]
        assert yardstick == GATE.guards[name].yardstick == "base"
        assert better == ("shown" if metric.improved else "-")
        assert design == ["-", "-"], "nobody simulated it"
        assert metric.mean_delta is not None
        assert float(change) == pytest.approx(metric.mean_delta, abs=1e-4)
        assert limit == f"above -{GATE.guards[name].margin:g}"
        assert int(prompts) == metric.n == decision.n_clips
        if metric.lower is None:
            assert lower == "-", "one prompt has no bound"
        else:
            assert float(lower) == pytest.approx(metric.lower, abs=1e-4)


def test_the_report_has_a_row_for_every_prompt_with_both_sides_scores() -> None:
    texts = [f"market number {number}" for number in range(5)]
    sides = {
        side: [moving_sample(text, similarity) for text in texts]
        for side, similarity in (("base", 0.25), ("adapter", 0.375))
    }
    report = validation_report(_verdict(_decision(0.26), **sides), sides)
    rows = _rows(report, "prompt")
    assert [prompt for prompt, *_ in rows] == texts
    consistency = sides["base"][0].temporal.temporal_consistency
    for _, base, adapter in rows:
        assert base == f"clip 0.250, temporal {consistency:.3f}"
        assert adapter.startswith("clip 0.375,")


def test_the_report_shows_means_of_base_adapter_and_footage_beside_each_other() -> None:
    sides = {
        side: [moving_sample(clip_similarity=similarity)]
        for side, similarity in (("base", 0.25), ("adapter", 0.375))
    }
    report = validation_report(_verdict(_decision(0.26), **sides), sides)
    rows = {name: row for name, *row in _rows(report, "mean of")}
    assert rows["clip_similarity"] == ["0.25", "0.375", "0.3125", "cosine, -1 to 1", "higher"]
    speed = f"{temporal_score(moving=True).motion_speed:.4g}"
    speeds = [speed, speed, "-"]
    assert rows["motion_speed"][:3] == speeds, "nobody measured the footage's"
    assert "held against 2 clips of footage that went through the base's VAE" in report


def test_the_report_names_prompts_that_count_as_one() -> None:
    samples = [moving_sample()]
    sides = {"base": samples, "adapter": samples}
    report = validation_report(
        _verdict(_decision(0.26, prompts=4, drawn_twice=True), **sides), sides
    )
    assert "2 distinct clips of each side" in report
    assert (
        "Clips that are nearly the same count as one: market_floor_00_1: market_floor_01_1; "
        "market_floor_02_1: market_floor_03_1." in report
    )
    assert "count as one" not in validation_report(_verdict(_decision(0.26), **sides), sides)


def test_a_frozen_clip_has_no_number_for_temporal_consistency() -> None:
    sides = {"base": [moving_sample()], "adapter": [sample(still(RED))]}
    assert sides["adapter"][0].metrics()["temporal_consistency"] is None
    report = validation_report(_verdict(_decision(0.26), **sides), sides)
    rows = {name: row for name, *row in _rows(report, "mean of")}
    for name in ("temporal_consistency", "steadiness", "motion_jitter"):
        assert rows[name][0] != "-" and rows[name][1] == "-"
    assert rows["motion_speed"][1] == "0"
    assert rows["frozen_samples"][:2] == ["0", "1"]
    ((_, base, adapter),) = _rows(report, "prompt")
    assert adapter.endswith("temporal frozen") and "frozen" not in base


@pytest.mark.parametrize("note", [None, "the scorer is not fully trained"])
def test_scores_that_say_nothing_about_quality_are_called_so(note: str | None) -> None:
    samples = [moving_sample()]
    sides = {"base": samples, "adapter": samples}
    report = validation_report(_verdict(_decision(0.26), samples, samples, note), sides)
    assert ("> Scores are not quality scores" in report) is (note is not None)
    assert note is None or note in report


@pytest.mark.parametrize("text", ["cart | stall", "a `cart`", "a <b>cart</b>"])
def test_no_prompt_breaks_out_of_its_row(text: str) -> None:
    samples = [moving_sample(text)]
    sides = {"base": samples, "adapter": samples}
    report = validation_report(_verdict(_decision(0.26), samples, samples), sides)
    assert f"| {text} |" not in report


def test_what_was_forgotten_copied_and_held_out_stands_in_the_report() -> None:
    gate = _decision(0.26).model_copy(
        update={"held_out": HeldOut(base=0.5, adapter=0.4, limit=0.5, clips=3)}
    )
    samples = [moving_sample()]
    row = Elsewhere(
        asked="kitchen",
        n_clips=2,
        base=0.5,
        adapter=0.25,
        mean_delta=-0.25,
        lower=-0.5,
        upper=0.1,
    )
    verdict = _verdict(gate, samples, samples).model_copy(update={"elsewhere": [row], "copies": 0})
    report = validation_report(verdict, {"base": samples, "adapter": samples})
    assert "Loss of 3 held-out clips: 0.5000 without the adapter, 0.4000 with it." in report
    (cells,) = _rows(report, "CLIP similarity on prompts of")
    assert cells == ["kitchen", "0.5000", "0.2500", "-0.2500 (-0.5000 to +0.1000)", "2"]
    assert "Of 1 clips none copies a clip that was trained on" in report
    assert "at strength 0.85, 2 steps and guidance 3" in report
