"""Everything random in training, as pure functions of (run seed, step, sample).

Nothing depends on a generator's history, so a resumed run draws exactly what an undisturbed one
would, without saving random state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class SampleDraw:
    """What is drawn for one clip in one step: noise [C, F, H, W] twice, position in [0, 1)."""

    noise: torch.Tensor
    posterior_noise: torch.Tensor
    position: float
    prompt: int
    """Index into the clip's prompts; -1 for the empty prompt."""


def seed_of(*parts: object) -> int:
    """A 60-bit seed from any parts that print the same every time."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 4


def epoch_order(count: int, repeats: int, seed: int, epoch: int) -> list[int]:
    """Indices of the clips in the order of an epoch: `repeats` permutations, one after another."""
    import torch

    order: list[int] = []
    for repeat in range(repeats):
        generator = torch.Generator().manual_seed(seed_of("order", seed, epoch, repeat))
        order += torch.randperm(count, generator=generator).tolist()
    return order


def draw_sample(
    seed: int,
    step: int,
    slot: int,
    clip_id: str,
    shape: Sequence[int],
    prompts: int,
    caption_dropout: float,
    high_noise: float = 0.0,
) -> SampleDraw:
    """Draw for the clip in `slot` of the global batch of `step`; `shape` is [C, F, H, W].

    Positions have a density proportional to position ** `high_noise`; 0 draws them uniformly.
    """
    import torch

    generator = torch.Generator().manual_seed(seed_of("sample", seed, step, slot, clip_id))
    noise = torch.randn((2, *shape), generator=generator)
    position, dropout = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    prompt = int(torch.randint(prompts, (1,), generator=generator))
    position **= 1 / (1 + high_noise)  # the inverse of the density's integral
    return SampleDraw(noise[0], noise[1], position, -1 if dropout < caption_dropout else prompt)
