"""Why a verdict is no longer the one that a validation would give now, in words and numbers."""

from __future__ import annotations

from slora_assets.documents import RunVerdict
from slora_assets.validation.question import Question


def outdated_because(verdict: RunVerdict, question: Question) -> list[str]:
    """The reasons; none while the verdict answers this very question."""
    record, serving = question.record, question.serving
    covered = serving.covers(verdict.adapter_sha256, verdict.served.scale)
    if covered and verdict.validation_hash == question.hash:
        return []
    reasons = []
    if verdict.adapter_sha256 != record.best.sha256:
        reasons.append(
            f"it is about adapter {verdict.adapter_sha256[:12]}, and the run's best is"
            f" {record.best.sha256[:12]} of epoch {record.best.epoch}"
        )
    elif verdict.run_hash != record.run_hash:
        reasons.append("it is about an earlier run that ended in the same weights")
    if not covered:
        reasons.append(
            f"it is about strength {verdict.served.scale:g}, and the preset's is {serving.scale:g}"
        )
    asked = len(question.prompts) * len(question.settings.seeds)
    rests_on = verdict.base_scores.get("samples")
    if rests_on not in (None, asked) and not verdict.gate.given_up:
        reasons.append(f"it rests on {rests_on} clips of each side, and {asked} are asked")
    return reasons or [
        "prompts, seeds, footage, presets, the gate's settings or its code are others"
    ]
