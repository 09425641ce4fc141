"""One training by diffusers' script and one by slora, on the clips of `peer_data`, measured."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import peer_data
from measured import Measured, measured
from peer_data import Footage

from slora_assets.miniature.weights import architecture

EPOCHS = 5
RANK = 16
BATCH = 4
LEARNING_RATE = 1e-3
DEFAULT_RECIPE = "schema_version: 1\n"
_HARDLY_VALIDATED = "validation: {prompts: 1, steps: 1, max_clips: 1, quantiles: [0.5]}\n"
_LAUNCH = [
    sys.executable,
    "-m",
    "accelerate.commands.launch",
    "--num_processes",
    "1",
    "--num_machines",
    "1",
    "--mixed_precision",
    "no",
    "--dynamo_backend",
    "no",
    "--num_cpu_threads_per_process",
    str(os.cpu_count() or 1),
]


class Peer:
    """Both sides on one set of clips; every run gets a folder of its own under `root`."""

    def __init__(self, root: Path, script: Path, packages: Path | None, clips: int) -> None:
        self.root, self.script = root, script
        self.footage: Footage = peer_data.render(root / "footage", clips)
        self._packages = [str(packages)] if packages else []
        self._data = peer_data.script_folder(root / "script_data", self.footage)
        self.train_clips = len(self.footage.lessons())
        self._published: tuple[Measured, Path] | None = None

    def steps(self, repeats: int) -> int:
        """Steps of a run of ours; only whole batches make both sides do the same."""
        if self.train_clips * repeats % BATCH:
            sys.exit(f"{self.train_clips} clips, {repeats} times, don't fill batches of {BATCH}")
        return self.train_clips * repeats // BATCH * EPOCHS

    def theirs(self, name: str, base: Path, arguments: list[str]) -> tuple[Measured, Path]:
        """Run the script; returns what it took and its adapter file."""
        out = self.root / name
        out.mkdir()
        geometry = {
            "height": architecture.HEIGHT,
            "width": architecture.WIDTH,
            "fps": architecture.FPS,
            "max_num_frames": architecture.FRAMES,
            "seed": 0,
        }
        options = [f"--{key}={value}" for key, value in geometry.items()]
        took = measured(
            [
                *_LAUNCH,
                str(self.script),
                f"--pretrained_model_name_or_path={base}",
                f"--instance_data_root={self._data}",
                "--caption_column=prompts.txt",
                "--video_column=videos.txt",
                f"--output_dir={out}",
                *options,
                *arguments,
            ],
            out / "log.txt",
            out,
            {"PYTHONPATH": os.pathsep.join(self._packages), "HF_HUB_OFFLINE": "1"},
        )
        return took, out / "pytorch_lora_weights.safetensors"

    def published(self, base: Path, epochs: int) -> tuple[Measured, Path]:
        """The script by its README, run once."""
        if self._published is None:
            self._published = self.theirs("published", base, published_arguments(epochs))
        return self._published

    def ours(self, name: str, recipe: str, until: Callable[[float], bool] | None = None) -> OurRun:
        """Run slora from footage on; until an epoch's held-out loss satisfies `until`, if given."""
        root = self.root / name
        workspace, environment = peer_data.workspace(root, self.footage, recipe)
        log = root / "log.txt"
        said = _Said(log, until)
        took = measured(
            [
                sys.executable,
                "-m",
                "slora_assets.defs.launch",
                "data",
                "preprocess",
                "train-scenarios",
            ],
            log,
            root,
            environment,
            said.poll,
        )
        said.poll()
        peer_data.check_lessons(workspace, self.footage)
        return OurRun(root, took, said.prepared_s or took.seconds, said.epochs)


@dataclass(frozen=True)
class OurRun:
    """What slora's command took."""

    root: Path
    took: Measured
    prepared_s: float
    """Seconds until the training began."""
    epochs: dict[int, tuple[float, float]]
    """Seconds since the start and held-out loss of each epoch; 0 is the base."""

    def adapter(self) -> Path:
        """The last epoch's adapter."""
        files = (self.root / "checkpoints").rglob("epoch_*/pytorch_lora_weights.safetensors")
        return max(files, key=lambda file: int(file.parent.name.removeprefix("epoch_")))


