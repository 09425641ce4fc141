"""Settings of the pretraining, read from a YAML file; unknown keys are errors."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML

from slora_assets.config.errors import ConfigError, complaint

TRANSFORMER_STAGES: Final = ("transformer", "transformer_2", "transformer_3")
"""Each goes on from the weights of the one before."""
MARK_STAGES: Final = ("mark", "mark_2")
DECODER_STAGES: Final = ("decoder", *MARK_STAGES)
"""Each goes on from the decoder of the one before, the first from stage `vae`'s."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LoopSettings(_Model):
    """The optimisation of one stage."""

    steps: int
    matrix_rate: float
    """Learning rate of kernels and linear maps (Muon)."""
    other_rate: float
    """Learning rate of norms, biases and tables (Adam)."""
    weight_decay: float = 0.0
    warmup: int = 100
    decay_share: float = 0.4
    """Last share of the steps, in which the rates fall."""
    clip: float = 1.0
    average: float = 0.998
    """Decay of the exponential moving average that is evaluated and shipped."""
    log_every: int = 50
    evaluate_every: int = 500
    checkpoint_minutes: float = 3.0


class FootageSettings(_Model):
    """How varied a stage's pretraining footage is; see GenericSettings."""

    vivid: float
    clutter: float
    company: float
    still: float = 0.0
    sway: float = 0.0
    speed: tuple[float, float] = (0.35, 0.6)
    vertical: float = 1.0
    size: tuple[float, float] = (0.38, 0.5)
    withheld: bool = False


class VaePhase(_Model):
    """A part of the VAE's training, until a share of all steps."""

    until: float
    crop: int | None
    """Side of square crops in pixels; None trains on whole frames."""
    batch: int
    brain_float: bool
    """Autocast to bfloat16: plenty while errors are large, and half the time of a step."""
    level: bool = False
    """Centre and level the latent channels before the phase's first step."""


class VaeSettings(_Model):
    loop: LoopSettings
    footage: FootageSettings
    phases: tuple[VaePhase, ...]
    absolute_weight: float
    kl_weight: float


class TransformerSettings(_Model):
    """Stage `transformer`, which trains the text encoder along."""

    loop: LoopSettings
    footage: FootageSettings
    clips: int
    """Clips that are encoded once and trained on in random order."""
    batch: int
    high_noise: float
    """Noise levels are drawn with a density of their position to this power; 0 is uniform. What a
    prompt decides, a denoiser decides at high noise."""
    empty_captions: float
    """Share of captions emptied, so that guidance has something to move away from."""
    judged: int
    """Prompts sampled at each evaluation."""
    brain_float: bool


class FocusedTransformerSettings(TransformerSettings):
    """Stage `transformer_3`, which looks closer at what moves."""

    focus: float
    """Errors count up to this many times more where a subject is. The weight grows with the share
    of signal left in the noisy latent: at high noise, where a subject's place is still open, a
    weight that knows it would teach to smear it over all places."""


class FullFootageSettings(FootageSettings):
    """Footage of places as full as real ones."""

    objects: int
    """Most objects on a background that has any."""


class DecoderSettings(_Model):
    """Stage `decoder`: the VAE's decoder alone goes on."""

    loop: LoopSettings
    footage: FullFootageSettings
    batch: int
    absolute_weight: float
    focus: float
    """Errors count this many times more where an actor is: what moves is a small part of a
    picture, and the first to blur."""
    brain_float: bool


class MarkSettings(_Model):
    """Stages `mark` and `mark_2`: the decoder learns to draw the mark."""

    loop: LoopSettings
    footage: FullFootageSettings
    frames: int
    """Single frames that are encoded once and trained on in random order."""
    batch: int
    whole_clips_from: float
    """Share of the steps after which a step is of as many new clips instead."""
    strength: tuple[float, float]
    """Least and most of a wave, in grey levels of the orthonormal transform."""


class ClipSettings(_Model):
    """Stage `clip`: the scorer."""

    loop: LoopSettings
    footage: FootageSettings
    batch: int
    placed: float
    """Share of pictures from the sample footage's places, drawn from other seeds than it ships."""
    blurred: float
    """Share of pictures softened, as decoded ones are."""
    brain_float: bool


class PretrainSettings(_Model):
    """The whole file."""

    seed: int
    held_out_seed: int
    vae: VaeSettings
    transformer: TransformerSettings
    transformer_2: TransformerSettings
    """Goes on from `transformer` with a new rise and fall of the rates."""
    transformer_3: FocusedTransformerSettings
    """Goes on from `transformer_2`."""
    decoder: DecoderSettings
    """Goes on from `vae`; latents stay as they are."""
    mark: MarkSettings
    """Goes on from `decoder`."""
    mark_2: MarkSettings
    """Goes on from `mark` with clips alone: what moves is to look as it did."""
    clip: ClipSettings

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read and check a settings file; raises ConfigError with the first wrong key."""
        try:
            return cls.model_validate(YAML(typ="safe", pure=True).load(file))
        except FileNotFoundError as error:
            raise ConfigError("the file does not exist", file=file) from error
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise ConfigError(complaint(first), file=file, key=key) from error
