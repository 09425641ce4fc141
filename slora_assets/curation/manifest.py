"""A scenario's manifest: its part of the metadata, and all that its own stages read.

It is the firewall between curation and everything after: new footage changes only the manifests of
the scenarios that it touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.taken_down import refuse_taken_down
from slora_assets.documents import Clip, ClipShard, ScenarioManifest
from slora_assets.provenance import canonical_rows, file_stamp, json_text, object_hash, write_json
from slora_assets.provenance.curated import (
    curated_at,
    curated_now,
    manifest_at,
    remove_old_shards,
    whole_manifest,
)
from slora_assets.provenance.ledger import put_on_record, refuse_changed

_REMEDY = "run `make preprocess`"


def dataset_hash(clips: Iterable[Clip]) -> str:
    """Hash over the clips' identities, whatever their order."""
    return object_hash(sorted((c.identity() for c in clips), key=lambda i: str(i["id"])))


class DatasetHash:
    """The same over clips that come by id, one after the other."""

    def __init__(self) -> None:
        self._hash, self._before = sha256(b"["), b""

    def add(self, identities: Mapping[str, Sequence[object]]) -> None:
        """Those of the next clips: columns of IDENTITY."""
        if listed := canonical_rows(identities)[1:-1]:
            self._hash.update(self._before + listed.encode())
            self._before = b","

    def hexdigest(self) -> str:
        """Over all that were added."""
        whole = self._hash.copy()
        whole.update(b"]")
        return whole.hexdigest()


def write_manifest(workspace: Workspace, scenario: str) -> ScenarioManifest:
    """Take a scenario's part out of the metadata and write it down.

    Raises CurationError for an unknown scenario, and for one with fewer clips than its minimum:
    the manifest then says so too, to whoever reads it later. That of a retired one says that.
    """
    file = workspace.scenario_metadata
    refuse_changed(workspace, file, remedy="run `make data`")
    curated = curated_now(workspace)
    metadata = curated.summary
    entry = metadata.scenarios.get(scenario)
    if entry is None:
        raise CurationError(
            "no such scenario",
            file=file,
            found=scenario,
            expected=str([*metadata.scenarios]),
            remedy="correct the name, or run `make data` after a change of the scenarios",
        )
    clips = curated.of_scenario(scenario)
    refuse_taken_down(workspace, metadata.dataset.name, clips, file, "run `make data`")
    manifest = ScenarioManifest(
        scenario=scenario,
        dataset=metadata.dataset,
        entry=entry,
        dataset_hash=dataset_hash(clips),
        clips=clips,
    )
    _write(manifest, metadata.shards, workspace.manifest(scenario))
    put_on_record(workspace, "manifest", workspace.manifest(scenario), parents=[file])
    remove_old_shards(workspace)
    if not entry.retired:
        check_minimum(manifest, workspace.manifest(scenario))
    return manifest


def _write(
    manifest: ScenarioManifest, shards: Mapping[str, list[ClipShard]] | None, file: Path
) -> None:
    """Where the metadata name shards, so does the manifest: the same ones."""
    if shards is not None:
        mine = shards.get(manifest.scenario, [])
        manifest = manifest.model_copy(update={"clips": [], "shards": mine})
    write_json(file, manifest.model_dump(mode="json"))


def read_manifest(file: Path) -> ScenarioManifest:
    """A scenario's manifest with its clips, whether it reaches its minimum or not. Raises
    MissingInputError, IntegrityError."""
    return _whole_at(file, file_stamp(file))


def manifest_bytes(file: Path) -> bytes:
    """A manifest as it is where few clips are: with them in it. Raises as `read_manifest` does."""
    if _manifest_at(file, file_stamp(file)).shards is None:
        return file.read_bytes()
    return json_text(read_manifest(file).model_dump(mode="json")).encode()


def untaken_manifest(workspace: Workspace, scenario: str) -> ScenarioManifest:
    """A scenario's manifest, for whoever reads footage by it. Raises as `read_manifest` does, and
    CurationError for one that names clips which were taken down since it was written."""
    file = workspace.manifest(scenario)
    manifest = read_manifest(file)
    name, remedy = manifest.dataset.name, "run `make data preprocess`"
    refuse_taken_down(workspace, name, manifest.clips, file, remedy)
    return manifest


def scenario_manifest(workspace: Workspace, scenario: str) -> ScenarioManifest:
    """The manifest of a scenario that reaches its minimum.

    Raises CurationError for one that doesn't (other scenarios are not touched by that) and for a
    retired one, MissingInputError, IntegrityError.
    """
    manifest = untaken_manifest(workspace, scenario)
    check_minimum(manifest, workspace.manifest(scenario))
    return manifest


