"""Where Dagster keeps a workspace's history: in the workspace itself, whatever folder one is in.

One setting anchors it, `DAGSTER_HOME`, and this is its default. `dagster.yaml` names no folders of
its own, so runs, events, artefacts and logs all lie below it.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from slora_assets.config import edge
from slora_assets.config.errors import MissingInputError
from slora_assets.config.kept_lines import with_kept_lines
from slora_assets.config.places import PROJECT, is_checkout, root_from_environment, shipped_files
from slora_assets.provenance import write_text

VARIABLE: Final = "DAGSTER_HOME"
_FOLDER: Final = ".dagster"


def prepare_home() -> Path:
    """Make sure that DAGSTER_HOME is set, by default in the workspace, and that the project's
    `dagster.yaml` is found there. Returns the folder.

    A file of that name that stands there already stays: it is the person's.
    """
    home = Path(os.environ.setdefault(VARIABLE, str(root_from_environment() / _FOLDER)))
    _link_settings(home)
    return home


def _link_settings(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if settings.is_symlink() and not settings.exists():
        settings.unlink()  # the project has moved
    with suppress(FileExistsError):  # another process was faster, or a person wrote one
        settings.symlink_to(os.path.relpath(shipped_files() / "dagster.yaml", home.resolve()))


def refuse_copy(what: str) -> None:
    """Raise MissingInputError where slora is installed as a copy, without the project's folder."""
    if not is_checkout():
        raise MissingInputError(
            f"{what}, and this is an installed copy of slora",
            file=PROJECT,
            remedy="install the project's folder with `pip install --editable .`, or set"
            " DAGSTER_HOME and use `dagster dev -m slora_assets.definitions`",
        )


def warn_without_home() -> None:
    """Say where this process's history goes when nobody named a place for it.

    It can't be put right from here. `dagster asset materialize` opens its history before it loads
    any code: where `DAGSTER_HOME` says, in the environment or in the `.env` of the folder that it
    is started in, else in a temporary folder. Its `-m`, `-f` and `-d` name code alone, and nothing
    that code says moves a history that is open.
    """
    if VARIABLE not in os.environ:
        print(
            f"warning: {VARIABLE} is not set, so Dagster keeps this history in a temporary folder:"
            " it is not in the UI, no pool holds it back, and dagster.yaml isn't read. Remedy: run"
            f" `make setup` once and work in {PROJECT}, or set"
            f" {VARIABLE}={root_from_environment() / _FOLDER}",
            file=sys.stderr,
        )


def main() -> int:
    """`python -m slora_assets.defs.home`: let `dg` and `dagster`, started in the project's folder,
    find the project's history. Both read `.env` there."""
    refuse_copy("`.env` is the project's")
    own, settings = PROJECT / _FOLDER, PROJECT / ".env"
    _link_settings(own)
    before = settings.read_bytes().decode() if settings.is_file() else ""
    said = before.splitlines()
    others = [line for line in said if not line.startswith(f"{VARIABLE}=")]
    # What stands in `.env` wins over the environment; this way a person's own setting stays.
    line = f'{VARIABLE}="${{{VARIABLE}:-{own}}}"'
    edited = "\n".join([*others, line, ""])
    write_text(settings, with_kept_lines(before, before, edited))
    return 0


if __name__ == "__main__":
    edge.run(main)
