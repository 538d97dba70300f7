"""Batches drawn one step ahead."""

import torch
from torch import Tensor

from engine.training.draw_ahead import Batch, DrawAhead

ROWS = 12


def _drawing(generator: torch.Generator, order: Tensor, fails: list[int] | None = None) -> DrawAhead:
    def draw(step: int) -> Batch:
        order.copy_(order.roll(step))
        value = torch.rand(3, generator=generator)
        if fails and step == fails[0]:
            fails.clear()
            raise torch.OutOfMemoryError
        return order[:3].clone(), (value,)

    return DrawAhead(draw, generator, order)


def _values(batch: Batch) -> list[float]:
    return [*batch[0].tolist(), *batch[1][0].tolist()]


def _new() -> tuple[torch.Generator, Tensor]:
    return torch.Generator().manual_seed(3), torch.arange(ROWS)


def test_batches_are_the_same_whether_they_are_drawn_ahead_or_not() -> None:
    ahead, plain = _drawing(*_new()), _drawing(*_new())
    found = []
    for step in range(4):
        found.append(_values(ahead.take(step)))
        ahead.begin(step + 1)
    assert found == [_values(plain.take(step)) for step in range(4)]


def test_the_state_is_that_before_the_batch_that_was_drawn_ahead() -> None:
    ahead, plain = _drawing(*_new()), _drawing(*_new())
    for drawing in (ahead, plain):
        drawing.take(0)
    ahead.begin(1)
    for one, other in zip(ahead.state(), plain.state(), strict=True):
        assert torch.equal(one, other)


def test_a_batch_for_which_memory_did_not_suffice_is_drawn_when_it_is_needed() -> None:
    ahead, plain = _drawing(*_new(), fails=[1]), _drawing(*_new())
    for drawing in (ahead, plain):
        drawing.take(0)
    ahead.begin(1)
    assert _values(ahead.take(1)) == _values(plain.take(1))
