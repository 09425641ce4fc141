"""Whether a scenario's caches stand is said without a model, and as caching itself says it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from slora_assets.caches.result import CacheResult
from slora_assets.caches.scenario import CACHES, CacheName, ScenarioCache
from slora_assets.config.errors import CurationError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import current_manifest, write_manifest
from slora_assets.training.training_data import scenario_data, unified_data

MODEL_LIBRARIES = ("torch", "diffusers", "transformers", "peft", "open_clip", "av")
_ASK = f"""
import json, sys
from slora_assets.caches.scenario import CACHES, ScenarioCache
from slora_assets.config.workspace import Workspace
found = [ScenarioCache(name, Workspace.from_environment(), "market_floor").standing()
         for name in CACHES]
print(json.dumps({{
    "standing": [result.model_dump(mode="json") for result in found],
    "imported": [name for name in {MODEL_LIBRARIES!r} if name in sys.modules],
}}))
"""


def test_asking_what_stands_imports_no_model_and_gives_the_hash_of_caching(
    workspace: Workspace,
) -> None:
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert said["imported"] == []
    for name, standing in zip(CACHES, said["standing"], strict=True):
        made = ScenarioCache(name, workspace, "market_floor").make("cpu")
        assert made.made == 0 < made.kept
        assert CacheResult.model_validate(standing) == made


@pytest.mark.parametrize("name", CACHES)
def test_a_cache_with_a_file_lacking_does_not_stand_until_it_is_made_to_the_same_hash(
    workspace: Workspace, name: CacheName
) -> None:
    cache = ScenarioCache(name, workspace, "market_floor")
    before = cache.standing()
    assert before is not None
    next(cache.folder.rglob("*.npz")).unlink()
    assert cache.standing() is None
    made = cache.make("cpu")
    assert (made.made, made.kept, made.hash) == (1, before.kept - 1, before.hash)
    assert cache.standing() == before


def _break(workspace: Workspace, split: str, count: int) -> list[str]:
    """Cut off that many clips' files where curation doesn't see it, and forget their latents."""
    clips = current_manifest(workspace, "market_floor").clips
    broken = [clip for clip in clips if clip.split == split][:count]
    for clip in broken:
        file = workspace.root / clip.path
        file.write_bytes(file.read_bytes()[:500])
        (workspace.root / clip.latent).unlink()
    return [clip.id for clip in broken]


@pytest.mark.parametrize(("split", "left"), [("train", 2), ("validation", 0)])
def test_too_few_clips_that_can_be_decoded_fail_the_scenario_as_too_few_clips_do(
    workspace: Workspace, split: str, left: int
) -> None:
    manifest = current_manifest(workspace, "market_floor")
    there = {"train": manifest.entry.train, "validation": manifest.entry.validation}[split]
    least = {"train": 3, "validation": 1}[split]
    _break(workspace, split, there - left)
    cache = ScenarioCache("latents", workspace, "market_floor")
    for run in (lambda: cache.make("cpu"), cache.standing):
        with pytest.raises(CurationError, match=f"leaves {left} {split} clips of at least {least}"):
            run()
    with pytest.raises(CurationError, match=f"{left} {split} clips of at least {least}"):
        scenario_data(workspace, "market_floor")
    for manifest_of in ("market_floor", "stage"):
        write_manifest(workspace, manifest_of)
    assert f"{left} {split} clips" in unified_data(workspace).left_out["market_floor"]


def test_clips_that_a_base_cannot_be_given_count_among_those_that_may_be_refused(
    workspace: Workspace,
) -> None:
    broken = _break(workspace, "train", 2)
    cache = ScenarioCache("latents", workspace, "market_floor")
    _allow(workspace, 0.5)
    assert {one.clip_id for one in cache.make("cpu").quarantined} == set(broken)
    assert {*scenario_data(workspace, "market_floor").dropped} == set(broken)
    _allow(workspace, 0.05)
    with pytest.raises(CurationError, match=r"2 of the \d+ clips.*2 corrupt") as caught:
        cache.standing()
    assert (caught.value.key, caught.value.file) == ("max_reject_share", workspace.quarantine)


def _allow(workspace: Workspace, share: float) -> None:
    text = workspace.dataset_file.read_text()
    lines = [line for line in text.splitlines() if not line.startswith("max_reject_share")]
    workspace.dataset_file.write_text("\n".join([*lines, f"max_reject_share: {share}", ""]))
