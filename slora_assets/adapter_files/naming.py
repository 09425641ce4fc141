"""How the layers of a base are called in diffusers, in Kohya's and in ComfyUI's adapter files.

A path is diffusers' (`transformer_blocks.0.attn1.to_q`). ComfyUI calls layers as its own port of a
base does; Kohya's files take the names of the model that the trainer wraps, with `_` for every `.`.
What a `_` stood for can't be told, so names are looked up in lists of layers and never guessed.

Sources: ComfyUI `comfy/lora.py` (model_lora_keys_unet), `comfy/ldm/cogvideo/model.py`,
`comfy/ldm/wan/model.py`, `comfy/ldm/lightricks/model.py`; Kohya's names of CogVideoX, which are
diffusers': `lora_utils.py` of kijai/ComfyUI-CogVideoXWrapper, from VideoX-Fun; of Wan, which are
its own: musubi-tuner `convert_lora.py` and diffusers `loaders/lora_conversion_utils.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Naming(StrEnum):
    """Which naming an adapter file uses."""

    DIFFUSERS = "diffusers"
    KOHYA = "kohya"
    COMFYUI = "comfyui"


@dataclass(frozen=True)
class Architecture:
    """The layers of a family of bases that an adapter may sit on."""

    name: str
    blocks: str
    """What diffusers calls the list of blocks."""
    comfyui_blocks: str
    layers: Mapping[str, str]
    """Layers of a block: diffusers' name to ComfyUI's."""
    others: Mapping[str, str]
    """Layers outside the blocks, likewise."""
    kohya_like_comfyui: bool
    """Whether Kohya's files are named after ComfyUI's names or after diffusers'."""

    def name_of(self, path: str, naming: Naming) -> str | None:
        """The layer at `path` as `naming` calls it; None if this architecture has no such layer."""
        theirs = self._comfyui(path)
        if theirs is None:
            return None
        if naming is Naming.DIFFUSERS:
            return path
        if naming is Naming.COMFYUI:
            return theirs
        return (theirs if self.kohya_like_comfyui else path).replace(".", "_")

    def path_of(self, name: str, naming: Naming) -> str | None:
        """The inverse of `name_of`."""
        for path in self._candidates(name, naming):
            if self.name_of(path, naming) == name:
                return path
        return None

    def _comfyui(self, path: str) -> str | None:
        if path in self.others:
            return self.others[path]
        found = re.fullmatch(rf"{re.escape(self.blocks)}\.(0|[1-9]\d*)\.(.+)", path)
        if found is None or found[2] not in self.layers:
            return None
        return f"{self.comfyui_blocks}.{found[1]}.{self.layers[found[2]]}"

    def _candidates(self, name: str, naming: Naming) -> Iterable[str]:
        """Every path of a layer that could bear `name`: its number is the first one in it."""
        yield from self.others
        number = re.search(r"(?<=[._])(0|[1-9]\d*)(?=[._])", name)
        if number is not None:
            yield from (f"{self.blocks}.{number[0]}.{layer}" for layer in self.layers)


def _attention(*names: str) -> list[str]:
    parts = ("to_q", "to_k", "to_v", "to_out.0")
    return [f"{name}.{part}" for name in names for part in parts]


_COGVIDEOX: Final = Architecture(
    name="cogvideox",
    blocks="transformer_blocks",
    comfyui_blocks="blocks",
    layers={
        **dict(zip(_attention("attn1"), ("q", "k", "v", "attn_out"), strict=True)),
        "ff.net.0.proj": "ff_proj",
        "ff.net.2": "ff_out",
        "norm1.linear": "norm1.linear",
        "norm2.linear": "norm2.linear",
    },
    others={
        "patch_embed.text_proj": "patch_embed.text_proj",
        "time_embedding.linear_1": "time_embedding_linear_1",
        "time_embedding.linear_2": "time_embedding_linear_2",
        "norm_out.linear": "norm_out.linear",
        "proj_out": "proj_out",
    },
    kohya_like_comfyui=False,
)

_LTX_LAYERS: Final = [*_attention("attn1", "attn2"), "ff.net.0.proj", "ff.net.2"]

_LTX: Final = Architecture(
    name="ltx",
    blocks="transformer_blocks",
    comfyui_blocks="transformer_blocks",
    layers={layer: layer for layer in _LTX_LAYERS},
    others={},
    kohya_like_comfyui=False,
)

_WAN: Final = Architecture(
    name="wan",
    blocks="blocks",
    comfyui_blocks="blocks",
    layers={
        **dict(
            zip(
                _attention("attn1", "attn2"),
                [f"{part}_attn.{layer}" for part in ("self", "cross") for layer in "qkvo"],
                strict=True,
            )
        ),
        "attn2.add_k_proj": "cross_attn.k_img",
        "attn2.add_v_proj": "cross_attn.v_img",
        "ffn.net.0.proj": "ffn.0",
        "ffn.net.2": "ffn.2",
    },
    others={
        "condition_embedder.text_embedder.linear_1": "text_embedding.0",
        "condition_embedder.text_embedder.linear_2": "text_embedding.2",
        "condition_embedder.time_embedder.linear_1": "time_embedding.0",
        "condition_embedder.time_embedder.linear_2": "time_embedding.2",
        "condition_embedder.time_proj": "time_projection.1",
        "proj_out": "head.head",
    },
    kohya_like_comfyui=True,
)

ARCHITECTURES: Final = {known.name: known for known in (_COGVIDEOX, _LTX, _WAN)}
"""In the order in which they are tried: an adapter on nothing but first attentions counts as one
for CogVideoX, because targets named by suffix would have hit LTX-Video's second ones as well."""


def knowing(
    names: Iterable[str], naming: Naming, among: Iterable[Architecture]
) -> tuple[Architecture, str]:
    """The first of some architectures that has all layers, and "".

    If none has, the one that has most of them, and a name that it doesn't know.
    """
    names = list(names)
    tried = []
    for architecture in among:
        unknown = [name for name in names if architecture.path_of(name, naming) is None]
        tried.append((len(unknown), architecture, unknown[0] if unknown else ""))
    _, best, missing = min(tried, key=lambda entry: entry[0])
    return best, missing
