"""Ways to have an adapter promoted whose verdict doesn't let it through, or can't be believed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import with_tests  # noqa: F401
from forged_projects import Projects, keys_of, put

from slora_assets.config.workspace import Workspace
from slora_assets.documents import ADAPTER_RECORD, RUN_RECORD, VERDICT_FILE, Takedown, TakenClip
from slora_assets.provenance import chained_log, sha256_file
from slora_assets.provenance.keys import keys_folder
from slora_assets.provenance.ledger import last_record, ledger_heads
from slora_assets.provenance.signatures import signature_of
from slora_assets.provenance.takedowns import log_takedown
from slora_assets.provenance.trust import trusted_keys
from slora_assets_tests.made_runs import adapter_file
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.workspaces import rewrite

Forge = Callable[[Workspace, str, Projects], object]


def _verdict(workspace: Workspace, scenario: str) -> Path:
    return workspace.validation(scenario) / VERDICT_FILE


def _folder(scenario: str) -> str:
    return f"outputs/validation/{scenario}/"


def _edited(w: Workspace, s: str, _p: Projects | None = None) -> None:
    rewrite(_verdict(w, s), lambda one: one["verdict"].update(verdict="inconclusive"))


def _of_then(w: Workspace, s: str, p: Projects) -> None:
    """The verdict that let the adapter through, whole and signed."""
    put(w, p.before("failed", _folder(s)))


def _measurements_too(w: Workspace, s: str, p: Projects) -> None:
    """What the older, better ones say, and the verdict on them, unsigned."""
    _of_then(w, s, p)
    signature_of(_verdict(w, s)).unlink()


def _rechained(w: Workspace, s: str) -> None:
    """Put on record without a key: the chain alone takes none."""
    file = _verdict(w, s)
    last = last_record(w, file)
    assert last is not None
    others = {name: sha256_file(file.parent / name) for name in last.files}
    entry = last.model_dump(mode="json", exclude={"time", "previous", "hash"})
    chained_log.append(w.ledger, {**entry, "sha256": sha256_file(file), "files": others})


def _with(*forges: Forge) -> Forge:
    def all_of(w: Workspace, s: str, p: Projects) -> None:
        for forge in forges:
            forge(w, s, p)

    return all_of


def _on_record_by_the_attacker(w: Workspace, s: str, p: Projects) -> None:
    with keys_of(p.attacker):
        signature_of(_verdict(w, s)).unlink(missing_ok=True)
        put_run_on_record(w, s)


def _under_the_owners_name(w: Workspace, s: str, _p: Projects) -> None:
    [owner] = trusted_keys()
    rewrite(ledger_heads(w).files[0], lambda head: head.update(key=owner))
    rewrite(
        signature_of(_verdict(w, s)),
        lambda one: one["verificationMaterial"]["publicKey"].update(hint=owner),
    )


def _ledger_cut(w: Workspace, p: Projects) -> None:
    lines = len((p.candidate.ledger).read_bytes().splitlines())
    w.ledger.write_bytes(b"".join(w.ledger.read_bytes().splitlines(keepends=True)[:lines]))


def _ledger_of_then(w: Workspace, p: Projects, *, head: bool) -> None:
    names = ["data/ledger.jsonl", *(["data/ledger.head.json"] if head else [])]
    put(w, {name: (p.candidate.root / name).read_bytes() for name in names})


def another(s: str) -> str:
    return {"market_floor": "kitchen"}.get(s, "market_floor")


def _weights_exchanged(w: Workspace, s: str, _p: Projects) -> None:
    shutil.copy(adapter_file(w, another(s)), adapter_file(w, s))


def _taken_down_and_hidden(w: Workspace, s: str, _p: Projects) -> None:
    """The adapter saw a clip that was taken down, and the list is deleted with its heads."""
    run = w.scenario_run(s) / RUN_RECORD
    clip = {"id": "c", "sha256": "a" * 64, "scenario": s, "split": "train"}
    rewrite(run, lambda record: record.update(clips=[clip]))
    put_run_on_record(w, s)
    taken = [TakenClip(id="c", because="it was named")]
    log_takedown(w, Takedown(asked="c", by="Ada", reason="r", dataset="sample", clips=taken))
    for file in (w.takedowns, *w.takedown_heads):
        file.unlink()


def no_keys(_w: Workspace, _s: str, _p: Projects) -> None:
    """The owner's key is lost, and a new one made: what the old one signed counts no longer."""
    for file in keys_folder().glob("*.pem"):
        file.unlink()


def _settings(name: str, old: str, new: str) -> Forge:
    def edit(w: Workspace, _s: str, _p: Projects) -> None:
        file = getattr(w, name)
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    return edit


def _trained_anew(w: Workspace, s: str, _p: Projects) -> None:
    """As a stage does it, on record and signed; the verdict is on the adapter before."""
    file = adapter_file(w, s)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    sha256 = sha256_file(file)
    rewrite(file.with_name(ADAPTER_RECORD), lambda one: one.update(sha256=sha256))

    def kept(record: dict[str, Any]) -> None:
        record["best"]["sha256"] = record["kept"][0]["sha256"] = sha256

    rewrite(w.scenario_run(s) / RUN_RECORD, kept)
    put_run_on_record(w, s)


