"""What the loop trains on: cached moments and embeddings with their draws, as batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import psutil
from numpy.typing import NDArray

from slora_assets.base_models.base import TrainingBatch
from slora_assets.config.workspace import Workspace
from slora_assets.curation.metadata import Clip
from slora_assets.latents.cache import Key, read_array, text_file
from slora_assets.training.draws import draw_sample
from slora_assets.training.feeding import ArrayCache
from slora_assets.training.plan import RunPlan, cache_keys, prompt_key

_PREPROCESS: Final = "run `make preprocess`"
_MEMORY_SHARE: Final = 0.25
"""Of the memory that is free at the start, for arrays that are read again and again."""


class Samples:
    """A run's training clips. Files are verified when they are read, once while memory lasts."""

    def __init__(self, plan: RunPlan, workspace: Workspace, pinned: bool) -> None:
        """`pinned`: batches lie in memory that an accelerator copies from while it computes."""
        self._plan, self._workspace, self._pinned = plan, workspace, pinned
        self._clips = plan.train_clips()
        self._arrays = ArrayCache(int(psutil.virtual_memory().available * _MEMORY_SHARE))

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

        settings = self._plan.settings
        clips = [self._clips[number] for number in chosen]
        moments, embeddings, draws = [], [], []
        for slot, clip in zip(slots, clips, strict=True):
            array = self.moments(clip)
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
            embeddings.append(self.embedding(clip.prompts[draw.prompt] if draw.prompt >= 0 else ""))
            draws.append(draw)
        batch = TrainingBatch(
            moments=torch.from_numpy(np.stack(moments)).float(),
            embeddings=torch.from_numpy(np.stack(embeddings)).float(),
            noise=torch.stack([draw.noise for draw in draws]),
            posterior_noise=torch.stack([draw.posterior_noise for draw in draws]),
            positions=torch.tensor([draw.position for draw in draws]),
        )
        return (batch.pinned() if self._pinned else batch), [clip.id for clip in clips]

    def moments(self, clip: Clip) -> NDArray[np.float16]:
        """The cached moments [2C, F, H, W] of a clip. Raises MissingInputError, IntegrityError."""
        path = self._workspace.root / clip.latent
        return self._read(path, "moments", cache_keys(self._plan, clip))

    def embedding(self, prompt: str) -> NDArray[np.float16]:
        """The cached embedding [L, D] of a prompt. Raises MissingInputError, IntegrityError."""
        path = text_file(self._workspace.text_embeddings, prompt, self._plan.identity)
        return self._read(path, "embedding", prompt_key(self._plan, prompt))

    def _read(self, path: Path, name: str, key: Key) -> NDArray[np.float16]:
        return self._arrays.get(str(path), lambda: read_array(path, name, key, _PREPROCESS))
