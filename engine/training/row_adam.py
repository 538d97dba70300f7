"""Adam for code books: rows that are not in a batch do not move."""

import torch
from torch import Tensor

BETAS = 0.9, 0.999
EPSILON = 1e-8


class RowAdam:
    """Adam (Kingma and Ba 2015) with moments and a step count for each row.

    Adam on the whole book would move rows that are not in the batch by their momentum, and would correct the bias of
    their moments as if they had been seen at every step.
    """

    def __init__(self, codes: Tensor) -> None:
        """
        Args:
            codes: (N, C), changed in place by `update`.
        """
        assert codes.ndim == 2, codes.shape
        self.codes = codes
        self.mean, self.square = torch.zeros_like(codes), torch.zeros_like(codes)
        self.visits = torch.zeros(len(codes), device=codes.device)

    def update(self, rows: Tensor, gradient: Tensor, rate: Tensor) -> None:
        """One step for ``rows`` (B,), none of them twice, with ``gradient`` (B, C) and the 0-d learning ``rate``."""
        visits = self.visits[rows] + 1
        mean = self.mean[rows].lerp(gradient, 1 - BETAS[0])
        square = self.square[rows].lerp(gradient.square(), 1 - BETAS[1])
        step = mean / (1 - BETAS[0] ** visits)[:, None]
        scale = (square / (1 - BETAS[1] ** visits)[:, None]).sqrt() + EPSILON
        self.codes[rows] -= rate * step / scale
        self.mean[rows], self.square[rows], self.visits[rows] = mean, square, visits

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors to go on from; `load_state_dict` takes them back."""
        return {"codes": self.codes, "mean": self.mean, "square": self.square, "visits": self.visits}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """
        Raises:
            KeyError, ValueError: the state is of another code book.
        """
        for name, tensor in self.state_dict().items():
            if state[name].shape != tensor.shape:
                raise ValueError(f"{name} {tuple(state[name].shape)}, not {tuple(tensor.shape)}")
            tensor.copy_(state[name])
