"""What is wrong with a cache file is told by clip or prompt, and what is right is counted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.inspection import inspect_latents, inspect_text
from slora_assets.caches.validity import latent_key, text_file, text_key, write_array
from slora_assets.config.workspace import Workspace
from slora_assets.curation.manifest import read_manifest

SCENARIO = "market_floor"


def test_embeddings_that_are_whole_are_counted_with_the_empty_prompt(workspace: Workspace) -> None:
    base = open_base("miniature", workspace.models)
    clips = read_manifest(workspace.manifest(SCENARIO)).usable()
    prompts = {prompt for clip in clips for prompt in clip.prompts}
    found = inspect_text(prompts, base, workspace.text_embeddings)
    assert (found.looked_at, found.shape) == (len(prompts) + 1, base.text_shape())
    assert found.wrong == {}


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("absent", "does not exist"),
        ("torn", "damaged"),
        ("of another prompt", "made from something else"),
        ("of another shape", "of shape (3, 4) instead of"),
        ("infinite", "not finite"),
    ],
)
def test_what_is_wrong_with_an_embedding_is_told(workspace: Workspace, made: str, why: str) -> None:
    base = open_base("miniature", workspace.models)
    clip = read_manifest(workspace.manifest(SCENARIO)).usable()[0]
    prompt, identity = clip.prompts[0], base.identity()
    key, shape = text_key(prompt, identity), base.text_shape()
    file = text_file(workspace.text_embeddings, prompt, identity)
    file.unlink()
    if made == "torn":
        file.write_bytes(b"half")
    elif made == "of another prompt":
        write_array(file, "embedding", np.zeros(shape, np.float16), text_key("other", identity))
    elif made == "of another shape":
        write_array(file, "embedding", np.zeros((3, 4), np.float16), key)
    elif made == "infinite":
        embedding = np.full(shape, np.inf, np.float16)
        np.savez(file, embedding=embedding, key=np.array(json.dumps(key)))
    found = inspect_text(clip.prompts, base, workspace.text_embeddings)
    assert set(found.wrong) == {prompt}
    assert why in found.wrong[prompt]


def test_moments_of_another_shape_than_the_transformer_reads_are_told(workspace: Workspace) -> None:
    base = open_base("miniature", workspace.models)
    clips = read_manifest(workspace.manifest(SCENARIO)).usable()
    channels, *rest = base.latent_shape()
    assert inspect_latents(clips, base, workspace.root).shape == (2 * channels, *rest)
    wrong = clips[1]
    key = latent_key(wrong, base.identity(), base.geometry)
    write_array(workspace.root / wrong.latent, "moments", np.zeros((2, 2), np.float16), key)
    found = inspect_latents(clips, base, workspace.root)
    assert found.looked_at == len(clips)
    assert set(found.wrong) == {wrong.id}
