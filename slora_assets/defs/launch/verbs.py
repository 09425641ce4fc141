"""What the Makefile's verbs run. Imports no Dagster: a mistyped verb is told at once."""

from collections.abc import Sequence
from typing import Final

VERBS: Final[dict[str, tuple[str, ...]]] = {
    "data": ("data",),
    "preprocess": ("preprocess",),
    "train": ("train",),
    "train-scenarios": ("train_scenarios",),
    "validate": ("validate", "validate_unified"),
    "sweep": ("sweep",),
    "summary": ("summary",),
    "release": (),
    "demo": (
        "data",
        "preprocess",
        "train_scenarios",
        "train",
        "validate",
        "validate_unified",
        "summary",
    ),
}
"""What each verb runs, in order; jobs over scenarios run once for each. `release` runs none: as
every verb does first, it gives back what killed runs still hold."""

JUDGING: Final = frozenset({"validate", "validate_unified", "sweep"})
"""Jobs that judge a finished run."""

UI: Final = "ui"
"""Opens the UI, and stands alone."""


_WITHOUT_MODELS: Final = {"data", "summary", "release"}


def are_verbs(arguments: Sequence[str]) -> bool:
    """Whether there are any, and all of them are verbs."""
    return bool(arguments) and all(verb in VERBS for verb in arguments)


def need_models(arguments: Sequence[str]) -> bool:
    """Whether a worker of these verbs may load a model."""
    return not _WITHOUT_MODELS.issuperset(arguments)
