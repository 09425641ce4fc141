"""slora beside diffusers' LoRA example for CogVideoX, run as it is published.

    python benchmarks/trainer_peer.py --script train_cogvideox_lora.py [--packages FOLDER]

The script is `examples/cogvideo/train_cogvideox_lora.py` of huggingface/diffusers, no part of this
project, and runs unchanged. It needs `decord`, which slora doesn't: `pip install --no-deps --target
FOLDER decord`. Both sides get the same clips and captions and a thread per core, and are timed from
the command to its end: the script's is `accelerate launch`, as its README says; ours is what `make
data preprocess train-scenarios` runs: Dagster, curation, first frames, latents, embeddings, from
nothing, and the training, in processes of their own.

`wall`    footage to adapter at equal rank, alpha, batch, learning rate, optimizer and steps, no
          caption dropout. The script doesn't validate; ours is shown twice: as it comes, with
          samples, CLIP score and held-out loss before the first and after each of five epochs, and
          with one epoch as long and one clip, prompt and sampling step to validate on. Processor
          seconds stand in brackets: on a busy machine they are the ones to compare, but ours leave
          out workers that are forked by a server, which the system doesn't count as children.
`published`  the same at the settings of the script's README (rank and alpha 64, batch 1, 30 epochs,
          Adam at 1e-3, cosine after 200 steps; fp32 as there is no GPU; no tiling, which would cut
          frames this small).
`memory`  as `wall` on a base of ~20 M parameters with random weights and the text encoder and VAE
          in CogVideoX-2b's proportions (`models.py`): wall clock, peak resident memory of the
          largest process, and of all together. What a process holds with the libraries alone is
          printed too: some 1 GB, which hides the ratio on a base this small;
          `--transformer-parameters` takes a larger one.
`loss`    the script by its README once more, then ours by the default recipe until an epoch's
          held-out loss is no higher. Held-out losses of both are
          `slora_assets.validation.metrics.held_out_loss`'s, same clips.

Target: wall at most 0.9, memory at most 0.5, loss at most 0.5.
"""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
import tempfile
from pathlib import Path

from measured import Measured, measured
from models import build_cogvideox, sizes
from peer_runs import (
    BATCH,
    DEFAULT_RECIPE,
    EPOCHS,
    RANK,
    OurRun,
    Peer,
    equal_arguments,
    equal_recipe,
    held_out,
    published_recipe,
)

from slora_assets.base_models.catalogue import MINIATURE, miniature_folder

_LIBRARIES = "import torch, diffusers.pipelines.cogvideo.pipeline_cogvideox, transformers, peft"


def wall(peer: Peer, repeats: int) -> None:
    base = miniature_folder(peer.root, "base")
    steps = peer.steps(repeats)
    theirs, their_file = peer.theirs("wall_theirs", base, equal_arguments(steps))
    bare = peer.ours("wall_bare", equal_recipe(MINIATURE, repeats, validated=False))
    whole = peer.ours("wall_ours", equal_recipe(MINIATURE, repeats, validated=True))
    print(f"wall: miniature, {peer.train_clips} clips, {steps} steps of {BATCH}, rank {RANK}")
    print(f"  script               {_took(theirs)}")
    for name, run in (("ours, no validation", bare), ("ours, as it comes", whole)):
        print(
            f"  {name:20} {_took(run.took)}: {run.prepared_s:.1f} s to prepare; ratio"
            f" {_ratio(run, theirs)}"
        )
    alone = held_out(peer, MINIATURE, None)
    losses = [held_out(peer, MINIATURE, file) for file in (their_file, whole.adapter())]
    said = whole.epochs[EPOCHS][1]
    print(
        f"  held-out loss: base {alone:.4f}, script {losses[0]:.4f}, ours {losses[1]:.4f}"
        f" (the run says {said:.4f})",
        flush=True,
    )


def published(peer: Peer, epochs: int) -> None:
    base = miniature_folder(peer.root, "base")
    theirs, their_file = peer.published(base, epochs)
    ours = peer.ours("published_ours", published_recipe(MINIATURE, epochs))
    steps = epochs * peer.train_clips
    print(f"published: miniature, {peer.train_clips} clips, {steps} steps of 1, rank 64")
    print(f"  script               {_took(theirs)}")
    print(
        f"  ours                 {_took(ours.took)}: {ours.prepared_s:.1f} s to prepare; ratio"
        f" {_ratio(ours, theirs)}"
    )
    losses = [held_out(peer, MINIATURE, file) for file in (their_file, ours.adapter())]
    print(f"  held-out loss: script {losses[0]:.4f}, ours {losses[1]:.4f}", flush=True)


