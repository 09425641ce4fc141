"""A contact sheet: the base's clips beside the adapter's, as one picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from slora_assets.provenance import write_bytes
from slora_assets.validation.sampling import Sample

_COLUMNS: Final = 4
_CELL_WIDTH: Final = 144
_LABEL_HEIGHT: Final = 16
_GAP: Final = 6


def contact_sheet(path: Path, base: Sequence[Sample], adapter: Sequence[Sample]) -> None:
    """A PNG: a row per prompt, four frames of the base's clip, then four of the adapter's."""
    ratio = base[0].frames.shape[1] / base[0].frames.shape[2]
    cell = (_CELL_WIDTH, round(_CELL_WIDTH * ratio))
    row_height = cell[1] + _LABEL_HEIGHT
    half = _COLUMNS * (cell[0] + 2)
    sheet = Image.new("RGB", (2 * half + _GAP, len(base) * row_height), "white")
    draw = ImageDraw.Draw(sheet)
    for row, pair in enumerate(zip(base, adapter, strict=True)):
        for side, (name, sample) in enumerate(zip(("base", "adapter"), pair, strict=True)):
            left, top = side * (half + _GAP), row * row_height
            draw.text((left + 2, top + 2), f"{name}: {sample.prompt.text}"[:90], fill="black")
            for column, index in enumerate(
                np.linspace(0, len(sample.frames) - 1, _COLUMNS).round().astype(int)
            ):
                picture = Image.fromarray(sample.frames[index]).resize(cell)
                sheet.paste(picture, (left + column * (cell[0] + 2), top + _LABEL_HEIGHT))
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())
