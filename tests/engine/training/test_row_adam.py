"""Adam for code books, against PyTorch's and against a slow twin."""

import math

import numpy as np
import pytest
import torch

from engine.training.row_adam import RowAdam


def test_with_every_row_in_every_batch_it_is_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(6, 4, generator=generator)
    codes, book = start.clone().requires_grad_(), start.clone()
    adam, rows = torch.optim.Adam([codes], 0.01), RowAdam(book)
    for step in range(50):
        gradient = torch.randn(6, 4, generator=generator) * 10.0 ** (step % 5 - 4)
        codes.grad = gradient.clone()
        adam.step()
        order = torch.randperm(6, generator=generator)
        rows.update(order, gradient[order], torch.tensor(0.01))
        assert torch.allclose(codes, book, rtol=0, atol=1e-6 * (step + 1))


def test_rows_out_of_the_batch_stay_and_visited_ones_follow_their_own_adam() -> None:
    generator = torch.Generator().manual_seed(1)
    book = torch.randn(5, 3, generator=generator)
    expected = book.double().numpy().copy()
    mean, square, visits = np.zeros((5, 3)), np.zeros((5, 3)), [0] * 5
    rows = RowAdam(book)
    for step in range(40):
        batch = torch.randperm(4, generator=generator)[:2]  # the fifth is never visited
        gradient = torch.randn(2, 3, generator=generator)
        before = book.clone()
        rows.update(batch, gradient, torch.tensor(0.1 / (step + 1)))
        for place, row in enumerate(batch.tolist()):
            visits[row] += 1
            g = gradient[place].double().numpy()
            mean[row] = 0.9 * mean[row] + 0.1 * g
            square[row] = 0.999 * square[row] + 0.001 * g**2
            for column in range(3):
                m = mean[row, column] / (1 - 0.9 ** visits[row])
                v = square[row, column] / (1 - 0.999 ** visits[row])
                expected[row, column] -= 0.1 / (step + 1) * m / (math.sqrt(v) + 1e-8)
        others = [row for row in range(5) if row not in batch.tolist()]
        assert torch.equal(book[others], before[others])
        assert np.abs(book.numpy() - expected).max() < 1e-5
    assert rows.visits.tolist() == visits


def test_it_goes_on_from_its_state() -> None:
    generator = torch.Generator().manual_seed(2)
    book = torch.randn(4, 2, generator=generator)
    first = RowAdam(book.clone())
    first.update(torch.tensor([2, 0]), torch.ones(2, 2), torch.tensor(0.1))
    second = RowAdam(torch.zeros(4, 2))
    second.load_state_dict({key: value.clone() for key, value in first.state_dict().items()})
    for adam in (first, second):
        adam.update(torch.tensor([0, 3]), -torch.ones(2, 2), torch.tensor(0.1))
    assert torch.equal(first.codes, second.codes)


def test_the_state_of_a_smaller_book_is_refused() -> None:
    with pytest.raises(ValueError, match="codes"):
        RowAdam(torch.zeros(4, 2)).load_state_dict(RowAdam(torch.zeros(1, 2)).state_dict())
