"""On a cluster of several nodes all becomes what it becomes on one machine, whichever nodes die."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.caches.latents import cache_latents
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets_tests.processes.ray_cluster import Nodes, ray_cluster
from slora_assets_tests.workspaces import contents


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with ray_cluster() as made:
        yield made


def test_frames_and_latents_are_those_of_one_machine_though_a_node_dies(
    workspace: Workspace, nodes: Nodes
) -> None:
    clips = write_manifest(workspace, "market_floor").usable()
    index = workspace.first_frame_index("market_floor")
    base = open_base("miniature", workspace.models)
    cache_first_frames(clips, workspace.root, index, workspace.quarantine)
    folders = [(workspace.root / at).parent for at in (clips[0].first_frame, clips[0].latent)]
    local = [_made(folder) for folder in folders]
    for path in {path for made in local for path in made}:
        path.unlink()
    mortal = [nodes.add(), nodes.add()]

    def kill(done: int, total: int) -> None:
        if done == 3 and len(mortal) == 2:
            nodes.kill(mortal.pop())

    frames = cache_first_frames(clips, workspace.root, index, workspace.quarantine, None, "ray")
    latents = cache_latents(
        clips, base, workspace.root, workspace.quarantine, None, kill, compute="ray"
    )
    assert (frames.made, latents.made) == (len(clips), len(clips))
    assert [_made(folder) for folder in folders] == local
    assert len(mortal) == 1


def _made(folder: Path) -> dict[Path, bytes]:
    """What stages made there, but for what they noted of times."""
    return {p: b for p, b in contents(folder).items() if not p.name.startswith(".verified")}
