"""How a model is run: the kernel of its attention."""

from __future__ import annotations

import pytest
import torch

from slora_assets.base_models.sampling import choose_attention


@pytest.mark.parametrize(
    ("device", "tokens", "fused"),
    [("cpu", 100, False), ("cpu:0", 100, False), ("cpu:0", 5000, True), ("cuda:1", 100, True)],
)
def test_short_sequences_on_a_cpu_alone_take_plain_attention(
    device: str, tokens: int, fused: bool
) -> None:
    before = torch.backends.cuda.flash_sdp_enabled()
    try:
        choose_attention(device, tokens)
        assert torch.backends.cuda.flash_sdp_enabled() is fused
    finally:
        torch.backends.cuda.enable_flash_sdp(before)
