"""The caching stages: `python benchmarks/caches.py latents FOLDER` or `... refresh`.

`latents`: wall time of the latent stage over that of the larger of its two parts alone on the same
clips, bare decoding on all cores and bare VAE passes with as many threads as in the stage, and over
the sum of both; then the same with a *simulated* accelerator, a VAE that sleeps as long as the
real one took, which shows whether reading, encoding and writing overlap where the VAE leaves the
CPU alone. `refresh`: 10,000 cached clips of which nothing, then one, has changed, by the stages'
functions; `refresh_graph.py` does it through Dagster.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from first_frames import Clip, real_clips, seconds
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.cogvideox import CogVideoX
from slora_assets.base_models.seam import VideoBase
from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.caches.latents import cache_latents, decode_for_vae, decoding_task
from slora_assets.caches.side_by_side import in_order, passes_at_once
from slora_assets.caches.validity import latent_key, write_array
from slora_assets.config.errors import FootageError
from slora_assets.footage.encode import write_mp4
from slora_assets.processes.isolation import isolated
from slora_assets.provenance import sha256_file

ROUNDS = 3
MANY = 10_000
SIMULATED = "simulated accelerator"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    latents = kinds.add_parser("latents")
    latents.add_argument("folder", type=Path, help="every video below it is encoded")
    kinds.add_parser("refresh")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        if options.kind == "latents":
            stage_over_parts(options.folder, Path(root))
        else:
            refresh(Path(root))


class SimulatedAccelerator(CogVideoX):
    """The base with its VAE on an accelerator that isn't there: a pass takes `pass_s` and no CPU,
    and gives moments that were encoded before."""

    def __init__(self, base: VideoBase, moments: NDArray[np.float16], pass_s: float) -> None:
        assert isinstance(base, CogVideoX)
        super().__init__(base.folder, base.identity(), base.geometry, base.inference)
        self._moments, self._pass_s = moments, pass_s

    def load_vae(self, device: str) -> None:
        assert device == SIMULATED

    def encode_video(self, vae: None, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        time.sleep(self._pass_s)
        return self._moments


def stage_over_parts(folder: Path, root: Path) -> None:
    base = open_base("miniature", root)
    sources = real_clips(folder)
    hashes = {source: sha256_file(source) for source in set(sources)}
    clips = [Clip(str(n), str(s), hashes[s], "", f"latents/{n}.npz") for n, s in enumerate(sources)]
    tasks = [decoding_task(root, clip, base.geometry) for clip in clips]
    found = list(isolated(decode_for_vae, tasks))
    readable = [at for at, one in enumerate(found) if not isinstance(one, FootageError)]
    clips, tasks = [clips[at] for at in readable], [tasks[at] for at in readable]
    frames = [one for one in found if not isinstance(one, FootageError)]
    vae, at_once = base.load_vae("cpu"), passes_at_once("cpu", base)
    moments = base.encode_video(vae, frames[0])

    def passes() -> None:
        list(in_order(lambda one: base.encode_video(vae, one), frames, at_once))

    def stage(model: VideoBase, device: str) -> None:
        shutil.rmtree(root / "latents", ignore_errors=True)
        result = cache_latents(clips, model, root, root / "quarantine.json", device)
        assert result.made == len(clips)

    print(f"{len(clips)} clips, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    rows: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        row = {
            "decoding alone": seconds(lambda: list(isolated(decode_for_vae, tasks))),
            "VAE alone": seconds(passes),
            "stage": seconds(lambda: stage(base, "cpu")),
        }
        pass_s = row["VAE alone"] / len(clips)
        row["stage, simulated accelerator"] = seconds(
            lambda pass_s=pass_s: stage(SimulatedAccelerator(base, moments, pass_s), SIMULATED)
        )
        rows.append(row)
        show("round", row)
    show("medians", {name: statistics.median(row[name] for row in rows) for name in rows[0]})


def show(title: str, row: dict[str, float]) -> None:
    """Times in seconds, and the stage over its larger part and over their sum.

    The sum is the floor where both parts keep every core busy: there overlapping saves nothing.
    """
    decoding, passes, stage, simulated = row.values()
    larger, total = max(decoding, passes), decoding + passes
    print(
        f"{title}: "
        + ", ".join(f"{name} {took:.2f} s" for name, took in row.items())
        + f"; over the larger part {stage / larger:.2f}, over their sum {stage / total:.2f};"
        f" simulated accelerator over the larger part {simulated / larger:.2f}",
        flush=True,
    )


def refresh(root: Path) -> None:
    """Caches as a finished run leaves them, with one small clip under 10,000 names."""
    base = open_base("miniature", root)
    one = root / "one.mp4"
    write_mp4(one, np.zeros((16, 64, 96, 3), np.uint8), 8)
    digest = sha256_file(one)
    clips = [Clip(f"c{n}", f"v/{n}.mp4", digest, f"f/{n}.png", f"l/{n}.npz") for n in range(MANY)]
    for folder in ("v", "f", "l"):
        (root / folder).mkdir()
    for clip in clips:
        os.link(one, root / clip.path)
    identity = base.identity()
    key = latent_key(clips[0], identity, base.geometry)
    moments = np.zeros((32, 3, 8, 12), np.float16)
    for clip in clips:
        write_array(root / clip.latent, "moments", moments, key)
    print(f"first frames made: {seconds(lambda: frames(clips, root)):.1f} s")

    def both() -> None:
        frames(clips, root)
        cache_latents(clips, base, root, root / "quarantine.json", "cpu")

    seconds(both)
    before = stamps(root)
    print(f"nothing changed: {seconds(both):.2f} s, {len(stamps(root) - before)} files rewritten")
    write_mp4(root / "new.mp4", np.full((16, 64, 96, 3), 99, np.uint8), 8)
    (root / clips[7].path).unlink()
    (root / "new.mp4").rename(root / clips[7].path)
    new = sha256_file(root / clips[7].path)
    clips[7] = Clip("c7", clips[7].path, new, clips[7].first_frame, clips[7].latent)
    took = seconds(both)
    made = [name for name, _ in stamps(root) - before if name.endswith((".png", ".npz"))]
    print(f"one clip of {MANY} changed: {took:.2f} s, made again: {sorted(made)}")


def frames(clips: list[Clip], root: Path) -> None:
    cache_first_frames(clips, root, root / "index.json", root / "quarantine.json")


def stamps(root: Path) -> set[tuple[str, int]]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {(str(path.relative_to(root)), path.stat().st_mtime_ns) for path in files}


if __name__ == "__main__":
    main()
