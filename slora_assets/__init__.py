"""slora: scenario LoRA adapters for text-to-video models, from footage to a served clip."""

__version__ = "0.1.0"
