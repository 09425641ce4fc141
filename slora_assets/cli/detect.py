"""`slora detect`: is this file a generated video, and which?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from slora_assets.config.workspace import Workspace


def detect(
    file: Annotated[Path, typer.Argument(help="A video, from here or from anywhere.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Look for the marks of a generated video: Content Credentials, watermark, entry in the
    register, and what the miniature's decoder draws into its clips. Ends with 0 where at least one
    says that it is one, with 1 where none does, with 2 where there is no such file."""
    from slora_assets.config.errors import MissingInputError
    from slora_assets.governance.detection.detect import detect as detected
    from slora_assets.governance.detection.shown import detection_lines

    try:
        found = detected(Workspace.from_environment(), file)
    except MissingInputError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error
    lines = detection_lines(found)
    typer.echo(json.dumps(found.document(), indent=2) if as_json else "\n".join(lines))
    if not found.layers:
        raise typer.Exit(1)
