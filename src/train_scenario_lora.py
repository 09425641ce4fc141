"""Train the scenarios' adapters: `python src/train_scenario_lora.py --help`."""

import sys

from slora_assets.training.command import train_scenarios

if __name__ == "__main__":
    sys.exit(train_scenarios())
