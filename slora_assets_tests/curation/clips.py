"""Clips that only have what prompts are made of."""

from __future__ import annotations

from collections.abc import Sequence

from slora_assets.documents import Clip, MatchingEvidence, Split


def clip(
    name: str,
    captions: Sequence[str],
    split: Split = "validation",
    *,
    source: str | None = None,
    prompts: Sequence[str] | None = None,
) -> Clip:
    """A clip of the scenario harbour, all of whose captions match."""
    return Clip(
        id=name,
        source_group=source or f"source of {name}",
        path=f"footage/{name}.mp4",
        sha256="0" * 64,
        source_start_s=None,
        source_end_s=None,
        official_split=None,
        split=split,
        scenario="harbour",
        evidence=MatchingEvidence(
            matching_captions=list(captions), captions=len(captions), also_matched=[]
        ),
        captions=list(captions),
        prompts=list(captions if prompts is None else prompts),
        first_frame=f"frames/{name}.png",
        latent=f"latents/{name}.npz",
    )
