"""The pool of steps that use the accelerator, made wider while a verb's lanes share that out.

Afterwards it has the limit of `dagster.yaml` again, and follows it when that changes: a note in the
history's folder says which limit is of this module. It is never taken away, as one might think:
Dagster 1.13 fails in every process that looks at its pools while a place is held in one without a
limit of its own (`SqlEventLogStorage._reconcile_concurrency_limits_from_slots`).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

import dagster as dg
from filelock import lock_descriptor

from slora_assets.defs.groups import POOL

_NOTE: Final = "wider_pool.json"
"""`set`: the limit that this module gave; `before`: a person's, which it replaced, or null. Locked
by whoever has widened the pool."""


@contextmanager
def wider_pool(instance: dg.DagsterInstance, places: int) -> Iterator[None]:
    """Have so many places in the pool meanwhile, if it hasn't more."""
    with _note(instance).open("a+") as note:
        if not lock_descriptor(note.fileno(), blocking=False):
            yield  # another verb has widened it, and takes care of it
            return
        _settle(instance, note)  # after one that was killed
        persons = None if _said(note) else _own_limit(instance)
        limit = persons or _default(instance)
        if limit is None or limit >= places:
            yield
            return
        _say(note, {"before": persons, "set": places})
        instance.event_log_storage.set_concurrency_slots(POOL, places)
        try:
            yield
        finally:
            _settle(instance, note)


def settle_pool(instance: dg.DagsterInstance) -> None:
    """Give the pool the limit that it should have, if it has one of this module and no verb is at
    work that has widened it."""
    if _note(instance).is_file():
        with _note(instance).open("a+") as note:
            if lock_descriptor(note.fileno(), blocking=False):
                _settle(instance, note)


def _settle(instance: dg.DagsterInstance, note: TextIO) -> None:
    if not (said := _said(note)):
        return
    limit, target = _own_limit(instance), said["before"] or _default(instance)
    if limit == said["set"] and target is not None and limit != target:
        instance.event_log_storage.set_concurrency_slots(POOL, target)
        limit = target
    persons = said["before"] or limit not in (said["set"], target)
    _say(note, None if persons else {"before": None, "set": limit})


def _own_limit(instance: dg.DagsterInstance) -> int | None:
    """The pool's, if it isn't that of `dagster.yaml` as Dagster itself keeps it."""
    limits = instance.event_log_storage.get_pool_limits()
    return next((one.limit for one in limits if one.name == POOL and not one.from_default), None)


def _default(instance: dg.DagsterInstance) -> int | None:
    """That of `dagster.yaml`; without one, pools limit nothing."""
    return instance.event_log_storage.get_pool_config().default_pool_limit


def _note(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / _NOTE


def _said(note: TextIO) -> dict[str, int | None] | None:
    note.seek(0)
    said: dict[str, int | None] | None = json.loads(note.read() or "null")
    return said


def _say(note: TextIO, said: dict[str, int | None] | None) -> None:
    note.seek(0)
    note.truncate()
    note.write(json.dumps(said))
    note.flush()
