"""The adapters on a loaded base: the last few that were asked for stay loaded, each in a slot under
its own name, so that going over to one of them is a matter of naming it.

What acts in a slot are the tensors of a fresh load, untouched: a clip is the same to the bit as one
of a process that has loaded nothing else.
"""

from __future__ import annotations

import tempfile
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from api.generator.effect import check_effect, check_loaded
from slora_assets.base_models.parts import Pipeline
from slora_assets.base_models.seam import VideoBase
from slora_assets.config.errors import GateError
from slora_assets.deployment.registry import verified_bytes
from slora_assets.documents import ADAPTER_FILE, AdapterRecord


@dataclass(frozen=True)
class Adapter:
    """An adapter to draw with."""

    folder: Path
    record: AdapterRecord
    scale: float


class AdapterSlots:
    """Those of one pipeline, which is used from one thread."""

    def __init__(self, base: VideoBase, pipeline: Pipeline) -> None:
        self._base, self._pipeline = base, pipeline
        self._loaded: OrderedDict[str, str] = OrderedDict()
        """Adapter's hash -> name of its slot, the one that was not used for longest first."""
        self._off = False
        """Whether what is loaded was switched off, for the base alone."""

    def use(self, adapter: Adapter, most: int) -> bool:
        """Draw with this adapter alone; of others at most `most` - 1 stay loaded. Whether it had to
        be loaded.

        Raises GateError for one that must not be served.
        """
        record = adapter.record
        if record.base_parts != self._base.identity().parts:
            raise GateError(
                f"the adapter was trained on other weights ({record.base} {record.base_revision}) "
                "than the service's base",
                remedy="set base_model in optimized_inference.yaml, or train on this base",
            )
        while len(self._loaded) > most or (
            len(self._loaded) == most and record.sha256 not in self._loaded
        ):
            _, oldest = self._loaded.popitem(last=False)
            self._pipeline.delete_adapters(oldest)
        absent = record.sha256 not in self._loaded
        if absent:
            self._loaded[record.sha256] = self._load(adapter)
        self._loaded.move_to_end(record.sha256)
        # Every time: loading and switching reset it.
        self._pipeline.set_adapters([self._loaded[record.sha256]], [adapter.scale])
        if self._off:
            self._pipeline.transformer.enable_adapters()
            self._off = False
        return absent

    def use_none(self) -> None:
        """Draw with the base alone."""
        if getattr(self._pipeline.transformer, "peft_config", {}):
            self._pipeline.transformer.disable_adapters()
            self._off = True

    def _load(self, adapter: Adapter) -> str:
        record, name = adapter.record, f"slot_{adapter.record.sha256}"
        content = verified_bytes(adapter.folder / ADAPTER_FILE, record.sha256)
        tensors = check_effect(content)
        # PEFT warns of a second adapter, in case it isn't meant.
        warnings.filterwarnings("ignore", "Already found a `peft_config` attribute", UserWarning)
        # Loading goes by path; a private copy of the verified bytes can't be swapped.
        with tempfile.TemporaryDirectory(prefix="slora-") as private:
            file = Path(private) / ADAPTER_FILE
            file.write_bytes(content)
            self._base.load_adapter(self._pipeline, file, name, adapter.scale)
        check_loaded(self._pipeline.transformer, name, tensors, record)
        return name
