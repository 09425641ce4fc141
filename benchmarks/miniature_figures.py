"""Figures of the shipped miniature on seeds it never saw: `python benchmarks/miniature_figures.py`.

Reconstruction, prompts shown as a rule over pixels sees them, caption retrieval, time a clip.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import as_runs_do  # noqa: F401  # first
import cv2
import numpy as np
import torch

from slora_assets.miniature.pretraining.transformer import sentence, withheld_prompts
from slora_assets.miniature.pretraining.vae import psnr_of, video_tensor
from slora_assets.miniature.rules.pixel_rules import look_at
from slora_assets.miniature.scenes.canvas import Outline, Pixels, box, disc
from slora_assets.miniature.scenes.captions import clip_captions
from slora_assets.miniature.scenes.figures import FIGURES, Figure, Part
from slora_assets.miniature.scenes.generic_footage import GenericSettings, generic_clip
from slora_assets.miniature.scenes.looks import LOOKS
from slora_assets.miniature.scenes.other_looks import OTHER_LOOKS
from slora_assets.miniature.scenes.sample_footage import small_frames
from slora_assets.miniature.scenes.sample_plan import plan_clip
from slora_assets.miniature.weights import SHIPPED, architecture

SEED = 9001
"""Neither trained on nor looked at while training."""
FOOTAGE = GenericSettings(vivid=0.15, clutter=0.1, company=0.1)
TIMES_S = [number / architecture.FPS for number in range(architecture.FRAMES)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of generated clips")
    parser.add_argument("--guidance", type=float, default=architecture.GUIDANCE_SCALE)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    pipeline = load_pipeline(options.weights / "base")
    print("| figure | measured | target |\n|---|---|---|")
    reconstruction(pipeline.vae, options.clips)
    ceiling(pipeline.vae, options.prompts)
    plain_shapes(options.prompts)
    generation(pipeline, options.prompts, options.guidance, options.sheet)
    if (options.weights / "scorer").is_dir():
        retrieval(options.weights / "scorer")


def load_pipeline(folder: Path) -> Any:
    """The base through unmodified diffusers, in float32."""
    from diffusers import CogVideoXPipeline

    pipeline = CogVideoXPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def reconstruction(vae: Any, count: int) -> None:
    """PSNR of generic clips and of the sample footage's places."""
    places = [*LOOKS, *OTHER_LOOKS]
    generic = (generic_clip(SEED, at, FOOTAGE).frames for at in range(count))
    placed = (
        small_frames(plan_clip(SEED, at, places[at % len(places)], at), SEED, TIMES_S)
        for at in range(count)
    )
    for name, clips in (("pretraining footage", generic), ("sample footage", placed)):
        values = []
        for clip in clips:
            target = video_tensor([clip])
            decoded = vae.decode(vae.encode(target).latent_dist.mode()).sample.clamp(-1, 1)
            values.append(psnr_of(float((decoded - target).square().mean())))
        row(f"VAE reconstruction, held-out {name}", f"{np.mean(values):.1f} dB", "28 dB")


@torch.no_grad()
def ceiling(vae: Any, count: int) -> None:
    """What the rule makes of true clips of one subject, as rendered and as the VAE gives them back:
    what is generated can't fare better."""
    alone = replace(FOOTAGE, company=0.0)
    true = [generic_clip(SEED, at, alone) for at in range(count)]
    wanted = [(a.subject, a.colour, a.direction) for a in (one.actors[0] for one in true)]
    rendered = [one.frames for one in true]
    decoded = []
    for clip in rendered:
        video = vae.decode(vae.encode(video_tensor([clip])).latent_dist.mode()).sample.clamp(-1, 1)
        bytes_ = ((video[0].permute(1, 2, 3, 0) + 1) * 127.5).round().to(torch.uint8)
        decoded.append(bytes_.numpy())
    for name, clips in (("rendered", rendered), ("reconstructed", decoded)):
        hits = judged(clips, wanted)
        seen = f"{hits.all(axis=1).mean():.0%}"
        row(f"the rule on {name} clips (subject {hits[:, 0].mean():.0%})", seen, "")
        row(f"subjects on {name} clips", by_subject(hits, wanted), "")


def plain_shapes(count: int) -> None:
    """How often the rule calls a subject what is an ellipse, a box or a triangle of its colour."""
    alone, named = replace(FOOTAGE, company=0.0), 0
    figures = dict(FIGURES)
    for at in range(count):
        wide = float(np.sqrt(np.random.default_rng([SEED, at, 5]).uniform(0.5, 1.8)))
        half, high = 0.4 * wide, 0.4 / wide
        triangle = np.array([(-half, high), (half, high), (0.0, -high)])
        shape = (disc(0, 0, half, high / half), box(-half, -high, half, high), triangle)[at % 3]
        FIGURES.update(dict.fromkeys(FIGURES, in_one_colour(shape)))
        try:
            frames = generic_clip(SEED, at, alone).frames
        finally:
            FIGURES.update(figures)
        named += look_at(frames).subject is not None
    row(f"{count} plain shapes that the rule calls a subject", f"{named / count:.0%}", "")


