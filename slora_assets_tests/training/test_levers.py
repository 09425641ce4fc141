"""Levers change what is kept where, not what is learnt (rounding apart)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.errors import TrainingError
from slora_assets.config.training import LeverSettings, OptimizerSettings, TrainingSettings
from slora_assets.training.loop.checkpoints import RunPosition, load_checkpoint, save_checkpoint
from slora_assets.training.loop.optimizer import new_optimizer
from slora_assets.training.speed.levers import apply_levers
from slora_assets.training.speed.memory import is_out_of_memory, out_of_memory
from slora_assets_tests.training.adapted import loss_and_gradients, with_adapter


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> VideoBase:
    return open_base(MINIATURE, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def plain(base: VideoBase) -> tuple[float, torch.Tensor]:
    return loss_and_gradients(base, with_adapter(base))


@pytest.mark.parametrize("count", [3, 8])
def test_offloaded_blocks_give_the_same_loss_and_gradients(
    base: VideoBase, plain: tuple[float, torch.Tensor], count: int
) -> None:
    transformer = with_adapter(base)
    apply_levers(transformer, LeverSettings(offload_blocks=count), "cpu")
    loss, gradients = loss_and_gradients(base, transformer)
    assert loss == plain[0]
    assert torch.equal(gradients, plain[1])


@pytest.mark.parametrize(("kind", "bytes_a_weight"), [("int8", 1.1), ("fp8", 1.5), ("nf4", 0.7)])
def test_a_rounded_base_is_smaller_and_its_adapter_alone_learns(
    base: VideoBase, plain: tuple[float, torch.Tensor], kind: Any, bytes_a_weight: float
) -> None:
    pytest.importorskip("bitsandbytes" if kind == "nf4" else "torchao")
    transformer = with_adapter(base)
    names = {n for n, p in transformer.named_parameters() if p.requires_grad}
    block = transformer.transformer_blocks[0]
    weights = sum(p.numel() for p in block.parameters() if not p.requires_grad)
    apply_levers(transformer, LeverSettings(quantize=kind), "cpu")
    assert {n for n, p in transformer.named_parameters() if p.requires_grad} == names
    assert _stored_bytes(block) < bytes_a_weight * weights
    loss, gradients = loss_and_gradients(base, transformer)
    assert loss == pytest.approx(plain[0], rel=0.05)
    assert torch.nn.functional.cosine_similarity(gradients, plain[1], dim=0) > 0.9


def _stored_bytes(block: Any) -> int:
    """Bytes of the frozen weights, in tensors that hold others inside too."""
    total = 0
    for parameter in block.parameters():
        if not parameter.requires_grad:
            inner = getattr(parameter, "tensor_data_names", None)
            parts = [getattr(parameter, n) for n in inner] if inner else [parameter]
            total += sum(part.numel() * part.element_size() for part in parts)
    return total


def test_more_blocks_than_there_are_is_an_error_with_the_number(base: VideoBase) -> None:
    with pytest.raises(TrainingError, match="at most 8"):
        apply_levers(with_adapter(base), LeverSettings(offload_blocks=9), "cpu")


def test_levers_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="choose int8"):
        LeverSettings(quantize="nf4", offload_blocks=1)


def test_when_memory_runs_out_the_levers_come_with_numbers(base: VideoBase) -> None:
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 PB")
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("size mismatch"))
    transformer = with_adapter(base)
    weights = sum(p.nbytes for p in transformer.parameters())
    settings = TrainingSettings(batch_size=4)
    message = str(out_of_memory(error, transformer, settings, weights + 8_000_000_000))
    assert "gradient_checkpointing=true" in message
    assert "1.00 GB instead of 8.00 GB" in message, "one block of eight"
    assert "batch_size=2 with accumulation_steps=2" in message
    assert "4.00 GB of activations" in message
    assert "levers.quantize=nf4" in message
    assert "levers.shard_blocks=true with two processes keeps 0.01 GB" in message
    shared = settings.model_copy(update={"levers": LeverSettings(shard_blocks=True)})
    message = str(out_of_memory(error, transformer, shared, weights + 8_000_000_000))
    assert "levers." not in message, "the others don't go with it"


def test_eight_bit_moments_survive_a_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")

    def stepped(optimizer: torch.optim.Optimizer, seed: int) -> None:
        draws = torch.Generator().manual_seed(seed)
        for parameter in optimizer.param_groups[0]["params"]:
            parameter.grad = torch.randn(parameter.shape, generator=draws)
        optimizer.step()

    def fresh() -> tuple[dict[str, torch.nn.Parameter], torch.optim.Optimizer]:
        named = {name: torch.nn.Parameter(torch.ones(64, 128)) for name in ("lora_A", "lora_B")}
        return named, new_optimizer(named.values(), OptimizerSettings(kind="adamw_8bit"))

    parameters, optimizer = fresh()
    stepped(optimizer, 1)
    assert optimizer.state[parameters["lora_A"]]["state1"].dtype == torch.uint8
    save_checkpoint(tmp_path, "run", RunPosition(step=1), parameters, optimizer, None)
    stepped(optimizer, 2)
    resumed, other = fresh()
    assert load_checkpoint(tmp_path, {"run"}, resumed, other) is not None
    stepped(other, 2)
    for name, parameter in parameters.items():
        assert torch.equal(resumed[name], parameter)
