"""slora: scenario LoRA adapters for text-to-video models, from footage to a served clip."""

import os

__version__ = "0.1.0"

# Read by the libraries when they are first imported, hence here; a user's own values win.
_LIBRARY_DEFAULTS = {
    # Threads that spin for long while another process holds their core make small models ten times
    # slower, threads that never spin twice: a short while (GNU's OpenMP counts loops).
    "GOMP_SPINCOUNT": "1000",
    # Loading bars and advice would drown the progress that slora reports.
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}
for _name, _value in _LIBRARY_DEFAULTS.items():
    os.environ.setdefault(_name, _value)
