"""The folders that the environment names: what can be none is refused before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from slora_assets.config.data import read_dataset
from slora_assets.config.errors import ConfigError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.footage.files import footage_folder
from slora_assets_tests.small_graph import prepare
from slora_assets_tests.workspaces import choose


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return choose(prepare(tmp_path / "chosen"), monkeypatch)


@pytest.mark.parametrize("variable", ["SLORA_WORKSPACE", "SLORA_CONFIGS"])
@pytest.mark.parametrize("named", ["file", "file/below", "file/further/below", "loop", "dangling"])
def test_what_is_no_folder_and_can_be_none_is_refused_by_name(
    chosen: Workspace, monkeypatch: pytest.MonkeyPatch, variable: str, named: str
) -> None:
    (chosen.root / "file").write_text("")
    (chosen.root / "loop").symlink_to("loop")
    (chosen.root / "dangling").symlink_to("nowhere")
    monkeypatch.setenv(variable, str(chosen.root / named))
    with pytest.raises(ConfigError, match="names no folder") as caught:
        Workspace.from_environment()
    assert (caught.value.key, caught.value.found) == (variable, str(chosen.root / named))


def test_a_workspace_needn_t_be_there_yet(
    chosen: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for named in ("new", "new/and deeper"):
        monkeypatch.setenv("SLORA_WORKSPACE", str(chosen.root / named))
        assert Workspace.from_environment().root == chosen.root / named
    (chosen.root / "link").symlink_to(chosen.root)
    monkeypatch.setenv("SLORA_WORKSPACE", str(chosen.root / "link"))
    assert Workspace.from_environment().root == chosen.root / "link"


def test_footage_that_is_a_file_is_not_said_to_be_missing(chosen: Workspace) -> None:
    dataset, _ = read_dataset(chosen.dataset_file)
    with pytest.raises(MissingInputError, match="does not exist"):
        footage_folder(dataset, chosen)
    (chosen.root / dataset.footage).parent.mkdir(parents=True)
    (chosen.root / dataset.footage).write_text("")
    with pytest.raises(MissingInputError, match=r"is no folder.*provide the folder"):
        footage_folder(dataset, chosen)
