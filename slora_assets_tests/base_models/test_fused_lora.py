"""The fused pass through an adapter computes what PEFT's layers compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from slora_assets.base_models.seam import VideoBase
from slora_assets.config.training import LeverSettings
from slora_assets.training.speed.fused_lora import fuse_adapter
from slora_assets.training.speed.levers import apply_levers
from slora_assets_tests.base_models.conftest import made_up_batch, with_acting_adapter


def _acting(base: VideoBase, dtype: str = "float32") -> Any:
    return with_acting_adapter(base, dtype).train()


def _loss_and_gradients(base: VideoBase, transformer: Any, seed: int = 0) -> tuple[Any, Any]:
    loss = base.training_loss(transformer, made_up_batch(base, [0.3, 0.8], seed)).mean()
    trained = [p for p in transformer.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss, trained)
    assert {gradient.dtype for gradient in gradients} == {torch.float32}
    return loss.detach(), torch.cat([gradient.flatten() for gradient in gradients])


@pytest.mark.parametrize("checkpointing", [False, True])
def test_loss_and_gradients_are_peft_s(base: VideoBase, checkpointing: bool) -> None:
    peft, fused = _acting(base), _acting(base)
    adapted = sum(1 for name, _ in fused.named_modules() if name.endswith(".lora_A"))
    assert fuse_adapter(fused) == adapted
    if checkpointing:
        fused.enable_gradient_checkpointing()
    expected, found = _loss_and_gradients(base, peft), _loss_and_gradients(base, fused)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=1e-6)
    close = torch.linalg.vector_norm(found[1] - expected[1])
    assert close < 1e-4 * torch.linalg.vector_norm(expected[1])


def test_offloaded_blocks_can_be_fused(base: VideoBase) -> None:
    fused, offloaded = _acting(base), _acting(base)
    for model in (fused, offloaded):
        assert fuse_adapter(model) > 0
    apply_levers(offloaded, LeverSettings(offload_blocks=1), "cpu")
    expected, found = (_loss_and_gradients(base, model) for model in (fused, offloaded))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_under_autocast_it_is_as_near_to_fp32_as_peft_is(base: VideoBase) -> None:
    exact, peft, fused = _acting(base), _acting(base, "bfloat16"), _acting(base, "bfloat16")
    fuse_adapter(fused)
    away = {"peft": 0.0, "fused": 0.0}
    # One batch's rounding may favour either by a quarter.
    for seed in range(8):
        gradients = _loss_and_gradients(base, exact, seed)[1]
        for name, model in (("peft", peft), ("fused", fused)):
            with torch.autocast("cpu", torch.bfloat16):
                found = _loss_and_gradients(base, model, seed)[1]
            away[name] += float(torch.linalg.vector_norm(found - gradients))
    assert away["fused"] < 1.1 * away["peft"]


def test_what_is_not_differentiated_has_peft_s_bytes(base: VideoBase) -> None:
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
