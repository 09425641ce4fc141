"""Settings of a training run (`configs/training/*.yaml`).

The defaults here are the default recipe: `lora_default.yaml` spells them out, and a run's
difference from the default is its difference from these. Sources: CogVideoX LoRA scripts of
diffusers (`examples/cogvideo`) and THUDM/CogVideo `finetune/`, unless a field says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from slora_assets.config.environment import recipe_overrides
from slora_assets.config.yaml_reader import Settings, read_settings


class LoraSettings(Settings):
    """The adapter's shape."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 64
    """Rank of the two factors; 64 is what diffusers' README names for a style. On the miniature
    16 ends 0.06 higher in held-out loss after as many steps, and takes as long."""
    alpha: Annotated[float, Field(gt=0)] = 64.0
    """Output is scaled by alpha / rank; alpha = rank keeps the scale at 1."""
    targets: Annotated[list[str], Field(min_length=1)] = ["to_q", "to_k", "to_v", "to_out.0"]
    """Names of the adapted linear layers: of attention alone, which every base calls so. The
    default recipe adds the miniature's feed-forward network (`ff.net.0.proj`, `ff.net.2`): without
    it subjects in a new place stay half those of its pretraining."""


Decay = Annotated[float, Field(ge=0, lt=1)]


class OptimizerSettings(Settings):
    """AdamW, as one fused kernel per step."""

    kind: Literal["adamw", "adamw_8bit"] = "adamw"
    """`adamw_8bit` keeps the two moments in 8 bits (bitsandbytes): 2 instead of 8 bytes per trained
    parameter. At LoRA sizes that is nothing (13.0 GB with either for CogVideoX-2b,
    a-r-r-o-w/cogvideox-factory README)."""
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    """1e-4 for CogVideoX-2b; the miniature takes thirty times that, with a schedule that falls."""
    betas: tuple[Decay, Decay] = (0.9, 0.95)
    """Decay of the running means of gradient and squared gradient."""
    epsilon: Annotated[float, Field(gt=0)] = 1e-8
    """Added to the denominator of an update."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """Decoupled: times the learning rate, taken off each trained parameter per step."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients are clipped to this norm, once per step, over all trainable parameters."""
    warmup_steps: Annotated[int, Field(ge=0)] = 10
    """Steps of linear warm-up."""
    lr_scheduler: Literal["constant", "cosine"] = "cosine"
    """After the warm-up: `constant` keeps epochs comparable, `cosine` falls to zero at the last
    step and so ends in a lower loss (both as in diffusers' `get_scheduler`)."""


class LeverSettings(Settings):
    """What trades speed for memory or memory for speed. None of these costs nothing, so all are
    off; `benchmarks/levers.py` prints what each does on the machine at hand."""

    quantize: Literal["none", "int8", "fp8", "nf4"] = "none"
    """Type that the frozen linear layers of the transformer's blocks are kept in: `int8` and `fp8`
    (e4m3, a scale per row; torchao) take 1 byte per weight, `nf4` (bitsandbytes) half of one, where
    fp16 takes 2. The adapter then learns on the rounded base."""
    offload_blocks: Annotated[int, Field(ge=0)] = 0
    """So many of the transformer's blocks keep their frozen weights in the host's memory and copy
    them to the accelerator for their own forward and backward pass; their activations are
    recomputed. Costs a transfer of those weights twice per step."""
    compile_blocks: bool = False
    """`torch.compile` of each block: minutes before the first step, faster steps after it."""
    shard_blocks: bool = False
    """Of N processes each keeps a Nth of the frozen weights of the transformer's blocks (torch's
    `fully_shard`) and gathers a block's for its forward and its backward pass; the adapter and all
    outside the blocks stay whole. Costs a gathering of those weights twice per step, and validation
    that every process runs. Each process reads the whole base into the host's memory first.
    Refused in one process, and with the levers above."""

    @model_validator(mode="after")
    def _possible_together(self) -> LeverSettings:
        if self.offload_blocks and self.quantize == "nf4":
            raise ValueError("blocks in nf4 can't be offloaded: choose int8, or one of the two")
        others = {
            "quantize": self.quantize != "none",
            "offload_blocks": self.offload_blocks > 0,
            "compile_blocks": self.compile_blocks,
        }
        clashing = [f"levers.{name}" for name, is_set in others.items() if is_set]
        if self.shard_blocks and clashing:
            raise ValueError(
                f"levers.shard_blocks doesn't work together with {', '.join(clashing)}:"
                " leave one or the other at its default"
            )
        return self


class SelectionWeights(Settings):
    """Weights of the combined validation metric that decides which epochs' adapters are kept:
    temporal consistency plus CLIP similarity minus held-out loss over the base's."""

    temporal: Annotated[float, Field(ge=0)] = 0.1
    """Low, because over a few prompts it differs by 0.3 between neighbouring epochs, and because
    it is highest where hardly anything moves."""
    clip: Annotated[float, Field(ge=0)] = 1.0
    held_out_loss: Annotated[float, Field(ge=0)] = 1.0


