"""Why a finished run is no longer the one that a training would make now, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slora_assets.documents import Clip, RunRecord, TrainedClip
from slora_assets.training.plan import RunPlan


@dataclass(frozen=True)
class ClipChanges:
    """The clips of a plan against those that a run was trained and measured on."""

    now: int
    new: int
    gone: int
    changed: int
    """Other content, or on another side of the split."""

    def __str__(self) -> str:
        if self.new == self.gone == self.changed == 0:
            return f"its {self.now} clips have other prompts or start elsewhere"
        told = f"{self.new} new, {self.changed} changed, {self.gone} gone"
        return f"there are {self.now} clips now ({told})"


def clip_changes(trained: Iterable[TrainedClip], now: Iterable[Clip]) -> ClipChanges:
    """Count what became of a run's clips."""
    before = {clip.id: (clip.sha256, clip.split) for clip in trained}
    after = {clip.id: (clip.sha256, clip.split) for clip in now}
    return ClipChanges(
        now=len(after),
        new=len(after.keys() - before.keys()),
        gone=len(before.keys() - after.keys()),
        changed=sum(before[name] != after[name] for name in before.keys() & after.keys()),
    )


def outdated_because(record: RunRecord, plan: RunPlan) -> list[str]:
    """The reasons; none while the run is the very one that the plan asks for."""
    if record.run_hash == plan.run_hash:
        return []
    reasons = []
    if record.dataset_hash != plan.data.dataset_hash:
        reasons.append(str(clip_changes(record.clips, plan.data.clips)))
    if record.config_hash != plan.config_hash:
        reasons.append(_recipe(record, plan))
    base = plan.identity
    if record.base != base.model_dump(mode="json"):
        before = f"{record.base.get('name')} {record.base.get('revision')}"
        reasons.append(f"the base is {base.name} {base.revision}, and was {before}")
    if record.scorer != plan.scorer:
        reasons.append("the scorer is another")
    return reasons or ["its sampled prompts, their seeds or the training's code are others"]


def _recipe(record: RunRecord, plan: RunPlan) -> str:
    before, now = record.config_difference, plan.settings.difference()
    keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return f"the recipe differs in {', '.join(keys)}" if keys else "the default recipe is another"
