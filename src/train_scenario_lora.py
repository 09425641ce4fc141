"""Train the scenarios' adapters: `python src/train_scenario_lora.py --help`."""

from slora_assets.config.edge import run


def main() -> int:
    """Train; returns the exit status."""
    from slora_assets.training.command import (
        train_scenarios,  # here, where Ctrl-C is one line already
    )

    return train_scenarios()


if __name__ == "__main__":
    run(main)
