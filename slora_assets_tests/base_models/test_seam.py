"""What every base promises, asked of each: encoders, adapters, clips, and a training step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.seam import ADAPTER_NAME, LoraShape, VideoBase
from slora_assets.base_models.weights import read_safetensors_header
from slora_assets.caches.side_by_side import in_order, passes_at_once
from slora_assets.config.errors import IntegrityError, TrainingError
from slora_assets_tests.base_models.conftest import (
    PROMPTS,
    SHAPE,
    made_up_batch,
    with_acting_adapter,
)
from slora_assets_tests.base_models.small import COGVIDEOX, WAN, write_base, write_card

_NEVER_OURS = {"attention_kwargs", "return_dict"}
"""Arguments of a denoiser that don't change what it computes here."""


def _frames(base: VideoBase) -> NDArray[np.uint8]:
    g = base.geometry
    shape = (g.frames, g.height, g.width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_encoders_give_the_declared_shapes_and_reach_the_loss(base: VideoBase) -> None:
    embeddings = base.encode_text(base.load_text_encoder("cpu"), PROMPTS)
    assert embeddings.shape == (2, *base.text_shape())
    moments = base.encode_video(base.load_vae("cpu"), _frames(base))
    channels, *rest = base.latent_shape()
    assert moments.shape == (2 * channels, *rest)
    for array in (embeddings, moments):
        assert array.dtype == np.float16
        assert np.isfinite(array).all()


@pytest.mark.parametrize("kind", [COGVIDEOX, WAN])
@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_an_encoder_stored_in_16_bits_stays_so_and_embeds_as_if_it_were_32(
    kind: str, stored: str, tmp_path: Path
) -> None:
    half, whole = (write_base(kind, tmp_path / name) for name in ("half", "whole"))
    encoder = open_base(str(whole), tmp_path).load_text_encoder("cpu").text_encoder
    encoder.to(getattr(torch, stored)).save_pretrained(half / "text_encoder")
    encoder.float().save_pretrained(whole / "text_encoder")
    for folder in (half, whole):
        write_card(folder, kind)
    base, peer = (open_base(str(folder), tmp_path) for folder in (half, whole))
    loaded = base.load_text_encoder("cpu")
    expected = peer.encode_text(peer.load_text_encoder("cpu"), PROMPTS)
    for _ in range(2):
        assert np.array_equal(base.encode_text(loaded, PROMPTS), expected)
    layers = [m for n, m in loaded.text_encoder.named_modules() if n.endswith((".q", ".wi_0"))]
    assert {layer.weight.dtype for layer in layers} == {getattr(torch, stored)}


@pytest.mark.usefixtures("two_threads")
def test_clips_encoded_side_by_side_have_the_bytes_of_one_at_a_time(
    base: VideoBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slora_assets.caches.side_by_side.cores", lambda: 3)
    clips = [np.roll(_frames(base), at, axis=1) for at in range(6)]
    vae, at_once = base.load_vae("cpu"), passes_at_once("cpu", base)
    # Some convolutions sum in another order on several threads.
    torch.set_num_threads(1 if at_once > 1 else 2)
    alone = [base.encode_video(vae, clip).tobytes() for clip in clips]
    torch.set_num_threads(2)
    beside = in_order(lambda clip: base.encode_video(vae, clip).tobytes(), clips, at_once)
    assert list(beside) == alone
    assert torch.get_num_threads() == 2


def test_trainable_parameters_are_exactly_the_adapter_s(base: VideoBase) -> None:
    transformer = base.load_transformer("cpu", "bfloat16")
    base.add_adapter(transformer, SHAPE, seed=1)
    trainable = {name for name, p in transformer.named_parameters() if p.requires_grad}
    assert trainable == {name for name, _ in transformer.named_parameters() if "lora_" in name}
    layers = {name.rsplit(".lora_", 1)[0] for name in trainable}
    named = {
        name
        for name, _ in transformer.named_modules()
        if name.endswith(SHAPE.targets) and "lora" not in name
    }
    assert layers == named
    assert {p.dtype for p in transformer.parameters() if p.requires_grad} == {torch.float32}


def test_an_unknown_layer_name_is_refused_with_the_names_there_are(base: VideoBase) -> None:
    transformer = base.load_transformer("cpu", "float32")
    with pytest.raises(TrainingError, match="to_q, to_k, to_v"):
        base.add_adapter(transformer, LoraShape(4, 4.0, ("no_such",)), seed=1)


def test_a_few_steps_lower_the_loss_and_change_only_the_adapter(base: VideoBase) -> None:
    """The loop's own work on made-up caches: loss, backward, optimizer."""
    transformer = base.load_transformer("cpu", "float32").train()
    base.add_adapter(transformer, SHAPE, seed=1)
    transformer.enable_gradient_checkpointing()
    parameters = [p for p in transformer.parameters() if p.requires_grad]
    frozen = {n: p.clone() for n, p in transformer.named_parameters() if not p.requires_grad}
    optimizer = torch.optim.AdamW(parameters, lr=1e-2)
    batch, losses = made_up_batch(base, [0.3, 0.6]), []
    for _ in range(8):
        loss = base.training_loss(transformer, batch)
        assert loss.shape == (2,)
        assert loss.dtype == torch.float32
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        losses.append(float(loss.detach().mean()))
    assert losses[-1] < losses[0]
    after = dict(transformer.named_parameters())
    assert all(torch.equal(after[name], before) for name, before in frozen.items())


def test_half_precision_gives_nearly_the_same_loss(base: VideoBase) -> None:
    batch = made_up_batch(base, [0.2, 0.8])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = base.training_loss(with_acting_adapter(base, "bfloat16"), batch)
    with torch.no_grad():
        full = base.training_loss(with_acting_adapter(base), batch)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, rtol=0.05, atol=0)


def test_a_saved_adapter_does_in_the_pipeline_what_it_did_in_memory(
    base: VideoBase, tmp_path: Path
) -> None:
    trained, file = with_acting_adapter(base), tmp_path / "adapter.safetensors"
    base.save_adapter(trained, SHAPE, {"slora.step": "1"}, file)
    header = read_safetensors_header(file)["__metadata__"]
    settings = json.loads(header["lora_adapter_metadata"])
    assert (settings["transformer.r"], settings["transformer.lora_alpha"]) == (4, 2.0)
    again = tmp_path / "again.safetensors"
    base.save_adapter(trained, SHAPE, {"slora.step": "1"}, again)
    assert again.read_bytes() == file.read_bytes()

    pipeline = base.pipeline("cpu", "float32", text=False)
    batch = made_up_batch(base, [0.5])
    with torch.no_grad():
        plain = base.training_loss(pipeline.transformer, batch)
        base.load_adapter(pipeline, file, ADAPTER_NAME)
        served = base.training_loss(pipeline.transformer, batch)
        memory = base.training_loss(trained.eval(), batch)
    torch.testing.assert_close(served, memory, rtol=1e-6, atol=0)
    assert not torch.allclose(served, plain, rtol=1e-3)
    other = tmp_path / "other.safetensors"
    save_file({"transformer.blocks.0.weight": np.zeros(3, np.float32)}, other)
    with pytest.raises(IntegrityError, match="without effect"):
        base.load_adapter(pipeline, other, "other")


def test_clips_have_the_declared_geometry_and_follow_seed_and_adapter(
    base: VideoBase, tmp_path: Path
) -> None:
    pipeline = base.pipeline("cpu", "float32")
    embeddings = base.encode_text(base.load_text_encoder("cpu"), PROMPTS)
    seen: list[tuple[int, int]] = []

    def many() -> list[NDArray[np.uint8]]:
        return base.generate_many(
            pipeline,
            embeddings=[embeddings[0]] * 2,
            empty_embedding=embeddings[1],
            seeds=[1, 2],
            steps=2,
            guidance_scale=3.0,
        )

    def one(seed: int) -> NDArray[np.uint8]:
        return base.generate(
            pipeline,
            prompt=PROMPTS[0],
            seed=seed,
            steps=2,
            guidance_scale=3.0,
            on_step=lambda done, of: seen.append((done, of)),
        )

    clips, g = many(), base.geometry
    assert [clip.shape for clip in clips] == [(g.frames, g.height, g.width, 3)] * 2
    assert clips[0].dtype == np.uint8
    assert _difference(*clips) > 1
    # Cached embeddings are the prompt: they only differ by their rounding to fp16.
    assert _difference(one(1), clips[0]) < 0.1
    assert seen == [(1, 2), (2, 2)]

    file = tmp_path / "adapter.safetensors"
    base.save_adapter(with_acting_adapter(base), SHAPE, {}, file)
    base.load_adapter(pipeline, file, ADAPTER_NAME)
    assert _difference(many()[0], clips[0]) > 0.01


def test_training_calls_the_denoiser_as_sampling_does(base: VideoBase) -> None:
    """Same arguments, same shapes, same positions: what is learnt is what is asked later."""
    pipeline = base.pipeline("cpu", "float32", text=False)
    calls: list[dict[str, Any]] = []

    def note(_module: Any, _args: Any, named: dict[str, Any]) -> None:
        calls.append({k: v for k, v in named.items() if k not in _NEVER_OURS})

    pipeline.transformer.register_forward_pre_hook(note, with_kwargs=True)
    empty = np.zeros(base.text_shape(), np.float16)
    empty[:3] = 1
    base.generate_many(
        pipeline,
        embeddings=[empty],
        empty_embedding=empty,
        seeds=[1],
        steps=2,
        guidance_scale=1.0,
    )
    with torch.no_grad():
        base.training_loss(pipeline.transformer, made_up_batch(base, [0.5]))
    sampled, trained = calls[0], calls[-1]
    assert trained.keys() == sampled.keys()
    for name, theirs in sampled.items():
        ours = trained[name]
        if name == "image_rotary_emb" and theirs is not None:
            assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
        elif isinstance(theirs, torch.Tensor):
            assert ours.shape == theirs.shape, name
        else:
            assert ours == theirs, name