def in_one_colour(outline: Outline) -> Figure:
    return lambda colour, phase: [Part(outline, colour)]


def generation(pipeline: Any, count: int, guidance: float, sheet: Path | None) -> None:
    """Share of withheld prompts shown, the same for empty text, and seconds per clip."""
    wanted = withheld_prompts(SEED, count)
    clips, seconds = generate(pipeline, [sentence(*one) for one in wanted], guidance)
    names = ("subject", "colour", "direction")
    hits = judged(clips, wanted)
    parts = ", ".join(f"{n} {hits[:, at].mean():.0%}" for at, n in enumerate(names))
    everything = hits.all(axis=1).mean()
    row(f"{count} withheld prompts shown ({parts})", f"{everything:.0%}", "80 %")
    row("withheld prompts' subjects", by_subject(hits, wanted), "")
    empty, _ = generate(pipeline, [""] * count, guidance)
    chance = judged(empty, wanted).all(axis=1).mean()
    row("the same, empty text (chance 1/192)", f"{chance:.0%}", "chance")
    row(f"seconds per clip, {torch.get_num_threads()} threads", f"{seconds:.1f} s", "10 s")
    if sheet is not None:
        write_sheet(sheet, clips[:16])


def generate(pipeline: Any, captions: list[str], guidance: float) -> tuple[list[Pixels], float]:
    """One clip a caption, each from its own seed, one at a time; and mean seconds."""
    clips, started = [], time.perf_counter()
    for number, caption in enumerate(captions):
        frames = pipeline(
            caption,
            num_inference_steps=architecture.STEPS,
            guidance_scale=guidance,
            max_sequence_length=architecture.TEXT_LENGTH,
            generator=torch.Generator().manual_seed(SEED + number),
            output_type="np",
        ).frames[0]
        clips.append(np.rint(frames * 255).astype(np.uint8))
    return clips, (time.perf_counter() - started) / len(captions)


def judged(clips: list[Pixels], wanted: list[tuple[str, str, str]]) -> np.ndarray:
    """[N, 3] booleans: subject, colour and direction as asked."""
    seen = [look_at(clip) for clip in clips]
    return np.array(
        [
            [one.subject == subject, one.colour == colour, one.direction == direction]
            for one, (subject, colour, direction) in zip(seen, wanted, strict=True)
        ]
    )


def by_subject(hits: np.ndarray, wanted: list[tuple[str, str, str]]) -> str:
    """How often each subject is seen as such, what is seen least first."""
    subjects = np.array([one[0] for one in wanted])
    shares = {name: float(hits[subjects == name, 0].mean()) for name in np.unique(subjects)}
    return ", ".join(
        f"{name} {shares[name]:.0%}" for name in sorted(shares, key=lambda n: shares[n])
    )


@torch.no_grad()
def retrieval(folder: Path, among: int = 50, rounds: int = 6) -> None:
    """Share of held-out clips whose caption wins among 50, half of them of the sample's places."""
    import open_clip
    from PIL import Image

    name = f"local-dir:{folder}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval()
    words = open_clip.get_tokenizer(name)
    places, hits = [*LOOKS, *OTHER_LOOKS], []
    for turn in range(rounds):
        seen, captions = [], []
        for at in range(turn * among, (turn + 1) * among):
            if at % 2:
                plan = plan_clip(SEED, at, places[at // 2 % len(places)], at)
                frames, caption = small_frames(plan, SEED, [0.0, 0.5, 1.0]), plan.captions[0]
            else:
                clip = generic_clip(SEED, at, FOOTAGE)
                frames, caption = (
                    clip.frames[::4],
                    clip_captions(SEED, at, clip.actors, clip.surroundings)[0],
                )
            batch = torch.stack([preprocess(Image.fromarray(frame)) for frame in frames])
            seen.append(model.encode_image(batch, normalize=True).mean(0))
            captions.append(caption)
        read = model.encode_text(words(captions), normalize=True)
        pictures = torch.nn.functional.normalize(torch.stack(seen), dim=1)
        best = (pictures @ read.T).argmax(1)
        hits.append(float((best == torch.arange(among)).float().mean()))
    row("scorer: right caption of 50 (R@1)", f"{np.mean(hits):.0%}", "70 %")


def write_sheet(path: Path, clips: list[Pixels]) -> None:
    """A PNG with a row per clip and five of its frames."""
    rows = [np.concatenate(list(clip[::2]), axis=1) for clip in clips]
    half = (len(rows) + 1) // 2
    columns = [np.concatenate(rows[:half]), np.concatenate(rows[half : 2 * half])]
    picture = np.concatenate([c for c in columns if c.shape == columns[0].shape], axis=1)
    large = cv2.resize(picture, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), cv2.cvtColor(large, cv2.COLOR_RGB2BGR))


def row(figure: str, measured: str, target: str) -> None:
    print(f"| {figure} | {measured} | {target} |", flush=True)


if __name__ == "__main__":
    main()
