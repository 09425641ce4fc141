"""What several verbs of `slora` ask for."""

from __future__ import annotations

from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="A scenario.")]
Reason = Annotated[str, typer.Option(help="Why.")]
