"""How well a clip shows its prompt, by the scorer and the call that the gate judges with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.service_log import service_log
from slora_assets.config.errors import SloraError
from slora_assets.config.training import TrainingSettings
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.documents import RUN_CONFIG
from slora_assets.validation.metrics.clip_similarity import ClipScorer
from slora_assets.validation.metrics.scorer import open_scorer, scorer_identity

_LOG = service_log()


class Alignment:
    """Scores clips; keeps the scorer that was used last. Used from one thread."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._opened: tuple[str, ClipScorer | None] | None = None

    def of(
        self, frames: NDArray[np.uint8], prompt: str, scenario: str, adapter: Path | None
    ) -> float | None:
        """CLIPSIM of [T, H, W, 3] and its prompt, by the scorer of `adapter`'s run, or of the
        scenario's last; None where there is no run, or its scorer isn't on this machine."""
        folders = [self._workspace.scenario_run(scenario)]
        if adapter is not None:
            folders.insert(0, adapter)
        config = next((f / RUN_CONFIG for f in folders if (f / RUN_CONFIG).is_file()), None)
        if config is None:
            return None
        try:
            scorer = self._scorer(read_settings(config, TrainingSettings).scorer)
            return None if scorer is None else scorer.score(frames, prompt)
        except SloraError as error:  # the clip is one without this score
            _LOG.warning("a clip is not held against its prompt: %s", error)
            return None

    def _scorer(self, name: str) -> ClipScorer | None:
        """None for one that would have to be fetched first."""
        if self._opened is None or self._opened[0] != name:
            models = self._workspace.models
            at_hand = scorer_identity(name, models)["weights"] is not None
            self._opened = (name, open_scorer(name, models, "cpu") if at_hand else None)
        return self._opened[1]
