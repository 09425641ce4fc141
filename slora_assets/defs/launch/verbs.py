"""What the Makefile's verbs run. Imports no Dagster: a mistyped verb is told at once."""

from collections.abc import Sequence
from typing import Final

_VALIDATE: Final = ("validate_unified", "validate")

VERBS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "data": (("data",),),
    "preprocess": (("preprocess",),),
    "train": (("train",),),
    "train-scenarios": (("train_scenarios",),),
    "validate": (_VALIDATE,),
    "sweep": (("sweep",),),
    "summary": (("summary",),),
    "release": (),
    "demo": (("data",), ("preprocess",), ("train", "train_scenarios", *_VALIDATE), ("summary",)),
}
"""What each verb runs: groups of jobs, in order, and in a group jobs that may go side by side, the
longest first (`waiting.py` knows which wait for which). Jobs over scenarios run once for each.
`release` runs none: as every verb does first, it gives back what killed runs still hold."""

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
