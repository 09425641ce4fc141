"""`python -m slora_assets.cli`: the same as `slora`."""

from __future__ import annotations

from slora_assets.cli import main

if __name__ == "__main__":
    main()
