"""What a person named: a clip, a file, or a source; and the entry that takes it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from slora_assets.config.dataset_files import without_ending
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.sources import canonical_source, source_file
from slora_assets.curation.taken_down import Footage, TakenDown, own_source
from slora_assets.deployment.taint import run_records, seen_by
from slora_assets.documents import LoggedTakedown, RunRecord, Takedown, TakenClip
from slora_assets.governance.takedown.known import Known
from slora_assets.provenance import sha256_bytes, sha256_file


@dataclass(frozen=True)
class Asked:
    """What was named."""

    text: str
    clips: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    ahead: bool = False


def resolve(
    text: str,
    known: Known,
    workspace: Workspace,
    takedowns: Sequence[LoggedTakedown],
    ahead: bool = False,
) -> Asked:
    """Find what `text` names: a clip's name, a file's, or a source in any spelling.

    Raises CurationError for what nothing is called by, unless it is refused `ahead`.
    """
    text = text.strip()
    if text in known.clips or text in _seen(text, known, workspace, takedowns):
        return Asked(text, clips=(text,))
    source = canonical_source(text)
    sources = {clip.source for clip in known.clips.values()} | {
        canonical_source(clip.source)
        for run in run_records(workspace).values()
        for clip in run.clips
        if clip.source is not None and clip.source != clip.id
    }
    if source in sources or any(source in one.sources for one in takedowns):
        return Asked(text, sources=(source,))
    if clips := _of_file(text, known, workspace):
        whole = known.dataset.footage_holds == "sources"
        named = {known.clips[one].source for one in clips}
        if whole and None not in named:
            return Asked(text, sources=tuple(sorted(str(one) for one in named)))
        return Asked(text, clips=clips)
    if ahead:
        return Asked(text, sources=(source,), ahead=True)
    raise CurationError(
        "no clip, no file of one and no source is called so",
        file=workspace.dataset_file,
        found=text,
        expected=f"one of the {len(known.clips)} clips of {known.dataset.name}, the name of its"
        " file, or the address of its source",
        remedy="correct it, set SLORA_DATASET to the dataset that has it, or add --ahead to refuse"
        " a source before there is anything of it",
    )


def _seen(
    text: str, known: Known, workspace: Workspace, takedowns: Sequence[LoggedTakedown]
) -> set[str]:
    """The name, if it is one of a clip that is gone: of an earlier entry, or of a run."""
    mine = [one for one in takedowns if one.dataset == known.dataset.name]
    found = {clip.id for one in mine for clip in one.clips}
    for run in run_records(workspace).values():
        if run.dataset == known.dataset.name:
            found |= {clip.id for clip in run.clips if clip.id == text}
    return found


def _of_file(text: str, known: Known, workspace: Workspace) -> tuple[str, ...]:
    """Clips of the file that is named, by its name or, where it is there, by its bytes."""
    name = PurePath(text.replace("\\", "/")).name
    holders = {
        holder
        for holder, file in known.files.items()
        if PurePath(file.path).name == name or holder == without_ending(name)
    }
    paths = (Path(text), workspace.root / text)
    there = next((path for path in paths if path.is_file()), None) if text else None
    if there is not None:
        sha256 = sha256_file(there)
        holders |= {holder for holder, file in known.files.items() if file.sha256 == sha256}
    if known.dataset.footage_holds == "clips":
        return tuple(sorted(holders & known.clips.keys()))
    return tuple(
        clip.id
        for clip in known.clips.values()
        if clip.source is not None and source_file(clip.source) in holders
    )


def draft(asked: Asked, known: Known, workspace: Workspace, by: str, reason: str) -> Takedown:
    """The entry: what was named, and all that is the same under another name."""
    entry = Takedown(
        asked=asked.text,
        by=by,
        reason=reason,
        dataset=known.dataset.name,
        ahead=asked.ahead,
        sources=list(asked.sources),
    )
    bits = known.dataset.quality.near_duplicate_bits
    taken: dict[str, TakenClip] = {
        name: _taken(known.clips.get(name) or Footage(name, None), "it was named")
        for name in asked.clips
    }
    while True:
        entry = entry.model_copy(
            update={"clips": list(taken.values()), "spared": _siblings(taken, known)}
        )
        rule = TakenDown([entry], known.dataset.name, bits)
        found = {
            clip.id: _taken(replace(clip, start_s=0.0, end_s=None), because)
            if clip.source in entry.sources
            else _taken(clip, because)
            for clip in known.clips.values()
            if clip.id not in taken and (because := rule.because(clip)) is not None
        }
        if not found:
            break
        taken |= found
    runs = run_records(workspace).values()
    seen, prompts = _as_seen(taken, entry.sources, runs, known)
    clips = sorted([*taken.values(), *seen], key=lambda one: (one.id, one.sha256 or ""))
    entry = entry.model_copy(update={"clips": clips})
    prompts |= {text for name in taken for text in known.prompts.get(name, ())}
    adapters = {kept.sha256 for run in runs if any(seen_by(run, [entry])) for kept in run.kept}
    return entry.model_copy(
        update={
            "prompts": sorted(sha256_bytes(text.encode()) for text in prompts),
            "adapters": sorted(adapters),
        }
    )


def adds_to(entry: Takedown, takedowns: Iterable[LoggedTakedown]) -> bool:
    """Whether the list doesn't say already what the entry says."""
    before = list(takedowns)
    sources = {source for one in before for source in one.sources}
    clips = {(one.dataset, clip.id, clip.sha256) for one in before for clip in one.clips}
    mine = {(entry.dataset, clip.id, clip.sha256) for clip in entry.clips}
    # A file that is gone since leaves the name alone.
    named = {(dataset, name) for dataset, name, _ in clips}
    new = {one for one in mine if one not in clips and (one[2] is not None or one[:2] not in named)}
    return bool(new) or not set(entry.sources) <= sources


