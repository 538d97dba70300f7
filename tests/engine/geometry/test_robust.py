"""Weights of what lies far off."""

import pytest
import torch

from engine.geometry.robust import redescending


def test_a_redescending_weight_is_a_quarter_at_its_scale_and_follows_its_loss() -> None:
    assert float(redescending(torch.tensor(0.04), 0.2)) == pytest.approx(0.25)
    assert float(redescending(torch.tensor(0.0), 0.2)) == 1
    squared = torch.linspace(0, 1, 9, requires_grad=True)
    loss = (0.09 * squared / (0.09 + squared)).sum()  # Geman and McClure
    (slope,) = torch.autograd.grad(loss, squared)
    torch.testing.assert_close(redescending(squared.detach(), 0.3), slope)
