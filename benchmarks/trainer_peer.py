"""slora beside diffusers' LoRA example for CogVideoX, run as it is published.

    python benchmarks/trainer_peer.py --script train_cogvideox_lora.py [--packages FOLDER]

The script is `examples/cogvideo/train_cogvideox_lora.py` of huggingface/diffusers, no part of this
project, and runs unchanged. It needs `decord`, which slora doesn't: `pip install --no-deps --target
FOLDER decord`. Both sides get the same clips and captions, are launched by accelerate with a thread
a core, and are timed from the command to its end: ours are `launch data preprocess` (Dagster,
curation, first frames, latents, embeddings, from nothing) and the training command.

`wall`    footage to adapter at equal rank, alpha, batch, learning rate, optimizer and steps, no
          caption dropout. The script doesn't validate; ours is shown twice: as it comes, with
          samples, CLIP score and held-out loss before the first and after each of five epochs, and
          with one epoch as long and one clip, prompt and sampling step to validate on. Processor
          seconds stand in brackets: on a busy machine they are the ones to compare.
`memory`  the same on a base of ~20 M parameters with random weights and the text encoder and VAE in
          CogVideoX-2b's proportions (`models.py`): peak resident memory of all processes. What
          Python holds with the libraries alone is printed too, since it hides the ratio on a base
          this small.
`loss`    the script by its README's recipe (rank and alpha 64, Adam at 1e-3, batch 1, 30 epochs,
          cosine with restarts after 200 steps; fp32 as there is no GPU; no tiling, which would cut
          frames this small), then ours by the default recipe until an epoch's held-out loss is no
          higher. Held-out losses of both are `slora_assets.validation.held_out`'s, same clips.

Target: wall at most 0.9, memory at most 0.5, loss at most 0.5.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import peer_data
from measured import Measured, measured
from models import build_cogvideox, sizes
from peer_data import SCENARIO, Footage

from slora_assets.base_models.registry import MINIATURE, miniature_folder
from slora_assets.miniature import architecture

EPOCHS = 5
RANK = 16
BATCH = 4
LEARNING_RATE = 1e-3
_LIBRARIES = "import torch, diffusers.pipelines.cogvideo.pipeline_cogvideox, transformers, peft"
_LAUNCH = [
    sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "1", "--num_machines",
    "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process",
    str(os.cpu_count() or 1),
]  # fmt: skip


class Peer:
    """Both sides on one set of clips; every run gets a folder of its own under `root`."""

    def __init__(self, root: Path, script: Path, packages: Path | None, clips: int) -> None:
        self.root, self.script = root, script
        self.footage: Footage = peer_data.render(root / "footage", clips)
        self._packages = [str(packages)] if packages else []
        self._data = peer_data.script_folder(root / "script_data", self.footage)
        self.train_clips = len(self.footage.lessons())

    def theirs(self, name: str, base: Path, arguments: list[str]) -> tuple[Measured, Path]:
        """Run the script; returns what it took and its adapter file."""
        out = self.root / name
        out.mkdir()
        geometry = {
            "height": architecture.HEIGHT, "width": architecture.WIDTH, "fps": architecture.FPS,
            "max_num_frames": architecture.FRAMES, "seed": 0,
        }  # fmt: skip
        options = [f"--{key}={value}" for key, value in geometry.items()]
        took = measured(
            [*_LAUNCH, str(self.script), f"--pretrained_model_name_or_path={base}",
             f"--instance_data_root={self._data}", "--caption_column=prompts.txt",
             "--video_column=videos.txt", f"--output_dir={out}", *options, *arguments],
            out / "log.txt", out,
            {"PYTHONPATH": os.pathsep.join(self._packages), "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
        return took, out / "pytorch_lora_weights.safetensors"

    def ours(self, name: str, recipe: str, until: Callable[[float], bool] | None = None) -> OurRun:
        """Run slora from footage on; until an epoch's held-out loss satisfies `until`, if given."""
        root = self.root / name
        workspace, environment = peer_data.workspace(root, self.footage, recipe)
        prepared = measured(
            [sys.executable, "-m", "slora_assets.launch", "data", "preprocess"],
            root / "prepare.txt", root, environment,
        )  # fmt: skip
        peer_data.check_lessons(workspace, self.footage)
        epochs = _Epochs(root / "checkpoints", prepared.seconds, until)
        trained = measured(
            [*_LAUNCH, str(root / "src" / "train_scenario_lora.py"),
             "--metadata", str(workspace.scenario_metadata),
             "--config", str(workspace.training_config),
             "--output-root", str(workspace.scenario_run(SCENARIO).parent)],
            root / "train.txt", root, environment, epochs.poll,
        )  # fmt: skip
        epochs.poll()
        return OurRun(root, prepared, trained, epochs.seen)


