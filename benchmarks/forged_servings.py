"""Ways to have an adapter served that is not what somebody promoted, or was taken back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import with_tests  # noqa: F401
from forged_projects import Projects, files_of, keys_of, put
from forged_promotions import Forge, another, another_projects_ledger, no_keys

from slora_assets.config.workspace import Workspace
from slora_assets.deployment.changelog import change_heads
from slora_assets.deployment.presets import preset_values, read_presets, write_preset
from slora_assets.deployment.promotion import promote
from slora_assets.deployment.signed import sign_preset, signed_preset_file
from slora_assets.documents import (
    ADAPTER_FILE,
    ADAPTER_RECORD,
    RUN_RECORD,
    Takedown,
    TakenClip,
    registered_path,
)
from slora_assets.provenance import chained_log, sha256_file
from slora_assets.provenance.ledger import ledger_heads
from slora_assets.provenance.signatures import sign, signature_of
from slora_assets.provenance.takedowns import log_takedown
from slora_assets.provenance.trust import trusted_keys
from slora_assets_tests.made_runs import adapter_file
from slora_assets_tests.on_record import put_registered_on_record
from slora_assets_tests.workspaces import rewrite

PRESETS = "configs/model/optimized_inference.yaml"
LOG, LOG_HEAD = "data/changelog.jsonl", "data/changelog.head.json"
LEDGER, LEDGER_HEAD = "data/ledger.jsonl", "data/ledger.head.json"
SIGNED = "data/signed_presets/"


def _adapter(w: Workspace, s: str) -> Path:
    return w.registry / str(read_presets(w.presets).presets[s].sha256)


def _back(*names: str) -> Forge:
    """Files as they were before the demotion."""
    return lambda w, s, p: put(w, p.before("demoted", *names))


def _line_added(w: Workspace, s: str, p: Projects) -> None:
    """The promotion once more, chained on without the key."""
    put(w, p.before("demoted", PRESETS, SIGNED))
    lines = map(json.loads, w.changelog.read_bytes().splitlines())
    change = next(one for one in lines if (one["scenario"], one["action"]) == (s, "promote"))
    kept = {k: v for k, v in change.items() if k not in ("time", "previous", "hash")}
    added = chained_log.append(w.changelog, kept)
    _statement_names(w, s, str(added["hash"]))


def _statement_names(w: Workspace, s: str, change: str) -> None:
    rewrite(signed_preset_file(w, s), lambda one: one.update(change=change))


def _log_written_anew(w: Workspace, s: str, p: Projects) -> None:
    for heads in (change_heads(w.changelog),):
        heads.files[0].unlink()
    lines = [json.loads(line) for line in w.changelog.read_bytes().splitlines()]
    w.changelog.unlink()
    for one in lines:
        if one["action"] == "promote":
            kept = {k: v for k, v in one.items() if k not in ("time", "previous", "hash")}
            chained_log.append(w.changelog, kept)
    put(w, p.before("demoted", PRESETS, SIGNED))


def _promoted_by_the_attacker(w: Workspace, s: str, p: Projects) -> None:
    with keys_of(p.attacker):
        promote(w, s, "somebody else", "I say so", override_inconclusive=True)


def _and_trusted_in_the_workspace(w: Workspace, s: str, p: Projects) -> None:
    _promoted_by_the_attacker(w, s, p)
    shutil.copytree(p.attacker, w.root / "keys")
    shutil.copytree(p.attacker, w.root / "data" / "trusted")


def _resigned(w: Workspace, s: str, p: Projects) -> None:
    with keys_of(p.attacker):
        signature_of(_adapter(w, s)).unlink()
        sign(_adapter(w, s))


def _in_the_owners_name(w: Workspace, s: str, p: Projects) -> None:
    _resigned(w, s, p)
    [owner] = trusted_keys()
    rewrite(
        signature_of(_adapter(w, s)),
        lambda one: one["verificationMaterial"]["publicKey"].update(hint=owner),
    )


def _preset_signed_by_the_attacker(w: Workspace, s: str, p: Projects) -> None:
    _preset("scale: 0.85", "scale: 0.8")(w, s, p)
    presets = read_presets(w.presets)
    with keys_of(p.attacker):
        signature_of(signed_preset_file(w, s)).unlink()
        change = json.loads(signed_preset_file(w, s).read_bytes())["change"]
        sign_preset(w, presets, s, presets.presets[s], change)


def _preset(old: str, new: str) -> Forge:
    """A line of the scenario's own preset edited, or one above all of them."""

    def edit(w: Workspace, s: str, _p: Projects) -> None:
        text = w.presets.read_text()
        start = text.index(f"  {s}:") if old not in text.split("presets:")[0] else 0
        assert old in text[start:]
        w.presets.write_text(text[:start] + text[start:].replace(old, new, 1))

    return edit


