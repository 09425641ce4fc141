"""The caching stages: `python benchmarks/caches.py latents FOLDER` or `... refresh`.

`latents`: wall time of the latent stage over that of the larger of its two parts alone on the same
clips, bare decoding on all cores and bare VAE passes. `refresh`: 10,000 cached clips of which
nothing, then one, has changed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from first_frames import Clip, real_clips, seconds

from slora_assets.base_models.registry import open_base
from slora_assets.config.errors import FootageError
from slora_assets.footage.encode import write_mp4
from slora_assets.footage.first_frames import cache_first_frames
from slora_assets.footage.isolation import isolated
from slora_assets.latents.cache import latent_key, write_array
from slora_assets.latents.stage import cache_latents, decode_for_vae, decoding_task
from slora_assets.provenance.hashing import sha256_file

ROUNDS = 3
MANY = 10_000


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


def stage_over_parts(folder: Path, root: Path) -> None:
    base = open_base("miniature", root)
    sources = real_clips(folder)
    hashes = {source: sha256_file(source) for source in set(sources)}
    clips = [Clip(str(n), str(s), hashes[s], "", f"latents/{n}.npz") for n, s in enumerate(sources)]
    tasks = [decoding_task(root, clip, base.geometry) for clip in clips]
    readable = [not isinstance(found, FootageError) for found in isolated(decode_for_vae, tasks)]
    clips = [clip for clip, good in zip(clips, readable, strict=True) if good]
    tasks = [decoding_task(root, clip, base.geometry) for clip in clips]
    frames = list(isolated(decode_for_vae, tasks))
    vae = base.load_vae("cpu")

    def stage() -> None:
        shutil.rmtree(root / "latents", ignore_errors=True)
        result = cache_latents(clips, base, root, root / "quarantine.json", lambda: "cpu")
        assert result.made == len(clips)

    for _ in range(ROUNDS):
        decoding = seconds(lambda: list(isolated(decode_for_vae, tasks)))
        passes = seconds(lambda: [base.encode_video(vae, one) for one in frames])
        whole = seconds(stage)
        print(
            f"{len(clips)} clips, {os.cpu_count()} cores: decoding {decoding:.2f} s, VAE"
            f" {passes:.2f} s, stage {whole:.2f} s, ratio {whole / max(decoding, passes):.2f}"
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
        cache_latents(clips, base, root, root / "quarantine.json", lambda: "cpu")

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