class OurRun:
    """What slora's two commands took, and its epochs: seconds since the start, held-out loss."""

    def __init__(
        self,
        root: Path,
        prepared: Measured,
        trained: Measured,
        epochs: dict[int, tuple[float, float]],
    ) -> None:
        self.root, self.prepared, self.trained, self.epochs = root, prepared, trained, epochs

    @property
    def seconds(self) -> float:
        return self.prepared.seconds + self.trained.seconds

    @property
    def cpu_s(self) -> float:
        return self.prepared.cpu_s + self.trained.cpu_s

    @property
    def peak_bytes(self) -> int:
        return max(self.prepared.peak_bytes, self.trained.peak_bytes)

    def adapter(self) -> Path:
        """The last epoch's adapter."""
        files = (self.root / "checkpoints").rglob("epoch_*/pytorch_lora_weights.safetensors")
        return max(files, key=lambda file: int(file.parent.name.removeprefix("epoch_")))


class _Epochs:
    """Reads the run's metrics while it works: when was which epoch's held-out loss known?"""

    def __init__(
        self, folder: Path, before_s: float, until: Callable[[float], bool] | None
    ) -> None:
        self._folder, self._until = folder, until
        self._began = time.monotonic() - before_s
        self.seen: dict[int, tuple[float, float]] = {}

    def poll(self) -> bool:
        now = time.monotonic() - self._began
        for file in self._folder.rglob("validation_metrics.jsonl"):
            for line in file.read_text().splitlines():
                if line.endswith("}"):
                    found = json.loads(line)
                    self.seen.setdefault(found["epoch"], (now, found["held_out_loss"]))
        trained = [loss for epoch, (_, loss) in self.seen.items() if epoch > 0]
        return self._until is not None and any(map(self._until, trained))


def recipe(base: str, repeats: int, validated: bool) -> str:
    """Ours at the script's settings; a rank that is alpha, no warm-up, no caption dropout."""
    validation = (
        ""
        if validated
        else ("validation: {prompts: 1, steps: 1, max_clips: 1, quantiles: [0.5]}\n")
    )
    epochs, repeats = (EPOCHS, repeats) if validated else (1, EPOCHS * repeats)
    return f"""\
schema_version: 1
base_model: {base}
epochs: {epochs}
repeats: {repeats}
batch_size: {BATCH}
caption_dropout: 0.0
lora: {{rank: {RANK}, alpha: {RANK}}}
optimizer: {{learning_rate: {LEARNING_RATE}, warmup_steps: 0}}
{validation}"""


def equal_arguments(steps: int) -> list[str]:
    """The script at our settings."""
    settings = {
        "rank": RANK, "lora_alpha": RANK, "train_batch_size": BATCH, "max_train_steps": steps,
        "learning_rate": LEARNING_RATE, "lr_scheduler": "constant", "optimizer": "adamw",
        "adam_beta1": 0.9, "adam_beta2": 0.95, "adam_weight_decay": 1e-4, "max_grad_norm": 1.0,
    }  # fmt: skip
    return [f"--{key}={value}" for key, value in settings.items()]


