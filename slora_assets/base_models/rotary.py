"""Rotary position tables of CogVideoX, for the latent that a training step holds.

The same numbers that diffusers' pipeline makes when it samples that geometry
(huggingface/diffusers `src/diffusers/pipelines/cogvideo/pipeline_cogvideox.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RotaryGrid:
    """What the tables depend on besides the clip: sizes of the denoiser's configuration."""

    head_dim: int
    patch: int
    temporal_patch: int | None
    """None for CogVideoX 1.0, whose clips are fitted into the base grid; 1.5 cuts its tables out of
    the base grid instead."""
    base_height: int
    base_width: int
    """In latent pixels."""


@lru_cache(maxsize=4)
def rotary_tables(
    grid: RotaryGrid, frames: int, height: int, width: int, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines, each [tokens, head_dim] in fp32, of a latent of these sizes."""
    from diffusers.models.embeddings import get_3d_rotary_pos_embed

    rows, columns = height // grid.patch, width // grid.patch
    base = grid.base_height // grid.patch, grid.base_width // grid.patch
    if grid.temporal_patch is None:
        cosines, sines = get_3d_rotary_pos_embed(
            embed_dim=grid.head_dim,
            crops_coords=_fitted(rows, columns, base),
            grid_size=(rows, columns),
            temporal_size=frames,
            device=device,
        )
    else:
        cosines, sines = get_3d_rotary_pos_embed(
            embed_dim=grid.head_dim,
            crops_coords=None,
            grid_size=(rows, columns),
            temporal_size=-(-frames // grid.temporal_patch),
            grid_type="slice",
            max_size=base,
            device=device,
        )
    return cosines, sines


def _fitted(
    rows: int, columns: int, base: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Top left and bottom right corner of the largest area of the base grid with the clip's aspect
    ratio, centred."""
    ratio = rows / columns
    if ratio > base[0] / base[1]:
        height, width = base[0], round(base[0] / rows * columns)
    else:
        height, width = round(base[1] / columns * rows), base[1]
    top, left = round((base[0] - height) / 2), round((base[1] - width) / 2)
    return (top, left), (top + height, left + width)
