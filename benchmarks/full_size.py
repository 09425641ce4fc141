"""CogVideoX-2b at full size on one GPU: `python benchmarks/full_size.py`.

Random weights of the published configuration do for speed: 49 frames of 720x480, LoRA of rank 64,
fp16 base and fp32 adapter. Prints seconds per step, peak memory and model FLOPs utilisation for
batch 1 with and batch 4 with gradient checkpointing, with GPU, driver, torch and commit. Targets on
an H100: at most 1.3 s per step, at most 13 GB at batch 1. Without a GPU it says so and measures
nothing.

Model FLOPs are counted by torch's own counter in one forward pass; a LoRA step needs that forward
pass, another for recomputation, and the gradient with respect to activations, as much as a forward
pass again (the frozen weights' own gradients are never made).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

TRANSFORMER = {
    "num_attention_heads": 30,
    "attention_head_dim": 64,
    "num_layers": 30,
    "in_channels": 16,
    "out_channels": 16,
    "text_embed_dim": 4096,
    "max_text_seq_length": 226,
    "sample_width": 90,
    "sample_height": 60,
    "sample_frames": 49,
    "patch_size": 2,
    "temporal_compression_ratio": 4,
}
"""`transformer/config.json` of THUDM/CogVideoX-2b, where it differs from the class's defaults."""
LATENT = (13, 16, 60, 90)
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense fp16 with tensor cores, by NVIDIA's data sheets."""
STEPS = 8


def new_model(device: str, dtype: Any, layers: int) -> Any:
    """The transformer with its adapter."""
    import torch
    from diffusers import CogVideoXTransformer3DModel
    from peft import LoraConfig

    with torch.device(device):
        model = CogVideoXTransformer3DModel(**(TRANSFORMER | {"num_layers": layers}))
    model = model.to(dtype).requires_grad_(False)
    model.add_adapter(
        LoraConfig(r=64, lora_alpha=64, target_modules=["to_q", "to_k", "to_v", "to_out.0"])
    )
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    model.enable_gradient_checkpointing()
    return model.train()


def measure(model: Any, device: str, dtype: Any, batch: int, latent: tuple[int, ...]) -> str:
    """One row of the table."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    noisy = torch.randn((batch, *latent), device=device, dtype=dtype)
    text = torch.randn((batch, 226, 4096), device=device, dtype=dtype)
    times = torch.full((batch,), 500, device=device)

    def forward() -> Any:
        with torch.autocast(device, dtype):
            return model(noisy, text, times, return_dict=False)[0].float().square().mean()

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        forward()
    cuda = device == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    took = []
    for _ in range(STEPS):
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        forward().backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        if cuda:
            torch.cuda.synchronize()
        took.append(time.perf_counter() - began)
    seconds = sorted(took[2:])[len(took[2:]) // 2]
    peak = torch.cuda.max_memory_allocated() / 1e9 if cuda else float("nan")
    name = torch.cuda.get_device_name() if cuda else "cpu"
    most = next((value for key, value in PEAK_FLOPS.items() if key in name), float("nan"))
    share = 2 * counter.get_total_flops() / seconds / most
    return f"| {batch} | {seconds:.2f} | {peak:.1f} | {share:.0%} |"


def where() -> str:
    """GPU, driver, torch and commit."""
    import torch

    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    gpu = "no GPU"
    if shutil.which(query[0]):
        gpu = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return f"{gpu}, torch {torch.__version__}, commit {commit or 'unknown'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny-on-cpu", action="store_true", help="try the code, measure nothing")
    options = parser.parse_args()
    import torch

    if not torch.cuda.is_available() and not options.tiny_on_cpu:
        print("not measured: this machine has no GPU")
        return
    device, layers, latent = "cuda", 30, LATENT
    if options.tiny_on_cpu:
        device, layers, latent = "cpu", 1, (3, 16, 8, 12)
    dtype = torch.float16 if device == "cuda" else torch.bfloat16
    model = new_model(device, dtype, layers)
    print(where())
    print("| batch | s/step | peak GB | model FLOPs utilisation |\n|---|---|---|---|")
    for batch in (1, 4):
        print(measure(model, device, dtype, batch, latent), flush=True)


if __name__ == "__main__":
    main()