def current_manifest(workspace: Workspace, scenario: str) -> ScenarioManifest:
    """The scenario's manifest, if it says what the metadata say now.

    Raises as `scenario_manifest` does, and CurationError for one that is older.
    """
    refuse_changed(workspace, workspace.manifest(scenario), remedy=_REMEDY)
    manifest = scenario_manifest(workspace, scenario)
    file, metadata = workspace.manifest(scenario), workspace.scenario_metadata
    if not _says_the_same(file, file_stamp(file), metadata, file_stamp(metadata)):
        raise CurationError(
            "the manifest is older than the metadata, which say something else of the scenario",
            file=file,
            key="clips",
            remedy="materialize scenario_manifest, or run `make preprocess`",
        )
    return manifest


def check_minimum(manifest: ScenarioManifest, file: Path) -> None:
    """Raise CurationError for a scenario with fewer clips than its minimum, or a retired one."""
    entry = manifest.entry
    if entry.retired:
        raise retired_error(manifest.scenario, file, entry.shortfall or "it is retired")
    if entry.shortfall:
        raise CurationError(
            f"the scenario has too few clips: {entry.shortfall}"
            f" ({entry.matched} matched, {entry.missing} missing, {entry.unusable} unusable,"
            f" {entry.test} kept for testing)",
            file=file,
            key=f"scenarios.{manifest.scenario}",
            remedy="add footage, widen the keywords, or lower the minimum in the scenarios' YAML",
        )


def shortfall_of(clips: Iterable[Clip], min_train: int, min_validation: int) -> str | None:
    """What is missing to a scenario's minimum, if anything is."""
    return shortfall(Counter(clip.split for clip in clips), min_train, min_validation)


def shortfall(splits: Counter[str], min_train: int, min_validation: int) -> str | None:
    """The same of so many clips on each side."""
    short = [
        f"{found} {split} clips of at least {minimum}"
        for split, found, minimum in (
            ("train", splits["train"], min_train),
            ("validation", splits["validation"], min_validation),
        )
        if found < minimum
    ]
    return " and ".join(short) or None


def left_too_few(manifest: ScenarioManifest, refused: Container[str]) -> str | None:
    """What is missing to the minimum without the clips that were refused, by id, since."""
    left = (clip for clip in manifest.clips if clip.id not in refused)
    entry = manifest.entry
    return shortfall_of(left, entry.min_train_clips, entry.min_validation_clips)


def check_refused(
    manifest: ScenarioManifest, refused: Mapping[str, str], share: float, workspace: Workspace
) -> None:
    """Raise CurationError when a base can't be given so many of a scenario's clips (id to reason
    code) that too few are left, or that they are more than `share` of them."""
    short, clips = left_too_few(manifest, refused), len(manifest.usable())
    if short is None and len(refused) <= share * clips:
        return
    reasons = ", ".join(f"{count} {name}" for name, count in Counter(refused.values()).items())
    raise CurationError(
        f"{len(refused)} of the {clips} clips of {manifest.scenario} can't be used ({reasons})"
        + (f", which leaves {short}" if short else ""),
        file=workspace.quarantine,
        key=f"scenarios.{manifest.scenario}" if short else "max_reject_share",
        found=None if short else round(len(refused) / clips, 3),
        expected=None if short else f"at most {share}",
        remedy="repair or replace the listed clips, then run `make data preprocess`; or "
        + (
            "add footage, or lower the minimum in the scenarios' YAML"
            if short
            else "raise the share in the dataset's YAML"
        ),
    )


def retired_error(scenario: str, file: Path, why: str) -> CurationError:
    """What is told to whoever wants clips, a training or a promotion of a retired scenario."""
    return CurationError(
        f"{scenario} gets no clips, no promotion and no training: {why}",
        file=file,
        key=f"scenarios.{scenario}",
        remedy="to take it up again, remove 'retired' from its YAML and run `make data`",
    )


@lru_cache(maxsize=64)
def _says_the_same(
    file: Path, stamp: tuple[int, ...], metadata: Path, metadata_stamp: tuple[int, ...]
) -> bool:
    """Whether the metadata, each as it stood at its stamp, say what a manifest says."""
    manifest, now = _manifest_at(file, stamp), curated_at(metadata)
    terms = [(one.name, one.licence, one.use) for one in (manifest.dataset, now.summary.dataset)]
    shards, others = manifest.shards, now.summary.shards
    if terms[0] != terms[1]:
        return False
    if shards is not None and others is not None and shards == others.get(manifest.scenario, []):
        return True  # they needn't be read for that
    return _whole_at(file, stamp).clips == now.of_scenario(manifest.scenario)


@lru_cache(maxsize=64)
def _manifest_at(file: Path, stamp: tuple[int, ...]) -> ScenarioManifest:
    """The file as it stood at `stamp`, read once for a scenario's assets and checks."""
    return manifest_at(file, _REMEDY)


@lru_cache(maxsize=1)
def _whole_at(file: Path, stamp: tuple[int, ...]) -> ScenarioManifest:
    """The same with its clips in it; where they are many, one scenario's at a time."""
    return whole_manifest(_manifest_at(file, stamp), file.parents[1])