def _taken(clip: Footage, because: str) -> TakenClip:
    whole = (clip.start_s, clip.end_s) == (0.0, None)
    return TakenClip(
        id=clip.id,
        because=because,
        sha256=clip.sha256,
        start_s=clip.start_s,
        end_s=clip.end_s,
        # Of a file with many clips it is the first one's picture.
        fingerprint=clip.fingerprint if whole else None,
        source=clip.source,
        source_start_s=clip.source_start_s,
        source_end_s=clip.source_end_s,
    )


def _siblings(taken: dict[str, TakenClip], known: Known) -> list[str]:
    """Other clips of the sources, which stay."""
    sources = {clip.source for clip in taken.values()} - {None}
    return [
        clip.id for clip in known.clips.values() if clip.source in sources and clip.id not in taken
    ]


def _as_seen(
    taken: dict[str, TakenClip], sources: Sequence[str], runs: Iterable[RunRecord], known: Known
) -> tuple[list[TakenClip], set[str]]:
    """The clips as runs saw them, where that is something else than what is there now; and what
    they were trained with."""
    found: dict[tuple[str, str], TakenClip] = {}
    prompts: set[str] = set()
    for run in runs:
        for clip in run.clips if run.dataset == known.dataset.name else ():
            source = own_source(clip.id, clip.source) if clip.source else None
            if clip.id not in taken and (source is None or source not in sources):
                continue
            prompts.update(clip.prompts or ())
            if clip.id in taken and taken[clip.id].sha256 == clip.sha256:
                continue
            # Older records don't say which part of a file they mean.
            part = known.dataset.footage_holds == "clips" or clip.end_s is not None
            found[clip.id, clip.sha256] = TakenClip(
                id=clip.id,
                because="a run saw it so",
                sha256=clip.sha256 if part else None,
                start_s=clip.start_s,
                end_s=clip.end_s,
                source=source,
            )
    return list(found.values()), prompts
