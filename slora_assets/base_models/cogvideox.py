"""CogVideoX without RoPE (the miniature and CogVideoX-2b), through diffusers' public classes.

Takes a folder in diffusers' layout. The loss is plain mean squared error on v in fp32, which equals
the field's weighted x0 loss (huggingface/diffusers `examples/cogvideo`, where the weight is
1 / (1 - alpha_t)) without its cancellation at small t.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.base import (
    BaseIdentity,
    Geometry,
    InferenceDefaults,
    LoraShape,
    StepCallback,
    TrainingBatch,
)
from slora_assets.base_models.sampling import Sampling, choose_attention, embedded
from slora_assets.base_models.weights import canonical_safetensors, read_safetensors_header
from slora_assets.config.errors import ConfigError, IntegrityError, TrainingError
from slora_assets.provenance.files import replacing

ADAPTER_NAME = "slora"


class CogVideoX:
    """See `BaseModel` for what each method promises."""

    def __init__(
        self,
        folder: Path,
        identity: BaseIdentity,
        geometry: Geometry,
        inference: InferenceDefaults,
    ) -> None:
        self.folder = folder
        self.geometry = geometry
        self.inference = inference
        self._identity = identity
        config = self._config("transformer")
        if config.get("use_rotary_positional_embeddings"):
            raise ConfigError(
                "this base needs rotary position embeddings, which slora doesn't train yet",
                file=folder, key="use_rotary_positional_embeddings", found=True, expected="False",
                remedy="use THUDM/CogVideoX-2b or the miniature",
            )  # fmt: skip
        self._text_length = int(config["max_text_seq_length"])

    def _config(self, part: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.folder / part / "config.json").read_text())
        return loaded

    def identity(self) -> BaseIdentity:
        return self._identity

    # text

    def load_text_encoder(self, device: str) -> Any:
        import torch
        from transformers import AutoTokenizer, T5EncoderModel

        tokenizer = AutoTokenizer.from_pretrained(self.folder / "tokenizer")
        encoder = T5EncoderModel.from_pretrained(
            self.folder / "text_encoder", dtype=_dtype(device), use_safetensors=True
        )
        return tokenizer, encoder.to(torch.device(device)).eval().requires_grad_(False)

    def encode_text(self, encoder: Any, prompts: Sequence[str]) -> NDArray[np.float16]:
        import torch

        tokenizer, model = encoder
        tokens = tokenizer(
            list(prompts), padding="max_length", max_length=self._text_length, truncation=True,
            add_special_tokens=True, return_tensors="pt",
        )  # fmt: skip
        with torch.no_grad():
            # No attention mask: the pipeline and the public trainers give none, and the denoiser
            # attends to the padding rows too.
            embedding = model(tokens.input_ids.to(model.device))[0]
        array: NDArray[np.float16] = embedding.to("cpu", torch.float16).numpy()
        return array

    # video

    def load_vae(self, device: str) -> Any:
        from diffusers import AutoencoderKLCogVideoX

        vae = AutoencoderKLCogVideoX.from_pretrained(
            self.folder / "vae", dtype=_dtype(device), use_safetensors=True
        )
        return vae.to(device).eval().requires_grad_(False)

    def encode_video(self, vae: Any, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        import torch

        pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2)[None]
        pixels = pixels.to(vae.device, vae.dtype) / 127.5 - 1
        with torch.no_grad():
            moments = vae.encode(pixels).latent_dist.parameters[0]
        array: NDArray[np.float16] = moments.to("cpu", torch.float16).numpy()
        return array

    def vae_scale(self) -> float:
        return float(self._config("vae")["scaling_factor"])

    # denoiser

    def load_transformer(self, device: str, dtype: str) -> Any:
        import torch
        from diffusers import CogVideoXTransformer3DModel

        self._choose_attention(device)
        transformer = CogVideoXTransformer3DModel.from_pretrained(
            self.folder / "transformer", dtype=getattr(torch, dtype), use_safetensors=True
        )
        return transformer.to(device).requires_grad_(False)

    def _choose_attention(self, device: str) -> None:
        vae, patch = self._config("vae"), self._config("transformer")["patch_size"]
        spatial = 2 ** (len(vae["block_out_channels"]) - 1) * patch
        tokens = self.geometry.tokens(vae["temporal_compression_ratio"], spatial)
        choose_attention(device, tokens + self._text_length)

    def add_adapter(self, transformer: Any, shape: LoraShape, seed: int) -> None:
        import torch
        from peft import LoraConfig

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            transformer.add_adapter(
                LoraConfig(
                    r=shape.rank, lora_alpha=shape.alpha, target_modules=list(shape.targets)
                ),
                adapter_name=ADAPTER_NAME,
            )
        trainable = [p for p in transformer.parameters() if p.requires_grad]
        if not trainable:
            raise TrainingError(
                "no layer of the base has such a name", key="lora.targets",
                found=list(shape.targets), remedy="use to_q, to_k, to_v, to_out.0",
            )  # fmt: skip
        for parameter in trainable:
            parameter.data = parameter.data.float()

    def training_loss(self, transformer: Any, vae_scale: float, batch: TrainingBatch) -> Any:
        import torch

        mean, log_variance = batch.moments.chunk(2, dim=1)
        spread = torch.exp(0.5 * log_variance.clamp(-30.0, 20.0))
        clean = ((mean + spread * batch.posterior_noise) * vae_scale).transpose(1, 2)
        noise = batch.noise.transpose(1, 2)
        scheduler = self._scheduler()
        count = scheduler.config.num_train_timesteps
        timesteps = (batch.positions * count).long().clamp(0, count - 1)
        noisy = scheduler.add_noise(clean, noise, timesteps)
        # Several processes train through a wrapper, which has no dtype of its own.
        dtype = getattr(transformer, "module", transformer).dtype
        predicted = transformer(
            hidden_states=noisy.to(dtype),
            encoder_hidden_states=batch.embeddings.to(dtype),
            timestep=timesteps,
            image_rotary_emb=None,
            return_dict=False,
        )[0]
        target = scheduler.get_velocity(clean, noise, timesteps)
        return (predicted.float() - target.float()).pow(2).mean(dim=(1, 2, 3, 4))

    def _scheduler(self) -> Any:
        """The checkpoint's own scheduler, never one built by hand."""
        if not hasattr(self, "_loaded_scheduler"):
            from diffusers import CogVideoXDDIMScheduler

            self._loaded_scheduler = CogVideoXDDIMScheduler.from_pretrained(
                self.folder / "scheduler"
            )
            if self._loaded_scheduler.config.prediction_type != "v_prediction":
                raise ConfigError(
                    "the loss is written for v-prediction",
                    file=self.folder / "scheduler" / "scheduler_config.json",
                    key="prediction_type", found=self._loaded_scheduler.config.prediction_type,
                    expected="v_prediction",
                )  # fmt: skip
        return self._loaded_scheduler

    # adapters and sampling

    def save_adapter(
        self, transformer: Any, shape: LoraShape, metadata: dict[str, str], path: Path
    ) -> None:
        import torch
        from peft.utils import get_peft_model_state_dict
        from safetensors.torch import save_file

        weights = get_peft_model_state_dict(transformer, adapter_name=ADAPTER_NAME)
        tensors = {
            f"transformer.{name}": tensor.detach().to("cpu", torch.float32).contiguous()
            for name, tensor in weights.items()
        }
        lora_config = {
            "transformer.r": shape.rank,
            "transformer.lora_alpha": shape.alpha,
            "transformer.target_modules": list(shape.targets),
            "transformer.peft_type": "LORA",
            "transformer.bias": "none",
        }
        # diffusers reads rank and alpha back from this key (src/diffusers/loaders/lora_base.py);
        # without it alpha silently becomes the rank.
        header = {"format": "pt", "lora_adapter_metadata": json.dumps(lora_config, sort_keys=True)}
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata=header | metadata)
            canonical_safetensors(temporary)

    def pipeline(self, device: str, dtype: str, transformer: Any = None, text: bool = True) -> Any:
        import torch
        from diffusers import CogVideoXPipeline
        from diffusers.utils.logging import disable_progress_bar

        disable_progress_bar()
        self._choose_attention(device)
        given: dict[str, Any] = {} if transformer is None else {"transformer": transformer}
        if not text:
            given |= {"text_encoder": None, "tokenizer": None}
        pipeline = CogVideoXPipeline.from_pretrained(
            self.folder, dtype=getattr(torch, dtype), use_safetensors=True, **given
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline.to(device)

    def load_adapter(self, pipeline: Any, path: Path, name: str, scale: float = 1.0) -> None:
        tensors = read_safetensors_header(path)
        wrong = [key for key in tensors if key != "__metadata__" and not _is_ours(key)]
        if wrong or len(tensors) < 2:
            raise IntegrityError(
                "not an adapter for this base: diffusers would load it without effect", file=path,
                found=wrong[:3], expected="tensors named transformer.*.lora_A|B.weight",
            )  # fmt: skip
        if name in getattr(pipeline.transformer, "peft_config", {}):
            pipeline.delete_adapters(name)
        pipeline.load_lora_weights(
            path.parent, weight_name=path.name, adapter_name=name, use_safetensors=True
        )
        pipeline.set_adapters([name], [scale])

    def generate(
        self,
        pipeline: Any,
        *,
        prompt: str,
        seed: int,
        steps: int,
        guidance_scale: float,
        on_step: StepCallback | None = None,
    ) -> NDArray[np.uint8]:
        how = Sampling(self.geometry, self._text_length, steps, guidance_scale, on_step)
        return how.clips(pipeline, {"prompt": prompt}, [seed])[0]

    @property
    def clips_per_call(self) -> int:
        """Small clips are sampled together; from about 100 MB of frames on one at a time."""
        g = self.geometry
        return max(1, min(16, 500_000 // (g.frames * g.height * g.width)))

    def generate_many(
        self,
        pipeline: Any,
        *,
        embeddings: Sequence[NDArray[np.float16]],
        empty_embedding: NDArray[np.float16],
        seeds: Sequence[int],
        steps: int,
        guidance_scale: float,
        on_step: StepCallback | None = None,
    ) -> list[NDArray[np.uint8]]:
        how = Sampling(self.geometry, self._text_length, steps, guidance_scale, on_step)
        clips: list[NDArray[np.uint8]] = []
        for start in range(0, len(seeds), self.clips_per_call):
            part = slice(start, start + self.clips_per_call)
            text = embedded(pipeline, embeddings[part], empty_embedding)
            clips += how.clips(pipeline, text, seeds[part])
        return clips


def _is_ours(key: str) -> bool:
    return key.startswith("transformer.") and key.endswith((".lora_A.weight", ".lora_B.weight"))


def _dtype(device: str) -> Any:
    """Encoders run in fp16 on an accelerator and in fp32 on the CPU."""
    import torch

    return torch.float32 if device == "cpu" else torch.float16
