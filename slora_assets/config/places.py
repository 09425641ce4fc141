"""Where the project, its shipped files and the workspace of the environment are."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Final

from slora_assets.config.errors import ConfigError

PROJECT: Final = Path(__file__).resolve().parents[2]
"""The folder that holds the package: the project's own, unless slora was installed as a copy."""

_SHIPPED: Final = Path(__file__).resolve().parents[1] / "shipped"
"""What a package that was installed as a copy holds of the project's files."""


@cache
def is_checkout() -> bool:
    """Whether `PROJECT` is the project's folder, with `configs/` and `dagster.yaml` in it."""
    return has_configs(PROJECT)


def shipped_files() -> Path:
    """Where `configs/` and `dagster.yaml` lie unless something else is said: in the project, or in
    the installed package."""
    return PROJECT if is_checkout() else _SHIPPED


def root_from_environment() -> Path:
    """The folder of the workspace that the environment names, whatever its configuration says.
    Raises ConfigError where there can be none."""
    here = Path.cwd()
    default = PROJECT if is_checkout() and not has_configs(here) else here
    return folder_named("SLORA_WORKSPACE", default)


def folder_named(variable: str, default: Path) -> Path:
    """The folder that a variable names, which needn't be there yet. Raises ConfigError where there
    can be none, as a file has its name or that of a folder above it."""
    named = os.environ.get(variable)
    path = Path(named or default).absolute()
    there = next(one for one in (path, *path.parents) if os.path.lexists(one))
    if named and not there.is_dir():
        raise ConfigError(
            "the environment variable names no folder",
            key=variable,
            found=named,
            expected="a folder" if there == path else f"a folder, and {there} is none",
            remedy=f"set {variable} to a folder",
        )
    return path


def has_configs(folder: Path) -> bool:
    """Whether datasets are described in a folder's `configs/`."""
    return (folder / "configs" / "data").is_dir()


def refuse_shipped(file: Path) -> None:
    """Raise ConfigError for a file that slora was installed with: the next installation would
    overwrite what is written there."""
    if not is_checkout() and file.absolute().is_relative_to(_SHIPPED):
        raise ConfigError(
            "the file belongs to the installed package and is not edited there",
            file=file,
            remedy=f"copy {_SHIPPED / 'configs'} to configs/ of the folder that you work in",
        )
