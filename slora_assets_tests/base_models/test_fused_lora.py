"""The fused pass through an adapter computes what PEFT's layers compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from slora_assets.base_models.base import BaseModel
from slora_assets.config.training import LeverSettings
from slora_assets.training.fused_lora import fuse_adapter
from slora_assets.training.levers import pull
from slora_assets_tests.base_models.conftest import SHAPE, made_up_batch


def _acting(base: BaseModel, dtype: str = "float32") -> Any:
    """A denoiser in training mode whose adapter is not zero."""
    transformer = base.load_transformer("cpu", dtype)
    base.add_adapter(transformer, SHAPE, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in transformer.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 4)
    return transformer.train()


def _loss_and_gradients(base: BaseModel, transformer: Any) -> tuple[Any, Any]:
    loss = base.training_loss(transformer, made_up_batch(base, [0.3, 0.8])).mean()
    loss.backward()
    trained = [p for p in transformer.parameters() if p.requires_grad]
    assert {p.grad.dtype for p in trained} == {torch.float32}
    return loss.detach(), torch.cat([p.grad.flatten() for p in trained])


@pytest.mark.parametrize("checkpointing", [False, True])
def test_loss_and_gradients_are_peft_s(base: BaseModel, checkpointing: bool) -> None:
    peft, fused = _acting(base), _acting(base)
    adapted = sum(1 for name, _ in fused.named_modules() if name.endswith(".lora_A"))
    assert fuse_adapter(fused) == adapted
    if checkpointing:
        fused.enable_gradient_checkpointing()
    expected, found = _loss_and_gradients(base, peft), _loss_and_gradients(base, fused)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=1e-6)
    close = torch.linalg.vector_norm(found[1] - expected[1])
    assert close < 1e-4 * torch.linalg.vector_norm(expected[1])


def test_offloaded_blocks_can_be_fused(base: BaseModel) -> None:
    fused, offloaded = _acting(base), _acting(base)
    for model in (fused, offloaded):
        assert fuse_adapter(model) > 0
    pull(offloaded, LeverSettings(offload_blocks=1), "cpu")
    expected, found = (_loss_and_gradients(base, model) for model in (fused, offloaded))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_under_autocast_it_is_as_near_to_fp32_as_peft_is(base: BaseModel) -> None:
    exact = _loss_and_gradients(base, _acting(base))[1]
    away = []
    for fuses in (False, True):
        transformer = _acting(base, "bfloat16")
        if fuses:
            fuse_adapter(transformer)
        with torch.autocast("cpu", torch.bfloat16):
            gradients = _loss_and_gradients(base, transformer)[1]
        away.append(float(torch.linalg.vector_norm(gradients - exact)))
    assert away[1] < 1.1 * away[0]


def test_what_is_not_differentiated_has_peft_s_bytes(base: BaseModel) -> None:
    """Validation, export's proof and serving see one and the same model."""
    batch = made_up_batch(base, [0.3, 0.8])
    peft, fused = _acting(base), _acting(base)
    fuse_adapter(fused)
    with torch.no_grad():
        losses = [base.training_loss(model.eval(), batch) for model in (peft, fused)]
    assert torch.equal(*losses)
    for model in (peft, fused):
        model.disable_adapters()
    off = [base.training_loss(model.train(), batch) for model in (peft, fused)]
    assert torch.equal(*off)
    assert not torch.equal(off[0], losses[0])
