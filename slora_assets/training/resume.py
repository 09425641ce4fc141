"""Whether an unfinished run may go on: what it was begun with against what is asked now.

`begun_with.json` in the run's working folder says the former. A difference is refused by name,
unless the user allows it (then the run's record keeps it) or begins again.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from slora_assets.config.errors import ConfigError, IntegrityError, TrainingError
from slora_assets.provenance import read_json, write_json
from slora_assets.training.loop.checkpoints import newest_step
from slora_assets.training.plan import TRAINING_VERSION, RunPlan

_SHAPES: Final = frozenset({"lora.rank", "lora.targets"})
"""Keys that decide which tensors an adapter has, and how large."""


@dataclass(frozen=True)
class Resumption:
    """How an unfinished run may be gone on with."""

    restart: bool = False
    """Throw an unfinished run away."""
    allow_changed: tuple[str, ...] = ()
    """Keys that may differ from what the run was begun with; `optimizer` allows all below it."""


@dataclass(frozen=True)
class Begun:
    """What the working folder's run goes on from."""

    anew: bool = False
    """Whether it begins: what lies in the working folder goes."""
    earlier_hashes: tuple[str, ...] = ()
    """Hashes that the run had before allowed changes: their checkpoints count."""
    changes: tuple[dict[str, Any], ...] = field(default=())
    """`key`, `before`, `after`, and the `step` after which it holds."""


def facts_of(plan: RunPlan) -> dict[str, Any]:
    """What decides a run's bytes, by the keys that a user names: settings under their own dotted
    keys, then `dataset`, `scenarios`, `base.<part>`, `scorer`, `prompts`, `seeds`."""
    identity = plan.identity.model_dump(mode="json")
    return {
        **flattened(plan.settings.resolved()),
        "dataset": plan.data.dataset_hash,
        "scenarios": list(plan.data.scenarios),
        **flattened({"base": identity}),
        **flattened({"scorer_weights": plan.scorer}),
        "prompts": [[prompt.id, prompt.text] for prompt in plan.sampling.prompts],
        "seeds": list(plan.sampling.seeds),
        "training_version": TRAINING_VERSION,
    }


def decide(plan: RunPlan, resumption: Resumption) -> Begun:
    """Whether to begin, or to go on with the unfinished run in the working folder. Writes nothing:
    what still has to be found fit may yet be refused.

    Raises TrainingError naming what differs when that is another run, IntegrityError when it
    doesn't say what it was begun with, ConfigError for allowed keys that nothing is called by.
    """
    partial = plan.folder.partial
    asked = facts_of(plan)
    if resumption.restart or not partial.is_dir() or not any(partial.iterdir()):
        _refuse_unknown(resumption.allow_changed, asked)
        return Begun(anew=True)
    begun, facts, run_hash = _read(plan.folder.begun_with)
    _refuse_unknown(resumption.allow_changed, {*facts, *asked})
    if run_hash == plan.run_hash:
        return begun
    differing = sorted(k for k in {*facts, *asked} if facts.get(k) != asked.get(k))
    refused = [key for key in differing if not _allowed(key, resumption.allow_changed)]
    step = newest_step(plan.folder.state)
    if refused:
        raise TrainingError(
            "an unfinished run was begun with something else",
            file=partial,
            key=", ".join(refused),
            found={key: facts.get(key) for key in refused},
            expected=str({key: asked.get(key) for key in refused}),
            remedy="restore it; or add --restart to begin again (RESTART=1 with `make`)"
            + _or_allow(refused, step),
        )
    changes = tuple(
        {"key": key, "before": facts.get(key), "after": asked.get(key), "step": step}
        for key in differing
    )
    return Begun(False, (*begun.earlier_hashes, run_hash), (*begun.changes, *changes))


def _or_allow(refused: Sequence[str], step: int) -> str:
    """The other remedy, unless it is none: what was learnt in `step` steps has a shape."""
    if step and not _SHAPES.isdisjoint(refused):
        return ""
    allowed = " ".join(f"--allow-changed {key}" for key in refused)
    return f"; or {allowed} to go on with the change, which the record then keeps"


def write_down(plan: RunPlan, begun: Begun) -> None:
    """Make the working folder what was decided: the first process does, once nothing can refuse the
    run any more."""
    if begun.anew:
        shutil.rmtree(plan.folder.partial, ignore_errors=True)
        plan.folder.partial.mkdir(parents=True)
    document = {
        "schema_version": 1,
        "run_hash": plan.run_hash,
        "facts": facts_of(plan),
        "earlier_hashes": list(begun.earlier_hashes),
        "changes": list(begun.changes),
    }
    write_json(plan.folder.begun_with, document)


def _read(file: Path) -> tuple[Begun, dict[str, Any], str]:
    remedy = "add --restart to begin again"
    document = read_json(file, remedy=remedy)
    try:
        assert isinstance(document, dict)
        begun = Begun(False, tuple(document["earlier_hashes"]), tuple(document["changes"]))
        assert all({"key", "before", "after", "step"} <= change.keys() for change in begun.changes)
        return begun, dict(document["facts"]), str(document["run_hash"])
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError("not what a run was begun with", file=file, remedy=remedy) from error


def _refuse_unknown(allowed: Sequence[str], known: Collection[str]) -> None:
    """Raise ConfigError for a key that nothing is called by: it would allow nothing."""
    for one in allowed:
        if not any(_allowed(key, [one]) for key in known):
            near = difflib.get_close_matches(one[:100], known, n=1)
            raise ConfigError(
                "no such key",
                key="--allow-changed",
                found=one,
                expected="a key of the recipe, dataset, scenarios, base, scorer, prompts or seeds",
                remedy=f"did you mean '{near[0]}'?" if near else "name one that the error named",
            )


def _allowed(key: str, allowed: Sequence[str]) -> bool:
    return any(key == one or key.startswith(one + ".") for one in allowed)


def flattened(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping by dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
