"""Small projects that forgers start from: adapters that may be promoted, may not, are, or were."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slora_assets.base_models.catalogue import open_base
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import read_changes
from slora_assets.deployment.promotion import demote, promote
from slora_assets.miniature.weights.build import build_base
from slora_assets.provenance import write_text
from slora_assets.provenance.keys import KEYS, public_key_file
from slora_assets.provenance.ledger import all_records
from slora_assets.provenance.takedowns import read_takedowns
from slora_assets.provenance.trust import trust

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

# The tests are not installed.
from slora_assets_tests.earned import earn, write_sweep  # noqa: E402
from slora_assets_tests.served_workspace import SHAPES, finish_run  # noqa: E402
from slora_assets_tests.workspaces import below  # noqa: E402

SCENARIOS = tuple(SHAPES)
BY = "a benchmark"

Files = Mapping[str, bytes]
"""Contents by path relative to the workspace."""


@dataclass(frozen=True)
class Projects:
    """Four projects, and what they were before."""

    candidate: Workspace
    """The verdicts let the adapters through, nothing is promoted."""
    failed: Workspace
    """The same, judged again since: `fail`."""
    promoted: Workspace
    """The adapters are promoted."""
    demoted: Workspace
    """They were, and are taken back."""
    attacker: Path
    """Keys of somebody else, who trusts those of the project."""

    def before(self, name: str, *below_: str) -> Files:
        """The files that `failed` or `demoted` held before, below these folders or files."""
        past = self.candidate if name == "failed" else self.promoted
        return {
            path: content
            for path, content in files_of(past.root).items()
            if path.startswith(below_ or ("",))
        }


def files_of(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def put(workspace: Workspace, files: Files) -> None:
    for path, content in files.items():
        file = workspace.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def make_projects(folder: Path) -> Projects:
    base_folder = folder / "models" / "tiny"
    build_base(base_folder)
    base = open_base(str(base_folder), base_folder.parent)
    candidate = _candidate(folder / "candidate", base, base_folder)
    failed, promoted = (_copied(candidate, folder / one) for one in ("failed", "promoted"))
    for scenario in SCENARIOS:
        earn(failed, scenario, "fail")
        promote(promoted, scenario, BY, "for the forgers", override_inconclusive=True)
    demoted = _copied(promoted, folder / "demoted")
    for scenario in SCENARIOS:
        demote(demoted, scenario, BY, "for the forgers")
    mine, attacker = public_key_file(), folder / "attacker"
    with keys_of(attacker):
        trust(mine)
    return Projects(candidate, failed, promoted, demoted, attacker)


def _candidate(root: Path, base: VideoBase, base_folder: Path) -> Workspace:
    shutil.copytree(PROJECT / "configs", root / "configs")
    made = below(root)
    text = made.presets.read_text().replace("base_model: miniature", f"base_model: {base_folder}")
    write_text(made.presets, text.replace("steps: null", "steps: 2"))
    for seed, scenario in enumerate(SCENARIOS, start=1):
        finish_run(made, base, scenario, seed)
        earn(made, scenario, "inconclusive")
        swept = [0.0, *read_validation_prompts(made.validation_prompts).sweep, 1.5]
        write_sweep(made, scenario, dict.fromkeys(swept, "inconclusive"), best=0.85)
    return made


def _copied(workspace: Workspace, root: Path) -> Workspace:
    return below(Path(shutil.copytree(workspace.root, root)))


def fresh_copy(workspace: Workspace, folder: Path) -> Workspace:
    """A copy on a machine that has looked at its logs."""
    copy = _copied(workspace, folder / "project")
    all_records(copy), read_changes(copy.changelog), read_takedowns(copy)
    return copy


@contextmanager
def keys_of(folder: Path) -> Iterator[None]:
    """Everything inside happens on a machine with these keys."""
    before = os.environ.get(KEYS)
    os.environ[KEYS] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[KEYS]
        else:
            os.environ[KEYS] = before
