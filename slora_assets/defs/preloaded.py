"""What workers need: imported once, by the process that forks them."""

from typing import Final

MODELS: Final = (
    "torch",
    "diffusers.pipelines.cogvideo.pipeline_cogvideox",
    "transformers.models.t5.modeling_t5",
    "open_clip",
    "matplotlib.figure",
    "slora_assets.caches.scenario",
    "slora_assets.training.run",
    "slora_assets.validation.stage",
)
"""For caching, training and validation. The modules that are commands are not among them: Python
warns when one that was imported is run."""
