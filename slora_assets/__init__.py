"""slora: scenario LoRA adapters for text-to-video models, from footage to a served clip."""

import os

__version__ = "0.1.0"

# Read by the libraries when they are first imported, hence here; a user's own values win.
LIBRARY_DEFAULTS = {
    # How many loops a waiting thread of GNU's OpenMP spins before it sleeps. Where nothing else
    # runs, 1,000 make the steps of a small model 1.6 times slower than 3,000, which lose nothing to
    # the library's own; where another process holds a core, more are slower (100,000: 3.7 times).
    "GOMP_SPINCOUNT": "3000",
    # Loading bars and advice would drown the progress that slora reports.
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}
for _name, _value in LIBRARY_DEFAULTS.items():
    os.environ.setdefault(_name, _value)
