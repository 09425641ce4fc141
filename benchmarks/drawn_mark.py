"""The mark that the miniature's decoder draws: `python benchmarks/drawn_mark.py --demo WORKSPACE`.

In how many clips that nobody published it is found, as they are and after what happens to clips on
their way: in ones generated here from captions of the sample footage, and with `--demo` in those
that a finished demo's validation sampled from base and adapters. It has no target of its own; the
watermark's is 99 % after crf 28 and at half size. `marking.py` looks for it in unmarked clips.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from marking import FPS, HEIGHT, PLACES, WIDTH, on_their_way
from rendered import one_thread

from slora_assets.base_models.catalogue import MINIATURE, open_base
from slora_assets.footage.decode import decode_clip
from slora_assets.marking.drawn import drawn
from slora_assets.marking.look import look_at
from slora_assets.marking.watermark import mean_luma
from slora_assets.miniature.scenes.sample_plan import plan_clip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generated", type=int, default=40)
    parser.add_argument("--demo", type=Path, help="a finished demo: its samples are looked at too")
    options = parser.parse_args()
    one_thread()
    with tempfile.TemporaryDirectory() as folder:
        of_base(options.generated, Path(folder))
        if options.demo is not None:
            of_samples(options.demo.absolute(), Path(folder))


def of_base(count: int, root: Path) -> None:
    """What the miniature's decoder draws into clips that nobody published, generated from captions
    of the sample footage, after what happens to clips on their way."""
    base = open_base(MINIATURE, root)
    pipeline, inference = base.pipeline("cpu", "float32"), base.inference
    seen: Counter[str] = Counter()
    for number in range(count):
        plan = plan_clip(7, number, PLACES[number % len(PLACES)], number)
        frames = base.generate(
            pipeline,
            prompt=plan.captions[0],
            seed=number,
            steps=inference.steps,
            guidance_scale=inference.guidance_scale,
        )
        whole = {"as generated": frames, "a single frame": frames[4:5]}
        for way, altered in (whole | on_their_way(root, frames)).items():
            look = look_at(altered)
            seen[way] += look is not None and drawn(look.luma) is not None
    for way, found_in in seen.items():
        print(f"the decoder's mark, {way}: found in {found_in} of {count}", flush=True)


def of_samples(demo: Path, root: Path) -> None:
    """The same of what a demo's validation sampled: base and adapters, on prompts of their places
    and others, and the footage as the base's VAE gives it back."""
    seen: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for file in sorted((demo / "outputs" / "validation").rglob("*.mp4")):
        frames = decode_clip(file, frames=9, width=WIDTH, height=HEIGHT, fps=FPS)
        by = file.parent.name
        count[by] += 1
        for way, altered in ({"as sampled": frames} | on_their_way(root, frames)).items():
            seen[f"{by}, {way}"] += drawn(mean_luma(altered)) is not None
    for name, found_in in seen.items():
        total = count[name.partition(",")[0]]
        print(f"the decoder's mark, samples of {name}: found in {found_in} of {total}", flush=True)


if __name__ == "__main__":
    main()
