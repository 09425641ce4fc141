"""What an epoch of a run is worth: held-out loss, sampled clips and their scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.training.loop import Trainer
from slora_assets.training.plan import RunPlan
from slora_assets.validation.held_out import HeldOutClip, HeldOutLoss, held_out_loss
from slora_assets.validation.sampling import (
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
        device: str,
        should_stop: Callable[[], bool],
    ) -> None:
        self._plan, self._workspace = plan, workspace
        self._trainer, self._device, self._should_stop = trainer, device, should_stop

    def scores(self, epoch: int, loss: HeldOutLoss) -> dict[str, Any]:
        """Held-out loss and mean sample scores; the clips stay in `sample_epoch_<epoch>`.

        Raises InterruptedRunError between two sampling steps when asked to stop.
        """
        plan, trainer = self._plan, self._trainer
        trainer.transformer.eval()
        pipeline = plan.base.pipeline(self._device, trainer.dtype, trainer.transformer, text=False)

        def on_step(_done: int, _total: int) -> None:
            if self._should_stop():
                raise InterruptedRunError(
                    f"stopped while sampling epoch {epoch}, as asked; the training is checkpointed",
                    remedy="the same command goes on from there",
                )

        samples = sample_prompts(self._sampler, pipeline, plan.prompts, plan.seeds, on_step)
        save_samples(plan.partial / f"sample_epoch_{epoch}", samples, plan.base.geometry.fps)
        return mean_scores(samples) | {
            "held_out_loss": loss.mean,
            "held_out_by_quantile": loss.by_quantile,
        }

    def trusted(self) -> tuple[bool, str | None]:
        """Whether the scores mean anything; and a note for people, if there is one."""
        return self._sampler.trusted()

    def held_out(self) -> HeldOutLoss:
        """The model's loss on the held-out clips."""
        plan = self._plan
        clips = [
            HeldOutClip(
                clip.id,
                self._trainer.samples.moments(clip),
                self._trainer.samples.embedding(clip.prompts[0]),
            )
            for clip in plan.validation_clips()
        ]  # fmt: skip
        quantiles = plan.settings.validation.quantiles
        return held_out_loss(plan.base, self._trainer.transformer, clips, quantiles)

    @cached_property
    def _sampler(self) -> Sampler:
        plan, validation = self._plan, self._plan.settings.validation
        clips, guidance = plan.train_clips(), validation.guidance_scale
        return Sampler(
            base=plan.base,
            scorer=open_scorer(plan.settings.scorer, self._workspace.models, self._device),
            embeddings=self._trainer.samples.embedding,
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
            steps=validation.steps or plan.base.inference.steps,
            guidance_scale=plan.base.inference.guidance_scale if guidance is None else guidance,
        )
