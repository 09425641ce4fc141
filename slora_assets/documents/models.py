"""What a base and a scorer say of themselves: `slora.json` beside their weights, and the identities
that records keep."""

from __future__ import annotations

from typing import Literal

from slora_assets.documents.document import Document


class Geometry(Document):
    """The clips a base is trained for."""

    frames: int
    height: int
    width: int
    fps: float


class InferenceDefaults(Document):
    """How a base is sampled unless something says otherwise."""

    steps: int
    guidance_scale: float
    max_sequence_length: int | None = None
    """Tokens a prompt is padded to, for bases whose denoiser's configuration doesn't say it."""
    dtype: Literal["float16", "bfloat16"] = "float16"
    """Half precision that the base was trained in; used on accelerators, never on the CPU."""


class BaseIdentity(Document):
    """Which weights exactly. `trained` is False for random weights
    and unfinished training: scores on them carry no verdict."""

    name: str
    revision: str
    licence: str
    trained: bool
    parts: dict[str, str]
    """Part name to the hash of its configuration and weights."""


class ScorerCard(Document):
    """`slora.json` of a scorer folder; `weights` maps relative paths to SHA-256."""

    name: str
    revision: str
    licence: str
    trained: bool
    weights: dict[str, str]
