"""What the loop trains on: cached moments and embeddings with their draws, as batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slora_assets.base_models.seam import TrainingBatch
from slora_assets.caches.reading import CacheReader
from slora_assets.config.training import TrainingSettings
from slora_assets.documents import Clip
from slora_assets.training.loop.draws import draw_sample


class Samples:
    """A run's training clips."""

    def __init__(
        self,
        clips: Sequence[Clip],
        reader: CacheReader,
        settings: TrainingSettings,
        pinned: bool,
    ) -> None:
        """`pinned`: batches lie in memory that an accelerator copies from while it computes."""
        self._clips, self._reader = list(clips), reader
        self._settings, self._pinned = settings, pinned

    @property
    def clips(self) -> int:
        """How many clips there are to train on."""
        return len(self._clips)

    def batch(
        self, step: int, slots: Sequence[int], chosen: Sequence[int]
    ) -> tuple[TrainingBatch, list[str]]:
        """The micro-batch of clips `chosen` (by number) in `slots` of the global batch of `step`,
        and the clips' ids. Raises MissingInputError, IntegrityError."""
        import torch

        settings = self._settings
        clips = [self._clips[number] for number in chosen]
        moments, embeddings, draws = [], [], []
        for slot, clip in zip(slots, clips, strict=True):
            array = self._reader.moments(clip)
            shape = (array.shape[0] // 2, *array.shape[1:])
            draw = draw_sample(
                settings.seed,
                step,
                slot,
                clip.id,
                shape,
                len(clip.prompts),
                settings.caption_dropout,
                settings.high_noise,
            )
            moments.append(array)
            embeddings.append(
                self._reader.embedding(clip.prompts[draw.prompt] if draw.prompt >= 0 else "")
            )
            draws.append(draw)
        batch = TrainingBatch(
            moments=torch.from_numpy(np.stack(moments)).float(),
            embeddings=torch.from_numpy(np.stack(embeddings)).float(),
            noise=torch.stack([draw.noise for draw in draws]),
            posterior_noise=torch.stack([draw.posterior_noise for draw in draws]),
            positions=torch.tensor([draw.position for draw in draws]),
        )
        return (batch.pinned() if self._pinned else batch), [clip.id for clip in clips]
