"""One small workspace for the session, rendered footage and its caches, and how several processes
of pytest-xdist (`make test`) share it and the tests."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import absl.logging
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from slora_assets.config.data import read_dataset
from slora_assets.config.environment import LANES
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.processes.preloading import preload
from slora_assets.provenance.keys import KEYS
from slora_assets_tests.browser import Browser
from slora_assets_tests.postgresql import postgresql as postgresql  # for tests to ask for
from slora_assets_tests.s3_server import s3 as s3
from slora_assets_tests.s3_server import store as store
from slora_assets_tests.small_graph import prepare
from slora_assets_tests.workspaces import choose

# How long an example takes depends on what else runs, and is no test's matter.
settings.register_profile("slora", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slora")

_SHARED = ("graph", "made_project")
"""Fixtures of a session that take a minute."""

_FIRST = ("training", "base_models", "processes", "miniature")
"""Folders whose tests take longest. What is begun first keeps no other process waiting at the
end."""


def pytest_configure(config: pytest.Config) -> None:
    """Share the cores among pytest's processes, before torch is imported: teams of threads that
    wait for each other's cores take several times as long. And no test signs with a person's key:
    all processes have one of their own."""
    # Whoever sets logging up closes all handlers first, and this one closes its stream with it, if
    # that isn't standard error: by then pytest's capture of a test has taken the place of what the
    # handler has, pytest's capture of the whole run.
    absl.logging.get_absl_handler().python_handler.setStream(sys.__stderr__)
    if not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="slora_keys_")
        os.environ[KEYS] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    # A verb's lanes would be processes beside those of pytest; `test_lanes.py` asks for some.
    os.environ.setdefault(LANES, "1")
    among = getattr(config, "workerinput", {}).get("workercount", 1)
    if among > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // among)))


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many processes as there are cores: tests of the whole product spend half of their
    time waiting for processes of its own."""
    return (os.cpu_count() or 1) * 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests begin; and of several processes one has all tests of a file, and of all files that
    ask for the same fixture of a minute, so that it is made once."""
    places = {name: number for number, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(_FIRST)))
    if not hasattr(config, "workerinput"):
        return
    sharing = {
        item.path: name
        for item in items
        for name in _SHARED
        if name in getattr(item, "fixturenames", ())
    }
    for item in items:
        group = sharing.get(item.path, f"{item.path.parent.name}/{item.path.stem}")
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def prepared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose `market_floor` is ready to train: one for all processes, so tests copy it
    before they run or change anything there."""
    from slora_assets.defs.preloaded import MODELS

    preload(MODELS)  # before a decoder starts the server that trainings are forked from as well
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    root = shared / "prepared_root"
    with FileLock(shared / "prepared_root.lock"):
        if not root.exists():
            made = tmp_path_factory.mktemp("prepared")
            _prepare(made)
            made.rename(root)
    return root


def _prepare(root: Path) -> None:
    from slora_assets.base_models.catalogue import open_base
    from slora_assets.caches.embeddings import cache_text
    from slora_assets.caches.latents import cache_latents
    from slora_assets.config.validation import read_validation_prompts
    from slora_assets.curation.manifest import write_manifest
    from slora_assets.curation.stage import curate
    from slora_assets.curation.validation_prompts import prompts_of
    from slora_assets.footage.inventory import take_inventory
    from slora_assets.miniature.scenes.sample_footage import render_sample_footage

    with pytest.MonkeyPatch.context() as patch:
        workspace = choose(prepare(root), patch)
    dataset, scenarios = read_dataset(workspace.dataset_file)
    render_sample_footage(workspace.raw(dataset.name), clips_per_scenario=12, others=2)
    curate(dataset, scenarios, take_inventory(dataset, workspace), workspace)
    clips = write_manifest(workspace, "market_floor").usable()
    write_manifest(workspace, "stage")
    with pytest.raises(CurationError):  # it has no footage, and its manifest says so
        write_manifest(workspace, "lighthouse")
    base = open_base("miniature", workspace.models)
    cache_latents(clips, base, root, workspace.quarantine, "cpu")
    asked = prompts_of(read_validation_prompts(workspace.validation_prompts), "market_floor", clips)
    texts = [p for c in clips for p in c.prompts] + [p.text for p in asked]
    cache_text(texts, base, workspace.text_embeddings, "cpu")


@pytest.fixture
def workspace(prepared_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the prepared workspace that a test may change."""
    root = tmp_path / "workspace"
    shutil.copytree(prepared_root, root)
    return choose(prepare(root), monkeypatch)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A tab of its own for a test."""
    found = Browser(tmp_path / "profile")
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def two_threads() -> Iterator[None]:
    """torch computes with two threads, however many cores this process has: what one alone would
    hide shows."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)
