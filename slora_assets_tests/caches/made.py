"""A clip, a base's identity and a geometry for tests of the caches, each a few words."""

from __future__ import annotations

from pathlib import Path

from slora_assets.caches.scenario import CACHES, ScenarioCache
from slora_assets.config.workspace import Workspace
from slora_assets.documents import BaseIdentity, Clip, Geometry, MatchingEvidence

IDENTITY = BaseIdentity(
    name="tiny",
    revision="r1",
    licence="Apache-2.0",
    trained=True,
    parts={"vae": "0a" * 32, "text_encoder": "0b" * 32, "transformer": "0c" * 32},
)
GEOMETRY = Geometry(frames=9, height=64, width=96, fps=8)


def sharded(workspace: Workspace, mib: int) -> None:
    """Say how arrays are to lie on disk from now on."""
    text = workspace.dataset_file.read_text()
    kept = [line for line in text.splitlines() if not line.startswith("shard_mib")]
    workspace.dataset_file.write_text("\n".join([*kept, *[f"shard_mib: {mib}"] * bool(mib), ""]))


def own_files(workspace: Workspace) -> list[Path]:
    """Of arrays that lie in no shard."""
    return sorted(workspace.latents.parent.rglob("*.npz"))


def move_into_shards(workspace: Workspace, scenario: str) -> None:
    """All that is cached for a scenario, with no file of its own left."""
    sharded(workspace, 1)
    for name in CACHES:
        standing = ScenarioCache(name, workspace, scenario).standing()
        assert standing is not None and standing.made == 0
    for path in own_files(workspace):
        path.unlink()


def clip(clip_id: str = "clip", **changes: object) -> Clip:
    """A clip of `videos/<clip id>.mp4` that differs from others only by `changes`."""
    plain = Clip(
        id=clip_id,
        source_group="source",
        path=f"videos/{clip_id}.mp4",
        sha256="0d" * 32,
        source_start_s=None,
        source_end_s=None,
        official_split=None,
        split="train",
        scenario="market_floor",
        evidence=MatchingEvidence(matching_captions=[], captions=1, also_matched=[]),
        captions=["a market"],
        prompts=["a market"],
        first_frame=f"frames/{clip_id}.png",
        latent=f"latents/{clip_id}.npz",
    )
    return plain.model_copy(update=changes)
