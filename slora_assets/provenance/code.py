"""Which code runs: the package's own files, and the commit they come from where there is one."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from slora_assets.config.places import PROJECT, is_checkout
from slora_assets.documents import Code
from slora_assets.provenance.hashing import object_hash, sha256_file

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_PATIENCE_S: Final = 10


@cache
def package_hash() -> str:
    """Over the package's own files, as they stand when it is first asked for."""
    files = sorted(_PACKAGE.rglob("*.py"))
    return object_hash({file.relative_to(_PACKAGE).as_posix(): sha256_file(file) for file in files})


@cache
def running_code() -> Code:
    """The code as it stands when it is first asked for."""
    commit = _git("rev-parse", "HEAD") if is_checkout() else None
    changes = _git("status", "--porcelain", "--", _PACKAGE.name) if commit else None
    try:
        own = version("slora")
    except PackageNotFoundError:
        own = "not installed"
    return Code(
        version=own,
        package=package_hash(),
        commit=commit,
        dirty=None if changes is None else bool(changes),
    )


def _git(*arguments: str) -> str | None:
    """What git says about the project; None where there is no git, or no repository of its own."""
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
