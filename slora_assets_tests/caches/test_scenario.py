"""Whether a scenario's caches stand is said without a model, and as caching itself says it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from slora_assets.caches.result import CacheResult
from slora_assets.caches.scenario import CACHES, CacheName, ScenarioCache
from slora_assets.config.workspace import Workspace

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
