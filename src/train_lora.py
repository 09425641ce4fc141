"""Train the unified adapter: `python src/train_lora.py --help`."""

from slora_assets.config.edge import run


def main() -> int:
    """Train; returns the exit status."""
    from slora_assets.training.command import (
        train_unified,  # here, where Ctrl-C is one line already
    )

    return train_unified()


if __name__ == "__main__":
    run(main)