def published_arguments(epochs: int) -> list[str]:
    """The command in the script's README."""
    settings = {
        "rank": 64, "lora_alpha": 64, "train_batch_size": 1, "num_train_epochs": epochs,
        "learning_rate": 1e-3, "lr_scheduler": "cosine_with_restarts", "lr_warmup_steps": 200,
        "lr_num_cycles": 1, "optimizer": "Adam", "adam_beta1": 0.9, "adam_beta2": 0.95,
        "max_grad_norm": 1.0,
    }  # fmt: skip
    return ["--enable_slicing", *(f"--{key}={value}" for key, value in settings.items())]


def held_out(run: OurRun, base_name: str, adapter: Path | None) -> float:
    """Held-out loss of an adapter, or of the base alone, on the clips of `run`'s workspace."""
    import numpy as np

    from slora_assets.base_models.registry import open_base
    from slora_assets.config.training import TrainingSettings
    from slora_assets.curation.metadata import read_metadata
    from slora_assets.validation.held_out import HeldOutClip, held_out_loss

    base = open_base(base_name, run.root)
    validation = TrainingSettings().validation
    metadata = read_metadata(run.root / "data" / "metadata" / "scenario_metadata.json")
    clips = [clip for clip in metadata.of_scenario(SCENARIO) if clip.split == "validation"]
    clips = clips[: validation.max_clips]
    encoder = base.load_text_encoder("cpu")
    measured_on = [
        HeldOutClip(
            clip.id,
            np.load(run.root / clip.latent)["moments"],
            base.encode_text(encoder, [clip.prompts[0]])[0],
        )
        for clip in clips
    ]
    pipeline = base.pipeline("cpu", "float32", text=False)
    if adapter is not None:
        base.load_adapter(pipeline, adapter, "peer")
    return held_out_loss(base, pipeline.transformer, measured_on, validation.quantiles).mean


def wall(peer: Peer, repeats: int) -> None:
    base = miniature_folder(peer.root, "base")
    steps = peer.train_clips * repeats // BATCH * EPOCHS
    theirs, their_file = peer.theirs("wall_theirs", base, equal_arguments(steps))
    bare = peer.ours("wall_bare", recipe(MINIATURE, repeats, validated=False))
    whole = peer.ours("wall_ours", recipe(MINIATURE, repeats, validated=True))
    print(f"wall: miniature, {peer.train_clips} clips, {steps} steps of {BATCH}, rank {RANK}")
    print(f"  script               {theirs.seconds:7.1f} s [{theirs.cpu_s:.0f}]")
    for name, run in (("ours, no validation", bare), ("ours, as it comes", whole)):
        print(
            f"  {name:20} {run.seconds:7.1f} s [{run.cpu_s:.0f}]: {run.prepared.seconds:.1f}"
            f" [{run.prepared.cpu_s:.0f}] to prepare, {run.trained.seconds:.1f}"
            f" [{run.trained.cpu_s:.0f}] to train; ratio {run.seconds / theirs.seconds:.2f}"
            f" [{run.cpu_s / theirs.cpu_s:.2f}]"
        )
    alone = held_out(whole, MINIATURE, None)
    losses = [held_out(whole, MINIATURE, file) for file in (their_file, whole.adapter())]
    said = whole.epochs[EPOCHS][1]
    print(f"  held-out loss: base {alone:.4f}, script {losses[0]:.4f}, ours {losses[1]:.4f}"
          f" (the run says {said:.4f})", flush=True)  # fmt: skip


