"""What a base's parts can do: as much of diffusers' and PEFT's objects as slora relies on.

The libraries say nothing of types, so these protocols do; whoever is handed a part uses nothing
else of it. A part is made by a base and goes back to that base.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn


@dataclass(frozen=True)
class Compression:
    """How many frames and pixels a latent pixel stands for, and latent pixels per token."""

    temporal: int
    spatial: int
    patch: int
    temporal_patch: int = 1


class Predictor(Protocol):
    """What predicts: a denoiser, or the wrapper that several processes train one through."""

    def __call__(self, **inputs: object) -> Sequence[torch.Tensor]:
        """What is predicted comes first, in the shape of the latents that went in; names of inputs
        are the family's own."""


class AdapterConfig(Protocol):
    """What PEFT knows of a loaded adapter."""

    r: int
    """Rank."""
    lora_alpha: float


class Denoiser(Predictor, Protocol):
    """A torch module that takes adapters."""

    training: bool

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype:
        """Of its frozen weights."""

    @property
    def peft_config(self) -> Mapping[str, AdapterConfig]:
        """By the adapter's name; the attribute is absent before the first adapter."""

    def train(self, mode: bool = True) -> Self: ...

    def eval(self) -> Self: ...

    def children(self) -> Iterator[nn.Module]: ...

    def modules(self) -> Iterator[nn.Module]: ...

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def buffers(self) -> Iterator[torch.Tensor]: ...

    def enable_gradient_checkpointing(self) -> None: ...

    def add_adapter(self, adapter_config: AdapterConfig, adapter_name: str) -> None:
        """Add a fresh adapter and make it active. Raises ValueError where it names no layer."""

    def disable_adapters(self) -> None:
        """Be the base alone from now on."""

    def enable_adapters(self) -> None:
        """Have the adapters act again."""


class Posterior(Protocol):
    """What a VAE says of a clip's latent."""

    parameters: torch.Tensor
    """[B, 2C, F, H, W]: mean, then log-variance."""

    def mode(self) -> torch.Tensor:
        """The likeliest latent, [B, C, F, H, W]."""


class Decoded(Protocol):
    """What a VAE's decoder returns."""

    sample: torch.Tensor
    """[B, 3, F, H, W] in about -1..1."""


class Encoded(Protocol):
    """What a VAE's encoder returns."""

    latent_dist: Posterior


class Vae(Protocol):
    """A frozen VAE. Clips are [B, 3, F, H, W] in -1..1."""

    encode: Callable[[torch.Tensor], Encoded]
    decode: Callable[..., Decoded]

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...


class TextEncoder(Protocol):
    """A pipeline's tokenizer and text encoder, with its own way from prompts to embeddings."""

    text_encoder: nn.Module

    def encode_prompt(
        self, prompt: list[str], *, do_classifier_free_guidance: bool, max_sequence_length: int
    ) -> tuple[torch.Tensor, *tuple[torch.Tensor | None, ...]]:
        """Embeddings [B, L, D] first; where the denoiser takes a mask, [B, L] after it."""


class Sampled(Protocol):
    """What a pipeline returns."""

    frames: NDArray[np.float32]
    """[B, F, H, W, 3] in 0..1."""


class Pipeline(Protocol):
    """A denoiser with all that sampling takes."""

    transformer: Denoiser
    vae: Vae
    tokenizer: Callable[..., Mapping[str, Sequence[int]]]
    """From a text to its tokens, under `input_ids`."""

    @property
    def device(self) -> torch.device: ...

    def __call__(self, **arguments: object) -> Sampled:
        """Sample; names of arguments are the family's own."""

    def load_lora_weights(
        self, folder: Path, *, weight_name: str, adapter_name: str, use_safetensors: bool
    ) -> None:
        """Load an adapter file beside those that are loaded."""

    def set_adapters(self, names: list[str], scales: list[float]) -> None:
        """Make these adapters the active ones, each at its scale."""

    def delete_adapters(self, names: str) -> None: ...


class LoadedPipeline(Pipeline, TextEncoder, Protocol):
    """A pipeline as diffusers loads it; a part that was given as None is absent."""
