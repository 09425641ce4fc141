"""What an epoch of a run is worth: held-out loss, sampled clips and their scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.training.lockstep import Lockstep, Pass
from slora_assets.training.loop import Trainer
from slora_assets.training.plan import RunPlan
from slora_assets.validation.held_out import HeldOutClip, HeldOutLoss, held_out_loss
from slora_assets.validation.sampling import (
    Drawing,
    Sampler,
    mean_scores,
    motion_reference,
    sample_prompts,
    save_samples,
)
from slora_assets.validation.scorer import open_scorer


class Measuring:
    """Measures the trainer's model as it is; scorer and references are loaded once for all
    epochs."""

    def __init__(
        self,
        plan: RunPlan,
        workspace: Workspace,
        trainer: Trainer,
        lockstep: Lockstep,
        should_stop: Callable[[], bool],
    ) -> None:
        self._plan, self._workspace, self._trainer = plan, workspace, trainer
        self._lockstep, self._should_stop = lockstep, should_stop

    def scores(self, epoch: int, loss: HeldOutLoss) -> dict[str, Any]:
        """Held-out loss and mean sample scores; the clips stay in `sample_epoch_<epoch>`.

        Raises InterruptedRunError between two sampling steps when asked to stop.
        """
        plan, sampler = self._plan, self._sampler
        self._lockstep.announce(Pass.SAMPLES)
        pipeline = self._pipeline()
        samples = sample_prompts(sampler, pipeline, plan.prompts, plan.seeds, self._on_step)
        save_samples(plan.partial / f"sample_epoch_{epoch}", samples, plan.base.geometry.fps)
        return mean_scores(samples) | {
            "held_out_loss": loss.mean,
            "held_out_by_quantile": loss.by_quantile,
        }

    def draw_along(self) -> None:
        """Draw the clips of `scores`, in a process other than the first."""
        self._drawing.clips(self._pipeline(), self._plan.prompts, self._plan.seeds, self._on_step)

    def _pipeline(self) -> Any:
        trainer = self._trainer
        trainer.transformer.eval()
        return self._plan.base.pipeline(
            str(trainer.device), trainer.dtype, trainer.transformer, text=False
        )

    def _on_step(self, _done: int, _total: int) -> None:
        if self._lockstep.any_of(self._should_stop()):
            raise InterruptedRunError(
                "stopped while sampling, as asked; the training is checkpointed",
                remedy="the same command goes on from there",
            )

    def trusted(self) -> tuple[bool, str | None]:
        """Whether the scores mean anything; and a note for people, if there is one."""
        return self._sampler.trusted()

    def held_out(self) -> HeldOutLoss:
        """The model's loss on the held-out clips."""
        plan = self._plan
        self._lockstep.announce(Pass.HELD_OUT)
        clips = [
            HeldOutClip(
                clip.id,
                self._trainer.samples.moments(clip),
                self._trainer.samples.embedding(clip.prompts[0]),
            )
            for clip in plan.validation_clips()
        ]
        quantiles = plan.settings.validation.quantiles
        return held_out_loss(plan.base, self._trainer.transformer, clips, quantiles)

    @cached_property
    def _drawing(self) -> Drawing:
        base, validation = self._plan.base, self._plan.settings.validation
        guidance = validation.guidance_scale
        return Drawing(
            base=base,
            embeddings=self._trainer.samples.embedding,
            steps=validation.steps or base.inference.steps,
            guidance_scale=base.inference.guidance_scale if guidance is None else guidance,
        )

    @cached_property
    def _sampler(self) -> Sampler:
        plan, clips = self._plan, self._plan.train_clips()
        device = str(self._trainer.device)
        return Sampler(
            **vars(self._drawing),
            scorer=open_scorer(plan.settings.scorer, self._workspace.models, device),
            motion_references={
                scenario: motion_reference(
                    [
                        (self._workspace.absolute(c.path), c.start_s)
                        for c in clips
                        if c.scenario == scenario
                    ],
                    plan.base,
                )
                for scenario in plan.scenarios
            },
        )
