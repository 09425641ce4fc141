"""What an epoch of a run is worth: held-out loss, sampled clips and their scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from slora_assets.base_models.parts import Pipeline
from slora_assets.caches.reading import CacheReader
from slora_assets.config.errors import InterruptedRunError
from slora_assets.config.workspace import Workspace
from slora_assets.training.between_epochs.lockstep import Lockstep, Pass
from slora_assets.training.loop.trainer import Trainer
from slora_assets.training.plan import RunPlan
from slora_assets.validation.footage import draw_footage
from slora_assets.validation.metrics.clip_similarity import ClipScorer
from slora_assets.validation.metrics.held_out_loss import HeldOutClip, HeldOutLoss, held_out_loss
from slora_assets.validation.metrics.scorer import open_scorer
from slora_assets.validation.sampling import (
    Asked,
    Drawing,
    Scoring,
    asked_with,
    mean_scores,
    new_drawing,
    new_scoring,
    sample_prompts,
    save_samples,
)


class Measuring:
    """Measures the trainer's model as it is; scorer and references are loaded once for all
    epochs."""

    def __init__(
        self,
        plan: RunPlan,
        workspace: Workspace,
        trainer: Trainer,
        reader: CacheReader,
        lockstep: Lockstep,
        should_stop: Callable[[], bool],
    ) -> None:
        self._base, self._sampling, self._folder = plan.base, plan.sampling, plan.folder
        self._data, self._settings = plan.data, plan.settings
        self._workspace, self._trainer, self._reader = workspace, trainer, reader
        self._lockstep, self._should_stop = lockstep, should_stop

    def open(self) -> None:
        """Load what scores samples, so that a scorer that can't be had is told before the first
        step. Raises ConfigError, MissingInputError, IntegrityError."""
        self._scorer  # noqa: B018  # made once, here

    def scores(self, epoch: int, loss: HeldOutLoss) -> dict[str, Any]:
        """Held-out loss and mean sample scores; the clips stay in `sample_epoch_<epoch>`.

        Raises InterruptedRunError between two sampling steps when asked to stop.
        """
        scoring = self._scoring
        self._lockstep.announce(Pass.SAMPLES)
        samples = sample_prompts(
            self._drawing, scoring, self._pipeline(), self._asked(), self._on_step
        )
        save_samples(self._folder.samples(epoch), samples, self._base.geometry.fps)
        return mean_scores(samples) | {
            "held_out_loss": loss.mean,
            "held_out_by_quantile": loss.by_quantile,
        }

    def draw_along(self) -> None:
        """Draw the clips of `scores`, in a process other than the first."""
        self._drawing.clips(self._pipeline(), self._asked(), self._on_step)

    def _asked(self) -> list[Asked]:
        return asked_with(self._sampling.prompts, self._sampling.seeds)

    def _pipeline(self) -> Pipeline:
        trainer = self._trainer
        trainer.transformer.eval()
        return self._base.pipeline(
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
        return self._scoring.trusted()

    def held_out(self) -> HeldOutLoss:
        """The model's loss on the held-out clips."""
        validation, reader = self._settings.validation, self._reader
        self._lockstep.announce(Pass.HELD_OUT)
        clips = [
            HeldOutClip(clip.id, reader.moments(clip), reader.embedding(clip.prompts[0]))
            for clip in self._data.validation_clips(validation.max_clips)
        ]
        return held_out_loss(self._base, self._trainer.transformer, clips, validation.quantiles)

    @cached_property
    def _drawing(self) -> Drawing:
        return new_drawing(self._base, self._settings.validation, self._reader.embedding)

    @cached_property
    def _scorer(self) -> ClipScorer:
        device = str(self._trainer.device)
        return open_scorer(self._settings.scorer, self._workspace.models, device)

    @cached_property
    def _scoring(self) -> Scoring:
        device = str(self._trainer.device)
        footage = draw_footage(self._workspace, self._base, self._data.clips, device)
        # Others' prompts are the gate's: an edit of them is no reason to train again.
        return new_scoring(self._base, self._scorer, footage, {})
