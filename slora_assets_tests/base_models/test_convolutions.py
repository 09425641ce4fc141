"""A clip that goes through a VAE alone is treated as one of several."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.seam import VideoBase


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Several split a sum by the size of the batch."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_alone_or_in_a_batch_a_clip_has_the_same_latents_and_pixels(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    base = open_base(MINIATURE, tmp_path_factory.mktemp("models"))
    g = base.geometry
    generator = torch.Generator().manual_seed(0)
    clips = torch.rand((2, 3, g.frames, g.height, g.width), generator=generator) * 2 - 1
    latents = torch.randn((2, *base.latent_shape()), generator=generator)
    for vae in (base.load_vae("cpu"), base.pipeline("cpu", "float32", text=False).vae):
        with torch.no_grad():
            encoded = [vae.encode(given).latent_dist.parameters for given in (clips, clips[:1])]
            decoded = [vae.decode(given).sample for given in (latents, latents[:1])]
        assert torch.equal(encoded[0][:1], encoded[1])
        assert torch.equal(decoded[0][:1], decoded[1])


def test_latents_are_those_of_torch_s_own_convolutions(base: VideoBase) -> None:
    g = base.geometry
    clip = torch.rand((1, 3, g.frames, g.height, g.width)) * 2 - 1
    vae = base.load_vae("cpu")
    with torch.no_grad():
        found = vae.encode(clip).latent_dist.parameters
    # What is to be differentiated is left to torch.
    expected = vae.encode(clip.requires_grad_(True)).latent_dist.parameters
    torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-4)
    assert torch.autograd.grad(expected.sum(), clip)[0].abs().max() > 0
