"""Verdicts and sweeps that their own measurements give: what promotion judges again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slora_assets.config.validation import GateSettings, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    DEFAULT_SPEED,
    VERDICT_FILE,
    Answer,
    FootageClip,
    MeasuredScale,
    PairedMeasurements,
    PromptPair,
    RunVerdict,
    ScaleSweep,
    SweptMeasurements,
    SweptScale,
)
from slora_assets.provenance import sha256_file, write_json
from slora_assets.provenance.records import read_verdict
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.question import Question, question_of
from slora_assets.validation.swept import sweep_hash
from slora_assets_tests.judged_runs import write_manifest
from slora_assets_tests.on_record import put_run_on_record, put_sweep_on_record

_SCORE = 0.5


def earn(
    workspace: Workspace, scenario: str, answer: str, about: Mapping[str, Any] | None = None
) -> None:
    """Give a finished run measurements of all its prompts, and the verdict on them, with the keys
    in `about` changed. `inconclusive` is what scores are that nobody trusts, or too few of them."""
    if not workspace.manifest(scenario).is_file():
        write_manifest(workspace, scenario)
    settings = read_validation_prompts(workspace.validation_prompts)
    question = question_of(workspace, workspace.scenario_run(scenario), settings)
    measured = PairedMeasurements(pairs=_pairs(question, answer), footage=_footage(question))
    folder = workspace.validation(scenario)
    write_json(workspace.judged_pairs(scenario), measured.model_dump(mode="json"))
    before = read_verdict(workspace, scenario)
    gate = judge(
        measured.pairs,
        measured.footage,
        question.gate,
        trusted=before.scores_trusted,
        untrusted_reason=before.scores_note,
    )
    kept = before.model_dump(mode="json")
    found = kept | {
        "validation_hash": question.hash,
        "question": question.told.model_dump(mode="json"),
        "verdict": gate.model_dump(mode="json"),
    }
    RunVerdict.model_validate(found)
    write_json(folder / VERDICT_FILE, found | dict(about or {}))
    put_run_on_record(workspace, scenario)


def write_sweep(
    workspace: Workspace,
    scenario: str,
    answers: Mapping[float, Answer],
    best: float | None = None,
    adapter: str | None = None,
    others: Mapping[tuple[float, str], Answer] | None = None,
) -> None:
    """A standing sweep of a finished run with these answers and what they rest on; all metrics rise
    with strength, or are best at `best`. `adapter` is another one's hash; `others` are answers at a
    strength with another speed preset than the default."""
    settings = read_validation_prompts(workspace.validation_prompts)
    question = question_of(workspace, workspace.scenario_run(scenario), settings)
    rows = [(scale, DEFAULT_SPEED, answer) for scale, answer in sorted(answers.items())]
    rows += [(scale, speed, answer) for (scale, speed), answer in (others or {}).items()]
    rises = {one: 0.01 * (one if best is None else -abs(one - best)) for one, *_ in rows}
    measured = SweptMeasurements(
        footage=_footage(question),
        scales=[
            MeasuredScale(
                scale=scale,
                speed=speed,
                pairs=_pairs(question, answer, rises[scale]),
                held_out=None,
                given_up=False,
            )
            for scale, speed, answer in rows
        ],
    )
    pairs = workspace.swept_pairs(scenario)
    write_json(pairs, measured.model_dump(mode="json"))
    document = ScaleSweep(
        run=scenario,
        adapter_sha256=adapter or question.record.best.sha256,
        pairs_sha256=sha256_file(pairs),
        sweep_hash=sweep_hash(workspace, question),
        base_scores={},
        footage_scores={},
        scales=[
            SweptScale(
                scale=scale,
                speed=speed,
                answer=answer,
                reasons=[],
                adapter_scores={},
                metrics={},
                n_clips=32,
            )
            for scale, speed, answer in rows
        ],
    )
    write_json(workspace.sweep(scenario), document.model_dump(mode="json"))
    put_sweep_on_record(workspace, scenario)


def _pairs(question: Question, answer: str, rise: float = 0.0) -> list[PromptPair]:
    asked = [(prompt, seed) for prompt in question.prompts for seed in question.settings.seeds]
    return [
        PromptPair(
            prompt_id=prompt.id,
            prompt=prompt.text,
            seed=seed,
            counts_as=prompt.id,
            base=dict.fromkeys(question.gate.guards, _SCORE),
            adapter=_scores(question.gate, answer, number == 0, rise),
            base_frozen=False,
            adapter_frozen=answer == "fail",
            difference=0.2,
        )
        for number, (prompt, seed) in enumerate(asked)
    ]


def _footage(question: Question) -> list[FootageClip]:
    return [
        FootageClip(
            clip_id=f"clip {number}",
            split="validation",
            caption="a clip",
            scores=dict.fromkeys(question.gate.guards, _SCORE),
        )
        for number in range(8)
    ]


def _scores(gate: GateSettings, answer: str, first: bool, rise: float) -> dict[str, float | None]:
    """Better than the base at everything, by `rise` more than usual; where nothing is to be
    concluded one isn't measured."""
    better = {
        name: _SCORE + (0.1 + rise if guard.higher_is_better else -0.1 - rise)
        for name, guard in gate.guards.items()
    }
    lacks = next(iter(better)) if answer == "inconclusive" and first else None
    return {name: None if name == lacks else value for name, value in better.items()}
