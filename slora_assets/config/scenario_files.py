"""Where a dataset's scenarios are written down: a shared file, a folder with a small file for each,
or both beside each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import UNIFIED

SCENARIO_NAME: Final = r"^[a-z][a-z0-9_]{0,63}$"
"""Scenario names become partition keys, folder names and URL parts."""


def is_scenario_name(name: str) -> bool:
    """Whether a scenario may be called so; the run over all scenarios has its folders' name."""
    return re.fullmatch(SCENARIO_NAME, name) is not None and name != UNIFIED


Location = tuple[int | str, ...]
"""Keys and indices that lead to a place in a YAML file."""


@dataclass(frozen=True)
class ScenarioFiles:
    """The two places of one set of scenarios; what stands in both is in one set."""

    shared: Path
    """`<set>.yaml`: all scenarios under one key."""
    folder: Path
    """`<set>/<scenario>.yaml`: the keys of one scenario, named by the file."""

    @classmethod
    def named(cls, path: Path) -> ScenarioFiles:
        """The places that a dataset means: it may name the file or the folder."""
        folder = path.with_suffix("") if path.suffix == ".yaml" else path
        return cls(folder.with_name(f"{folder.name}.yaml"), folder)

    def any(self) -> bool:
        """Whether a scenario is written down at all."""
        return self.shared.is_file() or bool(self.small())

    def small(self) -> dict[str, Path]:
        """The folder's files by scenario, sorted. Raises ConfigError for a file that names none."""
        found: dict[str, Path] = {}
        for path in sorted(self.folder.glob("*")) if self.folder.is_dir() else ():
            if path.name.startswith(".") or path.suffix not in (".yaml", ".yml"):
                continue
            if path.suffix == ".yml" or not is_scenario_name(path.stem):
                raise ConfigError(
                    "the file's name is no scenario's",
                    file=path,
                    found=path.name,
                    expected=f"<scenario>.yaml, in lower case, digits and '_', not {UNIFIED}",
                    remedy="rename the file",
                )
            found[path.stem] = path
        return found

    def place(self, scenario: str) -> tuple[Path, Location]:
        """The file that a scenario stands in, and the way to its keys there."""
        small = self.file_of(scenario)
        return (small, ()) if small.is_file() else (self.shared, ("scenarios", scenario))

    def file_of(self, scenario: str) -> Path:
        """The small file of a scenario, whether it is there or not."""
        return self.folder / f"{scenario}.yaml"