def _statement_edited_too(w: Workspace, s: str, p: Projects) -> None:
    _preset("scale: 0.85", "scale: 0.8")(w, s, p)
    rewrite(signed_preset_file(w, s), lambda one: one["preset"].update(scale=0.8))


def _another_adapter(w: Workspace, s: str, _p: Projects) -> None:
    sha256 = _adapter(w, another(s)).name
    write_preset(w.presets, s, preset_values(sha256, "inconclusive"))


def _by_hand(w: Workspace, s: str, p: Projects) -> None:
    """An adapter that was judged `fail`, copied where promoted ones lie."""
    source = adapter_file(w, s).parent
    sha256 = sha256_file(source / ADAPTER_FILE)
    shutil.copytree(source, w.registry / sha256, dirs_exist_ok=True)
    write_preset(w.presets, s, preset_values(sha256, "inconclusive"))
    with keys_of(p.attacker):
        presets = read_presets(w.presets)
        sign(w.registry / sha256)
        sign_preset(w, presets, s, presets.presets[s], "0" * 64)
    assert registered_path(sha256) == presets.presets[s].adapter


def _older_preset(w: Workspace, s: str, _p: Projects) -> None:
    """Promoted again more narrowly; then the wider preset with its signature is put back."""
    names = (PRESETS, f"{SIGNED}{s}.json", f"{SIGNED}{s}.json.sig")
    kept = {name: (w.root / name).read_bytes() for name in names}
    preset = read_presets(w.presets).presets[s]
    write_preset(w.presets, s, {"scale": preset.scale_min, "scale_max": preset.scale_max + 1})
    promote(w, s, "a benchmark", "anew", override_inconclusive=True)
    put(w, kept)


def _edit_adapter(name: str) -> Forge:
    return lambda w, s, p: (_adapter(w, s) / name).write_text("{}")


def _flip_weights(w: Workspace, s: str, _p: Projects) -> None:
    file = _adapter(w, s) / ADAPTER_FILE
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def _cut(log: Path, lines: int) -> None:
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-lines]))


def _taken_down(w: Workspace, s: str) -> dict[str, bytes]:
    """The adapter has seen a clip that is taken down now; the data before that."""
    sha256 = _adapter(w, s).name
    clip = {"id": "c", "sha256": "a" * 64, "scenario": s, "split": "train"}
    rewrite(w.registry / sha256 / RUN_RECORD, lambda record: record.update(clips=[clip]))
    put_registered_on_record(w, sha256)
    before = files_of(w.root)
    taken = [TakenClip(id="c", because="it was named")]
    log_takedown(w, Takedown(asked="c", by="Ada", reason="r", dataset="sample", clips=taken))
    return before


def _hidden(w: Workspace, s: str, _p: Projects) -> None:
    _taken_down(w, s)
    for file in (w.takedowns, *w.takedown_heads):
        file.unlink()


def _hidden_with_the_ledger_of_then(w: Workspace, s: str, _p: Projects) -> None:
    before = _taken_down(w, s)
    for file in (w.takedowns, *w.takedown_heads):
        file.unlink()
    put(w, {name: before[name] for name in (LEDGER, LEDGER_HEAD)})


def _emptied(w: Workspace, s: str, _p: Projects) -> None:
    """Another list in its place, of a source that nobody has."""
    _taken_down(w, s)
    for file in (w.takedowns, *w.takedown_heads):
        file.unlink()
    other = Takedown(asked="x", by="Ada", reason="r", dataset="sample", ahead=True, sources=["x"])
    chained_log.append(w.takedowns, other.model_dump(mode="json"))


def _reason_edited(w: Workspace, s: str, _p: Projects) -> None:
    w.changelog.write_bytes(w.changelog.read_bytes().replace(b"for the forgers", b"looks right"))