def memory(peer: Peer, repeats: int, parameters: float) -> None:
    folder = build_cogvideox(peer.root / "base", parameters)
    steps = peer.train_clips * repeats // BATCH * EPOCHS
    libraries = measured(
        [sys.executable, "-c", _LIBRARIES], peer.root / "libraries.txt", peer.root,
        {"PYTHONPATH": ""},
    )  # fmt: skip
    theirs, _ = peer.theirs("memory_theirs", folder, equal_arguments(steps))
    ours = peer.ours("memory_ours", recipe(str(folder), repeats, validated=False))
    print(f"memory: {sizes(folder)}; {steps} steps of {BATCH}")
    print(f"  libraries alone      {_mb(libraries.peak_bytes)}")
    print(f"  script               {_mb(theirs.peak_bytes)}")
    for name, peak in (
        ("ours, preparing", ours.prepared.peak_bytes),
        ("ours, training", ours.trained.peak_bytes),
        ("ours, all", ours.peak_bytes),
    ):
        above = (peak - libraries.peak_bytes) / (theirs.peak_bytes - libraries.peak_bytes)
        print(
            f"  {name:20} {_mb(peak)}, ratio {peak / theirs.peak_bytes:.2f},"
            f" above the libraries {above:.2f}"
        )
    print(
        f"  ours took {ours.seconds:.1f} s, ratio {ours.seconds / theirs.seconds:.2f}", flush=True
    )


def loss(peer: Peer, epochs: int) -> None:
    base = miniature_folder(peer.root, "base")
    theirs, their_file = peer.theirs("loss_theirs", base, published_arguments(epochs))
    # Clips are measured in our workspace, which isn't there yet: the caches are made first.
    first = peer.ours("loss_target", "schema_version: 1\n", until=lambda _: True)
    target = held_out(first, MINIATURE, their_file)
    ours = first
    if first.epochs[1][1] > target:
        ours = peer.ours("loss_ours", "schema_version: 1\n", until=lambda found: found <= target)
    reached = [(t, e, found) for e, (t, found) in ours.epochs.items() if e and found <= target]
    print(f"loss: miniature, the script by its README, {epochs} epochs of {peer.train_clips} clips")
    alone = held_out(first, MINIATURE, None)
    print(
        f"  script               {theirs.seconds:7.1f} s [{theirs.cpu_s:.0f}] to {target:.4f}"
        f" (base {alone:.4f})"
    )
    for epoch, (seconds, found) in sorted(ours.epochs.items()):
        print(f"  ours, epoch {epoch}        {seconds:7.1f} s, {found:.4f}")
    if reached:
        seconds = min(reached)[0]
        print(f"  ours reached it after {seconds:.1f} s, ratio {seconds / theirs.seconds:.2f}")
    else:
        print(f"  ours did not reach it in {ours.seconds:.1f} s")


def _mb(count: int) -> str:
    return f"{count / 2**20:7.0f} MiB"


def _folder(kept: Path | None) -> Path:
    """An empty folder; the script takes a base for bf16 when its path holds `5b`."""
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
    parser.add_argument("--figures", default="wall,memory,loss")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=4, help="passes over the clips an epoch")
    parser.add_argument("--memory-repeats", type=int, default=1)
    parser.add_argument("--published-epochs", type=int, default=30)
    parser.add_argument("--transformer-parameters", type=float, default=20e6)
    parser.add_argument("--keep", type=Path, help="leave runs and logs in this folder")
    options = parser.parse_args()
    packages = options.packages.resolve() if options.packages else None
    sys.path += [str(packages)] if packages else []
    if importlib.util.find_spec("decord") is None:
        sys.exit("the script needs decord: pip install --no-deps --target FOLDER decord, then"
                 " --packages FOLDER")  # fmt: skip
    root = _folder(options.keep)
    peer = Peer(root, options.script.resolve(), packages, options.clips)
    figures = options.figures.split(",")
    if "wall" in figures:
        wall(peer, options.repeats)
    if "memory" in figures:
        memory(peer, options.memory_repeats, options.transformer_parameters)
    if "loss" in figures:
        loss(peer, options.published_epochs)


if __name__ == "__main__":
    main()
