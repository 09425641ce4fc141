"""On a cluster of several nodes all becomes what it becomes on one machine, whichever nodes die."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.first_frames import cache_first_frames
from slora_assets.caches.latents import cache_latents
from slora_assets.config.compute import chosen_compute
from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import write_manifest
from slora_assets.processes.cluster.spreading import spread
from slora_assets_tests import workers
from slora_assets_tests.processes.ray_cluster import Nodes, ray_cluster
from slora_assets_tests.small_graph import prepare
from slora_assets_tests.training import commands
from slora_assets_tests.waiting import wait_for_end_of
from slora_assets_tests.workspaces import contents

_CLUSTER = "slora_assets.processes.cluster.command"


def test_a_setting_that_names_no_way_to_compute_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert chosen_compute() == "local"
    monkeypatch.setenv("SLORA_COMPUTE", "cloud")
    with pytest.raises(ConfigError, match="expected local or ray"):
        chosen_compute()


def test_without_inputs_no_cluster_is_looked_for() -> None:
    assert list(spread(lambda: pytest.fail("it was begun"), [])) == []


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with ray_cluster() as made:
        yield made
    _wait_for_end_of_all_with(str(made.folder))


@pytest.mark.slow
def test_frames_and_latents_are_those_of_one_machine_though_a_node_dies(
    workspace: Workspace, nodes: Nodes
) -> None:
    clips = write_manifest(workspace, "market_floor").usable()
    (workspace.root / clips[0].path).write_bytes(b"no video")
    index = workspace.first_frame_index("market_floor")
    base, inside = open_base("miniature", workspace.models), (workspace.root, workspace.quarantine)
    folders = [(workspace.root / at).parent for at in (clips[0].first_frame, clips[0].latent)]

    _remove(*folders, index.parent)
    cache_first_frames(clips, workspace.root, index, workspace.quarantine)
    cache_latents(clips, base, *inside, "cpu")
    local, refused = [_made(folder) for folder in folders], workspace.quarantine.read_bytes()
    _remove(*folders, index.parent)
    workspace.quarantine.unlink()

    mortal = [nodes.add(), nodes.add()]

    def kill(done: int, total: int) -> None:
        if done == 3:
            nodes.kill(mortal.pop())

    cache_first_frames(clips, workspace.root, index, workspace.quarantine, None, "ray")
    found = cache_latents(clips, base, *inside, None, kill, compute="ray")
    assert len(mortal) == 1
    assert found.made == len(clips) - 1
    assert [_made(folder) for folder in folders] == local
    assert workspace.quarantine.read_bytes() == refused


@pytest.mark.slow
def test_a_training_whose_node_dies_goes_on_on_another_to_the_same_bytes(
    workspace: Workspace, nodes: Nodes
) -> None:
    """It runs on the node that is left of the test before, or on one of its own."""
    write_manifest(workspace, "market_floor")
    local, far = workspace.root / "local", workspace.root / "far"
    assert commands.train(workspace, local, "--tracker", "none").status == 0

    node = nodes.add() if not nodes.working else nodes.working[0]
    arguments = ["--work", "test", "slora_assets.training.command", "scenarios"]
    arguments += commands.arguments(workspace, far, "--tracker", "none")
    driver = workers.begin(_CLUSTER, arguments)
    said = []
    with driver.output:
        for raw in driver.output:
            said.append(raw.decode())
            if node is not None and "epoch 1 held-out loss" in said[-1]:
                nodes.kill(node)
                nodes.add()
                node = None
    assert driver.wait() == 0, "".join(said)
    assert any("begun again on others" in line for line in said), "".join(said)
    assert _made(far / commands.SCENARIO) == _made(local / commands.SCENARIO)
    _wait_for_end_of_all_with(str(far))


@pytest.mark.slow
def test_the_graph_itself_has_its_assets_made_on_the_cluster(
    workspace: Workspace, nodes: Nodes
) -> None:
    """First frames are shared out, the rest is one node's: each asset's own way there."""
    scenario = "market_floor"
    folders = [
        workspace.frames("msr-vtt"),
        workspace.latents,
        workspace.text_embeddings,
        workspace.scenario_run(scenario),
        workspace.validation(scenario),
    ]

    def materialized(compute: str) -> list[dict[str, bytes]]:
        _remove(*folders, workspace.measured_clips)
        _materialize(workspace, scenario, compute)
        return [_made(folder) for folder in folders]

    def works_begun() -> int:
        """By Ray's logs: each work has a driver of its own."""
        return len(list((nodes.folder / "logs").glob("python-core-driver-*.log")))

    here = materialized("local")
    if not nodes.working:
        nodes.add()
    before = works_begun()
    far = materialized("ray")
    assert all(here)
    assert [_differing(*pair) for pair in zip(here, far, strict=True)] == [[]] * len(folders)
    assert works_begun() == before + len(_ASSETS)


def _differing(some: dict[str, bytes], others: dict[str, bytes]) -> list[str]:
    """But for signatures, each of which is another."""
    names = sorted(name for name in {*some, *others} if not name.endswith(".sig"))
    return [name for name in names if some.get(name) != others.get(name)]


_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
_ASSETS = (
    *("first_frames", "latents", "prompt_embeddings"),
    *("scenario_adapter", "scenario_validation"),
)


def _materialize(workspace: Workspace, scenario: str, compute: str) -> None:
    assets = ",".join(_ASSETS)
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", assets]
    done = subprocess.run(
        [*command, "--partition", scenario, "-m", "slora_assets.definitions"],
        cwd=workspace.root,
        # A node of one core adds numbers up in another order than this machine's two.
        env=os.environ | prepare(workspace.root) | {"SLORA_COMPUTE": compute, **_ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _made(folder: Path) -> dict[str, bytes]:
    """What stages made there, but for what they noted of times."""
    found = contents(folder).items()
    return {str(p.relative_to(folder)): b for p, b in found if not p.name.startswith(".verified")}


def _wait_for_end_of_all_with(word: str) -> None:
    """In their command."""
    wait_for_end_of(
        *(p for p in psutil.process_iter(["cmdline"]) if word in str(p.info["cmdline"]))
    )