FROM_DEMOTED: dict[str, Forge] = {
    "presets of then": _back(PRESETS),
    "presets and signatures of then": _back(PRESETS, SIGNED),
    "and the change log of then": _back(PRESETS, SIGNED, LOG),
    "and its signed head of then": _back(PRESETS, SIGNED, LOG, LOG_HEAD),
    "and the ledger of then": _back(PRESETS, SIGNED, LOG, LOG_HEAD, LEDGER),
    "and the ledger's signed head of then": _back(
        PRESETS, SIGNED, LOG, LOG_HEAD, LEDGER, LEDGER_HEAD
    ),
    "everything as it was": _back(""),
    "change log gone": lambda w, s, p: (
        put(w, p.before("demoted", PRESETS, SIGNED)),
        w.changelog.unlink(),
    ),
    "change log cut": lambda w, s, p: (
        put(w, p.before("demoted", PRESETS, SIGNED)),
        _cut(w.changelog, 4),
    ),
    "change log chained on": _line_added,
    "change log written anew": _log_written_anew,
    "promoted by another": _promoted_by_the_attacker,
    "promoted by another, whose key lies in the project": _and_trusted_in_the_workspace,
}

FROM_FAILED: dict[str, Forge] = {"registered and set by hand": _by_hand}

FROM_PROMOTED: dict[str, Forge] = {
    "adapter's signature gone": lambda w, s, p: signature_of(_adapter(w, s)).unlink(),
    "adapter's signature garbage": lambda w, s, p: signature_of(_adapter(w, s)).write_text("[1]"),
    "adapter signed by another": _resigned,
    "adapter signed by another in the owner's name": _in_the_owners_name,
    "signature of another adapter": lambda w, s, p: shutil.copy(
        signature_of(_adapter(w, another(s))), signature_of(_adapter(w, s))
    ),
    "adapter's weights flipped": _flip_weights,
    "adapter's record edited": lambda w, s, p: rewrite(
        _adapter(w, s) / ADAPTER_RECORD, lambda one: one.update(base_licence="any")
    ),
    "kept record of its run edited": _edit_adapter(RUN_RECORD),
    "a file put beside it": _edit_adapter("README.md"),
    "another scenario's adapter": _another_adapter,
    "strength edited": _preset("scale: 0.85", "scale: 0.8"),
    "strength edited and said to be signed": _statement_edited_too,
    "strength edited and signed by another": _preset_signed_by_the_attacker,
    "most strength edited": _preset("scale_max: ", "scale_max: 1"),
    "verdict edited": _preset("verdict: inconclusive", "verdict: pass"),
    "base edited": _preset("base_model: ", "base_model: ./"),
    "sampling edited": _preset("steps: 2", "steps: 1"),
    "an older preset": _older_preset,
    "preset's statement gone": lambda w, s, p: signed_preset_file(w, s).unlink(),
    "preset's signature gone": lambda w, s, p: signature_of(signed_preset_file(w, s)).unlink(),
    "preset's signature garbage": lambda w, s, p: signature_of(signed_preset_file(w, s)).write_text(
        "{"
    ),
    "preset signed for another scenario": lambda w, s, p: put(
        w,
        {
            f"{SIGNED}{s}.json{end}": (w.root / f"{SIGNED}{another(s)}.json{end}").read_bytes()
            for end in ("", ".sig")
        },
    ),
    "change log edited": _reason_edited,
    "change log's head gone": lambda w, s, p: change_heads(w.changelog).files[0].unlink(),
    "change log's head unsigned": lambda w, s, p: rewrite(
        change_heads(w.changelog).files[0], lambda one: one.update(key=None, signature=None)
    ),
    "ledger gone": lambda w, s, p: w.ledger.unlink(),
    "ledger and head gone": lambda w, s, p: (w.ledger.unlink(), ledger_heads(w).files[0].unlink()),
    "ledger's head gone": lambda w, s, p: ledger_heads(w).files[0].unlink(),
    "ledger cut": lambda w, s, p: _cut(w.ledger, 3),
    "ledger of another project": another_projects_ledger,
    "list of takedowns gone": _hidden,
    "list of takedowns gone, ledger of then": _hidden_with_the_ledger_of_then,
    "another list of takedowns": _emptied,
    "the owner's key lost": no_keys,
}