def another_projects_ledger(w: Workspace, _s: str, p: Projects) -> None:
    other = p.attacker.parent / "other.jsonl"
    if not other.exists():
        chained_log.append(other, {"schema_version": 1, "kind": "run", "path": "x", "sha256": None})
    shutil.copy(other, w.ledger)


FROM_FAILED: dict[str, Forge] = {
    "verdict edited": _edited,
    "verdict edited, ledger chained on": _with(_edited, lambda w, s, p: _rechained(w, s)),
    "verdict edited, signed by another": _with(_edited, _on_record_by_the_attacker),
    "verdict edited, signed by another in the owner's name": _with(
        _edited, _on_record_by_the_attacker, _under_the_owners_name
    ),
    "verdict edited, ledger without head": _with(
        _edited,
        lambda w, s, p: _rechained(w, s),
        lambda w, s, p: ledger_heads(w).files[0].unlink(),
    ),
    "verdict and measurements edited": _measurements_too,
    "both edited, ledger chained on": _with(_measurements_too, lambda w, s, p: _rechained(w, s)),
    "both edited, signed by another": _with(_measurements_too, _on_record_by_the_attacker),
    "both edited, signed by another in the owner's name": _with(
        _measurements_too, _on_record_by_the_attacker, _under_the_owners_name
    ),
    "older verdict, measurements, signature": lambda w, s, p: put(
        w, p.before("failed", _folder(s))
    ),
    "the same, ledger cut": lambda w, s, p: (
        _of_then(w, s, p),
        _ledger_cut(w, p),
    ),
    "the same, ledger of then": lambda w, s, p: (
        _of_then(w, s, p),
        _ledger_of_then(w, p, head=False),
    ),
    "the same, ledger and signed head of then": lambda w, s, p: (
        _of_then(w, s, p),
        _ledger_of_then(w, p, head=True),
    ),
    "the same, ledger of then without head": lambda w, s, p: (
        _of_then(w, s, p),
        _ledger_of_then(w, p, head=False),
        ledger_heads(w).files[0].unlink(),
    ),
    "everything as it was": lambda w, s, p: put(w, p.before("failed")),
}

FROM_CANDIDATE: dict[str, Forge] = {
    "verdict gone": lambda w, s, p: _verdict(w, s).unlink(),
    "verdict's signature gone": lambda w, s, p: signature_of(_verdict(w, s)).unlink(),
    "verdict's signature garbage": lambda w, s, p: signature_of(_verdict(w, s)).write_text("{}"),
    "verdict signed by another": _on_record_by_the_attacker,
    "signature of another verdict": lambda w, s, p: shutil.copy(
        signature_of(_verdict(w, another(s))), signature_of(_verdict(w, s))
    ),
    "another scenario's verdict": lambda w, s, p: (
        shutil.rmtree(w.validation(s)),
        shutil.copytree(w.validation(another(s)), w.validation(s)),
    ),
    "measurements gone": lambda w, s, p: (w.validation(s) / "pairs.json").unlink(),
    "measurements edited": lambda w, s, p: rewrite(
        w.validation(s) / "pairs.json", lambda one: one["pairs"].reverse()
    ),
    "run's record gone": lambda w, s, p: (w.scenario_run(s) / RUN_RECORD).unlink(),
    "run's record edited": lambda w, s, p: rewrite(
        w.scenario_run(s) / RUN_RECORD, lambda one: one.update(licence="any")
    ),
    "adapter's record edited": lambda w, s, p: rewrite(
        adapter_file(w, s).with_name(ADAPTER_RECORD), lambda one: one.update(base_licence="any")
    ),
    "adapter exchanged": _weights_exchanged,
    "adapter trained anew": _trained_anew,
    "ledger gone": lambda w, s, p: w.ledger.unlink(),
    "ledger and head gone": lambda w, s, p: (
        w.ledger.unlink(),
        ledger_heads(w).files[0].unlink(),
    ),
    "ledger's head gone": lambda w, s, p: ledger_heads(w).files[0].unlink(),
    "ledger's head unsigned": lambda w, s, p: rewrite(
        ledger_heads(w).files[0], lambda head: head.update(key=None, signature=None)
    ),
    "ledger with a line that nobody signed": lambda w, s, p: _rechained(w, s),
    "ledger cut": lambda w, s, p: w.ledger.write_bytes(
        b"".join(w.ledger.read_bytes().splitlines(keepends=True)[:-2])
    ),
    "ledger of another project": another_projects_ledger,
    "other settings of the gate": _settings("validation_prompts", "min_clips: 32", "min_clips: 31"),
    "other sampling": _settings("presets", "steps: 2", "steps: 3"),
    "list of takedowns hidden": _taken_down_and_hidden,
    "the owner's key lost": no_keys,
}
