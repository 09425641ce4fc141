"""Verdicts that their own measurements give: what promotion judges again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slora_assets.config.validation import GateSettings, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.documents import (
    VERDICT_FILE,
    FootageClip,
    PairedMeasurements,
    PromptPair,
    RunVerdict,
)
from slora_assets.provenance import write_json
from slora_assets.provenance.records import read_verdict
from slora_assets.validation.earned import PAIRS_FILE
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.question import question_of
from slora_assets_tests.judged_runs import write_manifest
from slora_assets_tests.on_record import put_run_on_record

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
    asked = [(prompt, seed) for prompt in question.prompts for seed in settings.seeds]
    measured = PairedMeasurements(
        pairs=[
            PromptPair(
                prompt_id=prompt.id,
                prompt=prompt.text,
                seed=seed,
                counts_as=prompt.id,
                base=dict.fromkeys(question.gate.guards, _SCORE),
                adapter=_scores(question.gate, answer, first=number == 0),
                base_frozen=False,
                adapter_frozen=answer == "fail",
                difference=0.2,
            )
            for number, (prompt, seed) in enumerate(asked)
        ],
        footage=[
            FootageClip(
                clip_id=f"clip {number}",
                split="validation",
                caption="a clip",
                scores=dict.fromkeys(question.gate.guards, _SCORE),
            )
            for number in range(8)
        ],
    )
    folder = workspace.validation(scenario)
    write_json(folder / PAIRS_FILE, measured.model_dump(mode="json"))
    before = read_verdict(workspace, scenario)
    gate = judge(
        measured.pairs,
        measured.footage,
        question.gate,
        trusted=before.scores_trusted,
        untrusted_reason=before.scores_note,
    )
    kept = before.model_dump(mode="json")
    found = kept | {"validation_hash": question.hash, "verdict": gate.model_dump(mode="json")}
    RunVerdict.model_validate(found)
    write_json(folder / VERDICT_FILE, found | dict(about or {}))
    put_run_on_record(workspace, scenario)


def _scores(gate: GateSettings, answer: str, first: bool) -> dict[str, float | None]:
    """Better than the base at everything; where nothing is to be concluded one isn't measured."""
    better = {
        name: _SCORE + (0.1 if guard.higher_is_better else -0.1)
        for name, guard in gate.guards.items()
    }
    lacks = next(iter(better)) if answer == "inconclusive" and first else None
    return {name: None if name == lacks else value for name, value in better.items()}