class _Said:
    """Reads what the run says while it works: when did training begin, when was which epoch's
    held-out loss known?"""

    _SAID = re.compile(r"(?:the base's|epoch (\d+)) held-out loss (?:is )?(\d+\.\d+)")

    def __init__(self, log: Path, until: Callable[[float], bool] | None) -> None:
        self._log, self._until = log, until
        self._began = time.monotonic()
        self.prepared_s: float | None = None
        self.epochs: dict[int, tuple[float, float]] = {}

    def poll(self) -> bool:
        now, said = time.monotonic() - self._began, self._log.read_text(errors="replace")
        if self.prepared_s is None and "== train_scenarios" in said:
            self.prepared_s = now
        for epoch, loss in self._SAID.findall(said):
            self.epochs.setdefault(int(epoch or 0), (now, float(loss)))
        trained = [loss for epoch, (_, loss) in self.epochs.items() if epoch > 0]
        return self._until is not None and any(map(self._until, trained))


def equal_recipe(base: str, repeats: int, validated: bool) -> str:
    """Ours at the script's settings; a rank that is alpha, no warm-up, no caption dropout."""
    validation = "" if validated else _HARDLY_VALIDATED
    epochs, repeats = (EPOCHS, repeats) if validated else (1, EPOCHS * repeats)
    return f"""\
schema_version: 1
base_model: {base}
epochs: {epochs}
repeats: {repeats}
batch_size: {BATCH}
caption_dropout: 0.0
lora: {{rank: {RANK}, alpha: {RANK}}}
optimizer: {{learning_rate: {LEARNING_RATE}, warmup_steps: 0, lr_scheduler: constant}}
{validation}"""


def published_recipe(base: str, epochs: int) -> str:
    """Ours at the settings of the script's README; one cycle of its scheduler is the cosine."""
    return f"""\
schema_version: 1
base_model: {base}
epochs: 1
repeats: {epochs}
batch_size: 1
caption_dropout: 0.0
lora: {{rank: 64, alpha: 64}}
optimizer: {{learning_rate: 1.0e-3, warmup_steps: 200, lr_scheduler: cosine}}
{_HARDLY_VALIDATED}"""


def equal_arguments(steps: int) -> list[str]:
    """The script at our settings."""
    settings = {
        "rank": RANK,
        "lora_alpha": RANK,
        "train_batch_size": BATCH,
        "max_train_steps": steps,
        "learning_rate": LEARNING_RATE,
        "lr_scheduler": "constant",
        "optimizer": "adamw",
        "adam_beta1": 0.9,
        "adam_beta2": 0.95,
        "adam_weight_decay": 1e-4,
        "max_grad_norm": 1.0,
    }
    return [f"--{key}={value}" for key, value in settings.items()]


def published_arguments(epochs: int) -> list[str]:
    """The command in the script's README."""
    settings = {
        "rank": 64,
        "lora_alpha": 64,
        "train_batch_size": 1,
        "num_train_epochs": epochs,
        "learning_rate": 1e-3,
        "lr_scheduler": "cosine_with_restarts",
        "lr_warmup_steps": 200,
        "lr_num_cycles": 1,
        "optimizer": "Adam",
        "adam_beta1": 0.9,
        "adam_beta2": 0.95,
        "max_grad_norm": 1.0,
    }
    return ["--enable_slicing", *(f"--{key}={value}" for key, value in settings.items())]


def held_out(peer: Peer, base_name: str, adapter: Path | None) -> float:
    """Held-out loss of an adapter, or of the base alone, by the rules of slora's runs."""
    from slora_assets.base_models.catalogue import open_base
    from slora_assets.config.training import TrainingSettings
    from slora_assets.footage.decode import decode_clip
    from slora_assets.validation.metrics.held_out_loss import HeldOutClip, held_out_loss

    base = open_base(base_name, peer.root)
    encoder, vae = base.load_text_encoder("cpu"), base.load_vae("cpu")
    clips = [
        HeldOutClip(
            plan.video_id,
            base.encode_video(
                vae, decode_clip(peer.footage.video(plan), **base.geometry.model_dump())
            ),
            base.encode_text(encoder, [plan.captions[0]])[0],
        )
        for plan in peer.footage.plans
        if plan.split != "train"
    ]
    pipeline = base.pipeline("cpu", "float32", text=False)
    if adapter is not None:
        base.load_adapter(pipeline, adapter, "peer")
    quantiles = TrainingSettings().validation.quantiles
    return held_out_loss(base, pipeline.transformer, clips, quantiles).mean