def memory(peer: Peer, repeats: int, parameters: float) -> None:
    folder = build_cogvideox(peer.root / "base", parameters)
    steps = peer.steps(repeats)
    libraries = measured(
        [sys.executable, "-c", _LIBRARIES],
        peer.root / "libraries.txt",
        peer.root,
        {"PYTHONPATH": ""},
    ).largest_bytes
    theirs, _ = peer.theirs("memory_theirs", folder, equal_arguments(steps))
    ours = peer.ours("memory_ours", equal_recipe(str(folder), repeats, validated=False))
    print(f"memory: {sizes(folder)}; {steps} steps of {BATCH}")
    print(f"  libraries alone      {_mb(libraries)}")
    print(
        f"  script               {_mb(theirs.largest_bytes)}, all its processes"
        f" {_mb(theirs.peak_bytes)}; {_took(theirs)}"
    )
    took = ours.took
    above = (took.largest_bytes - libraries) / (theirs.largest_bytes - libraries)
    print(
        f"  ours                 {_mb(took.largest_bytes)}, ratio"
        f" {took.largest_bytes / theirs.largest_bytes:.2f}, above the libraries {above:.2f}; all"
        f" processes {_mb(took.peak_bytes)}, ratio {took.peak_bytes / theirs.peak_bytes:.2f};"
        f" {_took(took)}, ratio {_ratio(ours, theirs)}",
        flush=True,
    )


def loss(peer: Peer, epochs: int) -> None:
    base = miniature_folder(peer.root, "base")
    theirs, their_file = peer.published(base, epochs)
    target, alone = held_out(peer, MINIATURE, their_file), held_out(peer, MINIATURE, None)
    ours = peer.ours("loss_ours", DEFAULT_RECIPE, until=lambda found: found <= target)
    print(f"loss: miniature, the script by its README, {epochs} epochs of {peer.train_clips} clips")
    print(f"  script               {_took(theirs)} to {target:.4f} (base {alone:.4f})")
    for epoch, (seconds, found) in sorted(ours.epochs.items()):
        print(f"  ours, epoch {epoch}        {seconds:7.1f} s to {found:.4f}")
    reached = [t for epoch, (t, found) in ours.epochs.items() if epoch and found <= target]
    if reached:
        ratio = min(reached) / theirs.seconds
        print(f"  ours reached it after {min(reached):.1f} s, ratio {ratio:.2f}")
    else:
        print(f"  ours did not reach it in {ours.took.seconds:.1f} s")


def _ratio(ours: OurRun, theirs: Measured) -> str:
    took = ours.took
    return f"{took.seconds / theirs.seconds:.2f} [{took.cpu_s / theirs.cpu_s:.2f}]"


def _took(run: Measured) -> str:
    return f"{run.seconds:7.1f} s [{run.cpu_s:.0f}]"


def _mb(count: int) -> str:
    return f"{count / 2**20:7.0f} MiB"


def _folder(kept: Path | None) -> Path:
    """An empty folder; the script takes a base for bf16 when its path holds `5b`."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    while True:
        root = Path(tempfile.mkdtemp(prefix="peer-", dir=kept)).resolve()
        if "5b" not in str(root).lower():
            return root


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--packages", type=Path, help="folder that holds decord")
    parser.add_argument("--figures", default="wall,published,memory,loss")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=4, help="passes over the clips per epoch")
    parser.add_argument("--memory-repeats", type=int, default=4)
    parser.add_argument("--published-epochs", type=int, default=30)
    parser.add_argument("--transformer-parameters", type=float, default=20e6)
    parser.add_argument("--keep", type=Path, help="leave runs and logs in this folder")
    options = parser.parse_args()
    packages = options.packages.resolve() if options.packages else None
    sys.path += [str(packages)] if packages else []
    if importlib.util.find_spec("decord") is None:
        sys.exit(
            "the script needs decord: pip install --no-deps --target FOLDER decord, then"
            " --packages FOLDER"
        )
    # Ended from outside, it ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    root = _folder(options.keep)
    peer = Peer(root, options.script.resolve(), packages, options.clips)
    figures = options.figures.split(",")
    if "wall" in figures:
        wall(peer, options.repeats)
    if "published" in figures:
        published(peer, options.published_epochs)
    if "memory" in figures:
        memory(peer, options.memory_repeats, options.transformer_parameters)
    if "loss" in figures:
        loss(peer, options.published_epochs)


if __name__ == "__main__":
    main()