class EpochValidationSettings(Settings):
    """What is measured after each epoch."""

    prompts: Annotated[int, Field(ge=1)] = 4
    """Prompts that are sampled, shared out evenly among a run's scenarios (at least one each) and
    spaced evenly over the prompt file's. With four the epoch that is chosen is at most 0.001 behind
    the best by 32 clips, on average; with two 0.0035 (`benchmarks/epoch_choice.py`)."""
    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Denoising steps; nothing means the base's own default."""
    guidance_scale: Annotated[float, Field(ge=0)] | None = None
    """Classifier-free guidance; nothing means the base's own default."""
    quantiles: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)] = [
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
    ]
    """Held-out loss is the mean over these quantiles of the timestep range, with fixed noise per
    clip (tdrussell/diffusion-pipe `train.py`)."""
    max_clips: Annotated[int, Field(ge=1)] = 16
    """At most this many validation clips, in order of id."""


class TrainingSettings(Settings):
    """A training run, whole."""

    schema_version: Literal[1] = 1
    base_model: str = "miniature"
    """`miniature`, a hub id such as `THUDM/CogVideoX-2b`, or a folder in diffusers' layout."""
    scorer: str = "miniature"
    """`miniature`; an open_clip pair such as `ViT-B-32:laion2b_s34b_b79k`; an open_clip model with
    weights of your own, `ViT-B-32:<file>.safetensors`; or a folder in open_clip's layout."""
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    """Decides adapter initialisation, data order, noise, timesteps and caption dropout."""
    epochs: Annotated[int, Field(ge=1)] = 3
    """After each the adapter is exported and measured."""
    repeats: Annotated[int, Field(ge=1)] = 27
    """How often an epoch passes over the clips: epochs of small scenarios get a useful length."""
    batch_size: Annotated[int, Field(ge=1)] = 4
    """Clips per step and process."""
    accumulation_steps: Annotated[int, Field(ge=1)] = 1
    """Micro-batches of `batch_size` whose gradients make one step."""
    caption_dropout: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of samples trained with the empty prompt, for classifier-free guidance."""
    high_noise: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Timesteps are drawn with a density proportional to position ** high_noise, a plain number;
    position 1 is pure noise. 0 is uniform, as CogVideoX's own scripts draw them. The miniature was
    pretrained with 1 (`pretraining/pretrain.yaml`): layout and motion are decided at high noise."""
    precision: Literal["no", "fp16", "bf16"] = "no"
    """Autocast type; the base's weights take it too, the adapter stays fp32. CogVideoX-2b: fp16,
    -5b: bf16, CPU: no."""
    gradient_checkpointing: bool = False
    """44 GB become 13 GB for CogVideoX-2b at batch 1."""
    checkpoint_every_steps: Annotated[int, Field(ge=1)] = 50
    """Besides the end of each epoch and a request to stop."""
    log_every_steps: Annotated[int, Field(ge=1)] = 20
    keep_top_k_adapters: Annotated[int, Field(ge=1)] = 2
    """After each epoch the adapters worst by the combined metric beyond these are pruned."""
    lora: LoraSettings = LoraSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    levers: LeverSettings = LeverSettings()
    selection: SelectionWeights = SelectionWeights()
    validation: EpochValidationSettings = EpochValidationSettings()

    @property
    def training_dtype(self) -> str:
        """Torch's name of the type that the base is trained in."""
        return {"no": "float32", "fp16": "float16", "bf16": "bfloat16"}[self.precision]

    def sampling_dtype(self, device: str) -> str:
        """Half precision only on an accelerator, and then the one the adapter was trained with."""
        return "float32" if device == "cpu" else self.training_dtype

    def resolved(self) -> dict[str, Any]:
        """All settings as JSON, defaults included; what the config hash is taken of."""
        return self.model_dump(mode="json")

    def difference(self) -> dict[str, Any]:
        """Dotted keys whose value isn't the default recipe's: `{key: value}`."""
        return _difference(self.resolved(), TrainingSettings().resolved())


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> TrainingSettings:
    """The recipe that the graph trains with: the file, then what SLORA_SET sets over it, then
    `overrides` of one run. Raises ConfigError, MissingInputError."""
    everywhere = recipe_overrides()
    given_by = [name for name, given in (("SET", everywhere), ("overrides", overrides)) if given]
    return read_settings(path, TrainingSettings, [*everywhere, *overrides], ", ".join(given_by))


def _difference(
    settings: dict[str, Any], default: dict[str, Any], prefix: str = ""
) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for key, value in settings.items():
        other = default.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            changed |= _difference(value, other, f"{prefix}{key}.")
        elif value != other:
            changed[prefix + key] = value
    return changed
