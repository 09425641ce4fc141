"""Why a verdict is no longer the one that a validation would give now, in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from slora_assets.config.validation import ValidationPrompts
from slora_assets.curation.validation_prompts import Prompt
from slora_assets.documents import Clip, RunRecord, RunVerdict
from slora_assets.validation.standing import validation_hash


def outdated_because(
    verdict: RunVerdict,
    record: RunRecord,
    prompts: ValidationPrompts,
    asked: Sequence[Prompt],
    clips: Sequence[Clip],
) -> list[str]:
    """The reasons; none while the verdict is about this run's best adapter, asked `asked` and held
    against the footage of `clips`."""
    if verdict.validation_hash == validation_hash(record, prompts, list(asked), clips):
        return []
    reasons = []
    if verdict.adapter_sha256 != record.best.sha256:
        reasons.append(
            f"it is about adapter {verdict.adapter_sha256[:12]}, and the run's best is"
            f" {record.best.sha256[:12]} of epoch {record.best.epoch}"
        )
    elif verdict.run_hash != record.run_hash:
        reasons.append("it is about an earlier run that ended in the same weights")
    rests_on, wanted = verdict.base_scores["samples"], len(asked) * len(prompts.seeds)
    if rests_on != wanted:
        reasons.append(f"it rests on {rests_on} clips of each side, and {wanted} are asked")
    return reasons or ["prompts, seeds, footage, the gate's settings or its code are others"]
