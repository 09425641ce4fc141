"""Train the unified adapter: `python src/train_lora.py --help`."""

import sys

from slora_assets.training.command import train_unified

if __name__ == "__main__":
    sys.exit(train_unified())
