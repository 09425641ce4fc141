"""Converted adapters do what the originals do, in slora, in diffusers and on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy

from slora_assets.adapter_files.conversion import CONVERSION, convert
from slora_assets.adapter_files.naming import Naming
from slora_assets.adapter_files.tensor_file import read_tensors, write_tensors
from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.base_models.seam import LoraShape, TrainingBatch
from slora_assets.config.errors import ConfigError, IntegrityError, MissingInputError
from slora_assets_tests.adapter_files.made import (
    ATTENTION,
    FOREIGN,
    adapter,
    canonical,
)
from slora_assets_tests.base_models.small import acting_adapter


def test_a_trained_adapter_generates_the_same_after_the_way_there_and_back(tmp_path: Path) -> None:
    import torch

    base = open_base(MINIATURE, tmp_path)
    shape = LoraShape(4, 2.0, ("to_q", "to_k", "to_v", "to_out.0"))
    transformer = acting_adapter(base, shape, seed=0, size=0.1)
    source = tmp_path / "pytorch_lora_weights.safetensors"
    base.save_adapter(transformer, shape, {"slora.base": "miniature", "slora.step": "3"}, source)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((1, 16, 3, 8, 12), generator=generator)
    batch = TrainingBatch(
        moments=torch.cat([noise, noise], dim=1),
        embeddings=torch.randn((1, 32, 192), generator=generator),
        noise=noise.flip(2),
        posterior_noise=noise,
        positions=torch.tensor([0.5]),
    )

    def loss(file: Path) -> float:
        pipeline = base.pipeline("cpu", "float32", text=False)
        base.load_adapter(pipeline, file, "it")
        with torch.no_grad():
            return float(base.training_loss(pipeline.transformer, batch))

    for naming in FOREIGN:
        foreign, back = tmp_path / f"{naming}.safetensors", tmp_path / f"{naming}_back.safetensors"
        convert(source, naming, foreign)
        convert(foreign, Naming.DIFFUSERS, back)
        assert back.read_bytes() == source.read_bytes()
        with pytest.raises(IntegrityError, match="without effect"):
            base.load_adapter(base.pipeline("cpu", "float32", text=False), foreign, "it")
        # The same again without our entry in the header, as another program may leave the file.
        tensors, metadata = read_tensors(foreign)
        del metadata[CONVERSION]
        write_tensors(foreign, tensors, metadata)
        convert(foreign, Naming.DIFFUSERS, back)
        assert loss(back) == loss(source)


@pytest.mark.parametrize("naming", FOREIGN)
def test_diffusers_reads_the_converted_wan_adapter_as_it_reads_the_original(
    tmp_path: Path, naming: Naming
) -> None:
    import torch
    from diffusers import WanPipeline, WanTransformer3DModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    def model() -> Any:
        torch.manual_seed(0)
        return WanTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=4,
            out_channels=4,
            text_dim=8,
            freq_dim=8,
            ffn_dim=16,
            num_layers=2,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            rope_max_seq_len=32,
        ).eval()

    def output(file: Path | None) -> Any:
        transformer = model()
        if file is not None:
            found, metadata = WanPipeline.lora_state_dict(
                str(tmp_path), weight_name=file.name, return_lora_metadata=True
            )
            WanPipeline.load_lora_into_transformer(found, transformer, metadata=metadata)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            return transformer(
                torch.randn((1, 4, 1, 8, 8), generator=generator),
                torch.tensor([5]),
                torch.randn((1, 4, 8), generator=generator),
                return_dict=False,
            )[0]

    teacher = model()
    targets = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]
    teacher.add_adapter(
        LoraConfig(r=4, lora_alpha=2, target_modules=targets, init_lora_weights=False)
    )
    source = tmp_path / "source.safetensors"
    WanPipeline.save_lora_weights(
        tmp_path,
        get_peft_model_state_dict(teacher),
        weight_name=source.name,
        transformer_lora_adapter_metadata={"r": 4, "lora_alpha": 2, "target_modules": targets},
    )
    target = tmp_path / "converted.safetensors"
    convert(source, naming, target)
    torch.testing.assert_close(output(target), output(source))
    assert (output(source) - output(None)).abs().max() > 1e-3


def test_diffusers_reads_the_converted_ltx_adapter_under_the_original_names(tmp_path: Path) -> None:
    from diffusers import LTXPipeline

    layers = [f"transformer_blocks.0.attn2.{part}" for part in ("to_q", "to_out.0")]
    source = adapter(tmp_path / "a.safetensors", layers, rank=2, alpha=2.0)
    convert(source, Naming.COMFYUI, tmp_path / "b.safetensors")
    found = LTXPipeline.lora_state_dict(str(tmp_path), weight_name="b.safetensors")
    assert sorted(found) == sorted(safetensors.numpy.load_file(source))


def test_the_command_converts_and_says_what_it_found(tmp_path: Path) -> None:
    source = adapter(tmp_path / "a.safetensors", ATTENTION, 2, 0.5)
    out = tmp_path / "b.safetensors"

    def slora(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "slora_assets.cli", "convert", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = slora(str(source), "--to", "kohya", "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{out}: 2 layers of cogvideox, rank 2, alpha 0.5\n"
    refused = slora(str(tmp_path / "none"), "--to", "kohya", "--out", str(out))
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ") and "no such file" in refused.stderr


def test_the_converter_needs_neither_torch_nor_dagster() -> None:
    code = (
        "import sys, slora_assets.cli, slora_assets.adapter_files.conversion;"
        "print([name for name in ('torch', 'dagster', 'diffusers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_places_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    source = adapter(tmp_path / "a", ATTENTION)
    with pytest.raises(ConfigError, match="in place"):
        convert(source, Naming.KOHYA, source)
    with pytest.raises(MissingInputError):
        convert(tmp_path / "none", Naming.KOHYA, tmp_path / "b")
    with pytest.raises(ConfigError, match="no such architecture"):
        convert(source, Naming.KOHYA, tmp_path / "b", "unet")


def test_the_architecture_can_be_said_where_the_layers_do_not_tell(tmp_path: Path) -> None:
    source = adapter(tmp_path / "a", ATTENTION)
    convert(source, Naming.COMFYUI, tmp_path / "b", "ltx")
    keys = read_tensors(tmp_path / "b")[0]
    assert f"diffusion_model.{ATTENTION[0]}.lora_A.weight" in keys
    convert(tmp_path / "b", Naming.DIFFUSERS, tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == canonical(source, tmp_path / "d")
