"""A scenario's manifest: its part of the metadata, and all that its own stages read.

It is the firewall between curation and everything after: new footage changes only the manifests of
the scenarios that it touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.taken_down import refuse_taken_down
from slora_assets.documents import Clip, ScenarioManifest, ScenarioMetadata
from slora_assets.provenance import file_stamp, object_hash, write_json
from slora_assets.provenance.ledger import put_on_record, refuse_changed
from slora_assets.provenance.records import read_document, read_metadata

_REMEDY = "run `make preprocess`"


def dataset_hash(clips: Iterable[Clip]) -> str:
    """Hash over the clips' identities, whatever their order."""
    return object_hash(sorted((c.identity() for c in clips), key=lambda i: str(i["id"])))


def write_manifest(workspace: Workspace, scenario: str) -> ScenarioManifest:
    """Take a scenario's part out of the metadata and write it down.

    Raises CurationError for an unknown scenario, and for one with fewer clips than its minimum:
    the manifest then says so too, to whoever reads it later. That of a retired one says that.
    """
    file = workspace.scenario_metadata
    refuse_changed(workspace, file, remedy="run `make data`")
    metadata = _metadata_at(file, file_stamp(file))
    entry = metadata.scenarios.get(scenario)
    if entry is None:
        raise CurationError(
            "no such scenario",
            file=file,
            found=scenario,
            expected=str([*metadata.scenarios]),
            remedy="correct the name, or run `make data` after a change of the scenarios",
        )
    clips = metadata.of_scenario(scenario)
    refuse_taken_down(workspace, metadata.dataset.name, clips, file, "run `make data`")
    manifest = ScenarioManifest(
        scenario=scenario,
        dataset=metadata.dataset,
        entry=entry,
        dataset_hash=dataset_hash(clips),
        clips=clips,
    )
    write_json(workspace.manifest(scenario), manifest.model_dump(mode="json"))
    put_on_record(workspace, "manifest", workspace.manifest(scenario), parents=[file])
    if not entry.retired:
        check_minimum(manifest, workspace.manifest(scenario))
    return manifest


def read_manifest(file: Path) -> ScenarioManifest:
    """A scenario's manifest, whether it reaches its minimum or not. Raises MissingInputError,
    IntegrityError."""
    return _manifest_at(file, file_stamp(file))


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
    splits = Counter(clip.split for clip in clips)
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
    manifest, now = _manifest_at(file, stamp), _metadata_at(metadata, metadata_stamp)
    terms = [(one.name, one.licence, one.use) for one in (manifest.dataset, now.dataset)]
    return terms[0] == terms[1] and manifest.clips == now.of_scenario(manifest.scenario)


@lru_cache(maxsize=64)
def _manifest_at(file: Path, stamp: tuple[int, ...]) -> ScenarioManifest:
    """The file as it stood at `stamp`, read once for a scenario's assets and checks."""
    return read_document(file, ScenarioManifest, what="a scenario's manifest", remedy=_REMEDY)


def metadata_now(workspace: Workspace) -> ScenarioMetadata:
    """The curation's document, read once for as long as it stays as it is. Raises
    MissingInputError, IntegrityError."""
    file = workspace.scenario_metadata
    return _metadata_at(file, file_stamp(file))


@lru_cache(maxsize=1)
def _metadata_at(file: Path, stamp: tuple[int, ...]) -> ScenarioMetadata:
    """The document as it stood at `stamp`, read once for all scenarios."""
    return read_metadata(file)
