"""A run's adapter beside its base, sampled, scored and judged at any strength: what is the same for
all strengths is loaded and drawn once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.validation_prompts import missing_prompts
from slora_assets.documents import (
    ADAPTER_FILE,
    RUN_CONFIG,
    RUN_RECORD,
    AsServed,
    FootageClip,
    GateDecision,
    HeldOut,
    PromptPair,
)
from slora_assets.provenance.records import read_adapter_record
from slora_assets.validation.both_sides import BothSides
from slora_assets.validation.clip_cache import MeasuredClip, measured
from slora_assets.validation.footage import DrawnFootage, draw_footage
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.gate.futility import hopeless
from slora_assets.validation.metrics.scorer import open_scorer
from slora_assets.validation.pairs import paired
from slora_assets.validation.question import Question
from slora_assets.validation.sampling import (
    Asked,
    Sample,
    Scoring,
    asked_with,
    new_scoring,
)


@dataclass(frozen=True)
class Judged:
    """One strength of an adapter: what was sampled, and what the gate says."""

    base: list[Sample]
    adapter: list[Sample]
    """As many as the base's, unless a clearly worse adapter was given up."""
    pairs: list[PromptPair]
    gate: GateDecision


class Judging:
    """A run's best adapter on its base. Everything that takes time asks whether to stop, and raises
    InterruptedRunError then. Made and used in one process."""

    def __init__(
        self,
        workspace: Workspace,
        run_folder: Path,
        question: Question,
        report: Callable[[str], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Raises IntegrityError when the adapter isn't the recorded one, MissingInputError."""
        self.question, self._report, self._should_stop = question, report, should_stop
        self._workspace = workspace
        self._run = question.record.run
        self.run_record = run_folder / RUN_RECORD
        adapter = run_folder / question.record.best.path
        self.adapter = read_adapter_record(adapter)
        self._settings = read_settings(run_folder / RUN_CONFIG, TrainingSettings)
        self.sides = BothSides(workspace, self._settings, adapter / ADAPTER_FILE, self.check)
        device = self.sides.device
        self._scorer = open_scorer(self._settings.scorer, workspace.models, device)

    @cached_property
    def footage(self) -> dict[str, list[DrawnFootage]]:
        """Scenario to its footage through the base's VAE."""
        self._say("measuring footage")
        clips, sides = self.question.clips, self.sides
        return draw_footage(self._workspace, sides.base, clips, sides.device, self.check)

    @cached_property
    def scoring(self) -> Scoring:
        """The scorer, with all that clips are held against."""
        return new_scoring(self.sides.base, self._scorer, self.footage, self.question.contrasts)

    @cached_property
    def footage_clips(self) -> list[FootageClip]:
        """The footage, scored."""
        shown = [clip for mine in self.footage.values() for clip in mine]
        return self.scoring.footage(shown)

    def at(self, serving: AsServed, design: bool = False) -> Judged:
        """Sample and judge at a strength. The base's clips come from the cache where they stand;
        the adapter's are drawn seed by seed, and no longer than it may still pass. `design` adds
        what this set of prompts can tell."""
        question, gate = self.question, self.question.gate
        rounds = [asked_with(question.prompts, [seed]) for seed in question.settings.seeds]
        self._say(f"sampling {len(question.prompts)} prompts with the base")
        base = [self._scored(one, self.sides.base_clips(one, serving)) for one in rounds]
        self._say(f"sampling {len(question.prompts)} prompts with the adapter at {serving.scale:g}")
        trusted, _ = self.trusted()
        adapter: list[Sample] = []
        shown: list[Sample] = []
        reasons: list[str] = []
        for asked, mine in zip(rounds, base, strict=True):
            drawn = self.sides.adapter_clips(asked, serving)
            adapter += self._scored(asked, measured(drawn, self.sides.base.geometry.fps))
            shown += mine
            if trusted and len(adapter) < sum(map(len, base)):
                reasons = hopeless(paired(shown, adapter, None), self.footage_clips, gate)
                if reasons:
                    self._say(f"given up after {len(adapter)} clips: {reasons[0]}")
                    break
        pairs = paired(shown, adapter, gate.same_clip)
        decision = self.decide(pairs, self.held_out(serving.scale), reasons, design)
        return Judged(shown, adapter, pairs, decision)

    def decide(
        self,
        pairs: Sequence[PromptPair],
        held_out: HeldOut | None,
        given_up: Sequence[str] = (),
        design: bool = False,
    ) -> GateDecision:
        """What the gate says of pairs that were measured, held against the footage."""
        question = self.question
        trusted, note = self.trusted()
        return judge(
            pairs,
            self.footage_clips,
            question.gate,
            trusted=trusted,
            untrusted_reason=note,
            advice=missing_prompts(question.settings, question.record.scenarios, question.clips),
            held_out=held_out,
            given_up=given_up,
            design=design,
        )

    def trusted(self) -> tuple[bool, str | None]:
        """May a verdict rest on the scores, and why not."""
        return self.scoring.trusted()

    def held_out(self, scale: float) -> HeldOut | None:
        """Loss of the held-out clips without the adapter and with it; null without such clips."""
        question, most = self.question, self._settings.validation.max_clips
        known = {clip.id for clip in question.record.clips if clip.split == "validation"}
        clips = [
            clip
            for clip in sorted(question.clips, key=lambda clip: clip.id)
            if clip.split == "validation" and clip.id in known
        ][:most]
        if not clips:
            return None
        base, adapter = self.sides.held_out_losses(clips, scale)
        share = question.gate.held_out_loss_share
        return HeldOut(base=base, adapter=adapter, limit=share * base, clips=len(clips))

    def _scored(self, asked: Sequence[Asked], clips: Sequence[MeasuredClip]) -> list[Sample]:
        self.check()
        return self.scoring.samples(asked, clips)

    def check(self) -> None:
        """Raise InterruptedRunError when asked to stop."""
        if self._should_stop():
            raise InterruptedRunError(
                f"{self._run}: validation stopped as asked", remedy="run it again"
            )

    def _say(self, text: str) -> None:
        self._report(f"{self._run}: {text}")
