"""Muon for matrices and kernels, Adam for the rest, with a state of plain named tensors.

Muon (orthogonalised momentum) needs far fewer steps than Adam here, and steps are what a CPU lacks.
The state is a flat dict, so that checkpoints are safetensors and nothing is pickled. It isn't
`torch.optim.Muon`, which refuses the kernels of the VAE (it takes two dimensions only) and scales
updates otherwise: the weights that ship were made with this one, and are to be made again with it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_BETAS = (0.9, 0.98)
_MOMENTUM = 0.95
_EPSILON = 1e-8


class MuonAdam:
    """Updates parameters in place from their gradients; learning rates come with each step."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], weight_decay: float) -> None:
        self._parameters = dict(parameters)
        self._weight_decay = weight_decay
        self._state: dict[str, Tensor] = {}
        for name, parameter in self._parameters.items():
            for slot in ("momentum",) if _is_matrix(name, parameter) else ("first", "second"):
                self._state[f"{slot}.{name}"] = torch.zeros_like(
                    parameter, memory_format=torch.contiguous_format
                )

    @torch.no_grad()
    def step(self, number: int, matrix_rate: float, other_rate: float, clip: float) -> float:
        """Apply update `number` (from 1) and clear gradients; returns the gradient norm."""
        gradients = [p.grad for p in self._parameters.values() if p.grad is not None]
        norm = float(torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients])))
        factor = min(1.0, clip / max(norm, 1e-12))
        for name, parameter in self._parameters.items():
            if parameter.grad is None:
                continue
            gradient = parameter.grad.mul_(factor)
            if _is_matrix(name, parameter):
                self._muon(name, parameter, gradient, matrix_rate)
            else:
                self._adam(name, parameter, gradient, other_rate, number)
            parameter.grad = None
        return norm

    def state(self) -> dict[str, Tensor]:
        """The tensors to checkpoint, shared with the optimizer."""
        return self._state

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a checkpoint's tensors."""
        for name, tensor in self._state.items():
            tensor.copy_(state[name])

    def _muon(self, name: str, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        momentum = self._state[f"momentum.{name}"]
        momentum.lerp_(gradient, 1 - _MOMENTUM)
        direction = gradient.lerp(momentum, _MOMENTUM).reshape(parameter.shape[0], -1)
        update = orthogonalised(direction)
        # Equal root mean square for every shape, so one learning rate serves all layers.
        update = update * max(update.shape) ** 0.5
        parameter.mul_(1 - rate * self._weight_decay)
        parameter.add_(update.view(parameter.shape), alpha=-rate)

    def _adam(
        self, name: str, parameter: Tensor, gradient: Tensor, rate: float, number: int
    ) -> None:
        first, second = self._state[f"first.{name}"], self._state[f"second.{name}"]
        first.lerp_(gradient, 1 - _BETAS[0])
        second.lerp_(gradient.square(), 1 - _BETAS[1])
        mean = first / (1 - _BETAS[0] ** number)
        spread = (second / (1 - _BETAS[1] ** number)).sqrt_().add_(_EPSILON)
        parameter.addcdiv_(mean, spread, value=-rate)


def orthogonalised(matrix: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrix to [rows, columns], by five Newton-Schulz iterations."""
    wide = matrix.shape[0] <= matrix.shape[1]
    # The iteration tolerates bfloat16, which is several times faster where it has instructions.
    x = (matrix if wide else matrix.T).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    result: Tensor = (x if wide else x.T).to(matrix.dtype)
    return result


def _is_matrix(name: str, parameter: Tensor) -> bool:
    """Whether Muon updates it: kernels and linear maps, but no tables and no thin edges."""
    if parameter.ndim < 2 or "embedding" in name or "embed_tokens" in name or "shared" in name:
        return False
    rows = parameter.shape[0]
    return min(rows, parameter.numel() // rows) >= 16
