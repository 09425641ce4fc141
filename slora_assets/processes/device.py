"""Which device and which precision computes, asked in one place."""

from __future__ import annotations


def chosen_device(named: str | None = None) -> str:
    """`named`, torch's name of a device; without one CUDA where there is one, else the CPU."""
    import torch

    return named or ("cuda" if torch.cuda.is_available() else "cpu")


def compute_repeatably() -> None:
    """Have torch's operators give the same bits each time where they can, and warn where not.

    Filling fresh memory, which comes with it, is off: it writes every tensor once more, and is
    there to show reads of unset memory.
    """
    import torch

    torch.use_deterministic_algorithms(True, warn_only=True)
    # torch documents this switch and makes it in a way that no checker sees.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
