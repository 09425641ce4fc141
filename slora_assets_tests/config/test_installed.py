"""slora installed as a copy, as `pip install .` does it: its configuration comes along, and what it
makes lands where a person works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slora_assets_tests.small_graph import PROJECT

_TREES = ("slora_assets", "api", "configs")
_FILES = ("dagster.yaml", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the installed package, made from a checkout with a space in its path."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("installed")
    checkout = folder / "my chéckout"
    checkout.mkdir()
    skipped = shutil.ignore_patterns("__pycache__", "*.safetensors")
    for name in _TREES:
        shutil.copytree(PROJECT / name, checkout / name, symlinks=True, ignore=skipped)
    for name in _FILES:
        shutil.copy(PROJECT / name, checkout)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target"]
    subprocess.run([*command, str(folder / "site"), str(checkout)], check=True)
    shutil.rmtree(checkout)
    yield folder / "site"


def _run(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLORA_", "DAGSTER_"))}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_finds_its_configuration_from_another_folder(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "where I wörk"
    folder.mkdir()
    listed = _run(site, folder, "slora_assets.cli", "scenario", "list")
    assert listed.returncode == 0, listed.stderr
    assert "market_floor" in listed.stdout and str(site) in listed.stdout
    copied = {path.relative_to(PROJECT) for path in (PROJECT / "configs").rglob("*.yaml")}
    shipped = site / "slora_assets" / "shipped"
    assert {path.relative_to(shipped) for path in shipped.rglob("configs/**/*.yaml")} == copied
    assert (shipped / "dagster.yaml").read_bytes() == (PROJECT / "dagster.yaml").read_bytes()


def test_the_installed_configuration_is_not_edited_and_a_copy_of_it_is(
    site: Path, tmp_path: Path
) -> None:
    add = ("scenario", "add", "harbour", "--keywords", "harbour", "--description", "by sea")
    refused = _run(site, tmp_path, "slora_assets.cli", *add)
    assert refused.returncode == 1
    assert "belongs to the installed package" in refused.stderr and "copy" in refused.stderr
    shutil.copytree(site / "slora_assets" / "shipped" / "configs", tmp_path / "configs")
    added = _run(site, tmp_path, "slora_assets.cli", *add)
    assert added.returncode == 0, added.stderr
    assert (tmp_path / "configs" / "data" / "scenarios" / "harbour.yaml").is_file()


def test_what_needs_the_project_s_folder_says_so(site: Path, tmp_path: Path) -> None:
    refused = _run(site, tmp_path, "slora_assets.defs.home")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1 and "pip install --editable" in refused.stderr
