"""A workspace with nothing in it but what a finished run was made from: its manifests, recipe and
prompts, and the footage that they name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.documents import (
    RUN_CONFIG,
    RUN_INPUTS,
    RUN_PROMPTS,
    Clip,
    RunRecord,
    ScenarioManifest,
    ScenarioMetadata,
)
from slora_assets.provenance import same_as, sha256_file, write_json, write_text
from slora_assets.storage.footage_at_url import at_hand
from slora_assets.storage.footage_copies import is_at_url

_DATASET: Final = """\
name: {name}
format: msrvtt
annotations: [not_here.json]
footage: not_here
scenarios: scenarios.yaml
licence: {licence}
use: {use}
max_reject_share: 1.0
"""


def prepared_inputs(
    workspace: Workspace, run_folder: Path, record: RunRecord, into: Path
) -> Workspace:
    """Lay out the inputs of a run below `into`, which must be empty or not there.

    Footage is linked or copied after its bytes were compared. Raises MissingInputError for what is
    no longer there, IntegrityError for footage with other bytes and for a run that can't be made in
    one go.
    """
    _refuse_full(into)
    if record.changes:
        raise IntegrityError(
            "the run was changed while it was under way, so it can't be made again in one go",
            file=run_folder,
            found=", ".join(str(change["key"]) for change in record.changes),
            remedy="train it again with the settings that it ended with",
        )
    manifests = [_manifest(run_folder, name) for name in record.scenarios]
    clips = [clip for manifest in manifests for clip in manifest.clips if clip.split != "test"]
    _bring_footage(workspace, clips, into)
    fresh = _configured(run_folder, manifests[0], into)
    for manifest in manifests:
        file = fresh.manifest(manifest.scenario)
        shutil.copyfile(_input(run_folder, f"{manifest.scenario}.json"), _made(file))
    write_json(_made(fresh.scenario_metadata), _metadata(manifests).model_dump(mode="json"))
    if workspace.models.is_dir():
        _made(fresh.models).symlink_to(workspace.models, target_is_directory=True)
    return fresh


def run_in(fresh: Workspace, record: RunRecord) -> Path:
    """Where the run lies once it was made again."""
    return fresh.run_of(None if record.run == UNIFIED else record.run)


def _refuse_full(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise IntegrityError(
            "the folder isn't empty",
            file=folder,
            remedy="name another with --into, or empty it",
        )


def _input(run_folder: Path, name: str) -> Path:
    file = run_folder / RUN_INPUTS / name
    if not file.is_file():
        raise MissingInputError(
            "the run doesn't hold what it was made from: an older version trained it, or somebody"
            " took it away",
            file=file,
            remedy="restore the run's folder from a copy, or train again",
        )
    return file


def _manifest(run_folder: Path, scenario: str) -> ScenarioManifest:
    return read_manifest(_input(run_folder, f"{scenario}.json"))


def _bring_footage(workspace: Workspace, clips: list[Clip], into: Path) -> None:
    files = {clip.path: clip for clip in clips}
    at = {path: workspace.absolute(path) for path in files}
    gone = [path for path, file in at.items() if not (file.is_file() or is_at_url(file))]
    if gone:
        raise MissingInputError(
            f"{len(gone)} of {len(files)} files of the footage are gone",
            file=workspace.absolute(gone[0]),
            remedy="bring them back; `slora lineage` names their sources",
        )
    for path, clip in files.items():
        source = at[path]
        with at_hand(source, clip.sha256):
            found = sha256_file(source)
            if found != clip.sha256:
                raise IntegrityError(
                    "the footage has other bytes than the run was trained on",
                    file=source,
                    key=clip.id,
                    found=found,
                    expected=clip.sha256,
                    remedy="restore the file",
                )
            if not Path(path).is_absolute():
                same_as(source, into / path)


def _configured(run_folder: Path, manifest: ScenarioManifest, into: Path) -> Workspace:
    dataset, configs = manifest.dataset, into / "configs"
    fresh = Workspace(into, configs, configs / "data" / "reproduced.yaml")
    told = {key: json.dumps(getattr(dataset, key)) for key in ("name", "licence", "use")}
    write_text(fresh.dataset_file, _DATASET.format(**told))
    shutil.copyfile(_input(run_folder, RUN_PROMPTS), _made(fresh.validation_prompts))
    recipe = configs / "training" / "reproduced.yaml"
    shutil.copyfile(run_folder / RUN_CONFIG, _made(recipe))
    return fresh


def _metadata(manifests: list[ScenarioManifest]) -> ScenarioMetadata:
    """What the manifests were parts of, as far as training asks for it."""
    first = manifests[0]
    return ScenarioMetadata(
        dataset=first.dataset,
        config_hash="",
        dataset_hash="",
        scenarios={manifest.scenario: manifest.entry for manifest in manifests},
        clips=[clip for manifest in manifests for clip in manifest.clips],
        reject_counts={},
        rejects=[],
    )


def _made(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
