"""The registry holds what was registered, and opens nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from slora_assets.config.errors import GateError, IntegrityError, MissingInputError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.registry import (
    open_registered,
    register_adapter,
    registered,
    verified_bytes,
)
from slora_assets.documents import ADAPTER_FILE, ADAPTER_RECORD, registered_path

FinishRun = Callable[..., str]


@pytest.fixture
def source(workspace: Workspace, finish_run: FinishRun) -> Path:
    finish_run()
    return workspace.scenario_run("market_floor") / "adapters" / "epoch_2"


@pytest.fixture
def folder(workspace: Workspace, source: Path) -> Path:
    return register_adapter(workspace, source)[0]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_registering_copies_file_and_record_under_the_hash(
    workspace: Workspace, source: Path
) -> None:
    folder, record = register_adapter(workspace, source)
    assert folder == workspace.registry / record.sha256
    assert contents(folder) == contents(source)
    assert [path.name for path in workspace.registry.iterdir()] == [record.sha256]


def test_registering_again_changes_nothing(workspace: Workspace, source: Path) -> None:
    first, _ = register_adapter(workspace, source)
    stamps = {path: path.stat().st_mtime_ns for path in first.iterdir()}
    second, _ = register_adapter(workspace, source)
    assert second == first
    assert {path: path.stat().st_mtime_ns for path in second.iterdir()} == stamps


def test_a_source_that_is_not_its_record_is_not_registered(
    workspace: Workspace, source: Path
) -> None:
    (source / ADAPTER_FILE).write_bytes(b"other weights")
    with pytest.raises(IntegrityError):
        register_adapter(workspace, source)
    assert not workspace.registry.exists()


def test_tampering_in_the_registry_is_found_on_opening(workspace: Workspace, folder: Path) -> None:
    path = registered_path(folder.name)
    assert open_registered(workspace, path, folder.name) == folder
    assert open_registered(workspace, str(Path(path).parent), folder.name) == folder
    (folder / ADAPTER_FILE).write_bytes(b"swapped")
    with pytest.raises(IntegrityError):
        open_registered(workspace, path, folder.name)
    assert registered(workspace) == []


def _linked(folder: Path) -> None:
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(elsewhere)


def _a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"")


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / ADAPTER_FILE).write_bytes(b"swapped"),
        lambda folder: (folder / ADAPTER_FILE).unlink(),
        lambda folder: (folder / ADAPTER_RECORD).write_text("{"),
        lambda folder: (folder / ADAPTER_RECORD).write_text("{}"),
        lambda folder: (folder / ADAPTER_RECORD).unlink(),
        _linked,
        _a_file,
    ],
)
def test_what_is_broken_in_the_registry_is_whole_again_once_the_remedy_is_followed(
    workspace: Workspace, source: Path, folder: Path, harm: Callable[[Path], None]
) -> None:
    harm(folder)
    for attempt in (
        lambda: open_registered(workspace, registered_path(folder.name), folder.name),
        lambda: register_adapter(workspace, source),
    ):
        with pytest.raises(SloraError, match=r"delete its folder .* promote the adapter again"):
            attempt()
    shutil.rmtree(folder) if folder.is_dir() and not folder.is_symlink() else folder.unlink()
    register_adapter(workspace, source)
    assert open_registered(workspace, registered_path(folder.name), folder.name) == folder


def test_another_record_for_the_same_weights_is_refused(
    workspace: Workspace, source: Path, folder: Path
) -> None:
    record = source / ADAPTER_RECORD
    record.write_text(record.read_text().replace('"step": 10', '"step": 11'))
    with pytest.raises(IntegrityError, match="another record"):
        register_adapter(workspace, source)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "/",
        "checkpoints/registry",
        "checkpoints/registry/",
        "/etc/passwd",
        "checkpoints/registry/{hash}/../{hash}/pytorch_lora_weights.safetensors",
        "./checkpoints/registry/{hash}",
        "checkpoints//registry/{hash}",
        "checkpoints/registry/{hash}/",
        "checkpoints/registry/{hash}/adapter.json",
        "{root}/checkpoints/registry/{hash}/pytorch_lora_weights.safetensors",
        "checkpoints/scenario_loras/market_floor/adapters/epoch_2/pytorch_lora_weights.safetensors",
        "checkpoints\\registry\\{hash}",
        "checkpoints/registry/{hash}\x00",
        "file:///{hash}",
    ],
)
def test_only_the_registrys_own_path_opens(workspace: Workspace, folder: Path, path: str) -> None:
    asked = path.format(hash=folder.name, root=workspace.root)
    with pytest.raises(GateError):
        open_registered(workspace, asked, folder.name)


@pytest.mark.parametrize(
    "sha256", ["", "..", "A" * 64, "a" * 63, "a" * 64 + "\n", "../" * 21 + "a"]
)
def test_only_hashes_name_adapters(workspace: Workspace, folder: Path, sha256: str) -> None:
    with pytest.raises(GateError):
        open_registered(workspace, registered_path(sha256), sha256)


def test_an_adapter_that_is_not_there_is_missing(workspace: Workspace) -> None:
    with pytest.raises(MissingInputError):
        open_registered(workspace, registered_path("a" * 64), "a" * 64)


def test_links_are_refused_even_to_the_right_bytes(
    workspace: Workspace, source: Path, folder: Path
) -> None:
    path = registered_path(folder.name)
    (folder / ADAPTER_FILE).unlink()
    (folder / ADAPTER_FILE).symlink_to(source / ADAPTER_FILE)
    with pytest.raises(GateError):
        open_registered(workspace, path, folder.name)
    (folder / ADAPTER_FILE).unlink()
    (folder / ADAPTER_RECORD).unlink()
    folder.rmdir()
    folder.symlink_to(source)
    for attempt in (
        lambda: open_registered(workspace, path, folder.name),
        lambda: register_adapter(workspace, source),
    ):
        with pytest.raises(GateError):
            attempt()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_pipes_and_folders_are_refused_without_waiting(
    workspace: Workspace, folder: Path, make: Callable[[Path], None]
) -> None:
    (folder / ADAPTER_FILE).unlink()
    make(folder / ADAPTER_FILE)
    with pytest.raises(SloraError):
        verified_bytes(folder / ADAPTER_FILE, folder.name)
