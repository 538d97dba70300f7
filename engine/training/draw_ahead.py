"""The batch of the next step, drawn while the device still works on this one."""

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

Batch = tuple[Tensor, tuple[Tensor, ...]]
"""Rows (B,) and their samples."""


class DrawAhead:
    """Draws batches one step ahead, on a stream of its own.

    Drawing that waits for the device (a ray caster does) then waits for what it has asked for itself, and not for the
    step before, which keeps the device busy meanwhile.
    """

    def __init__(self, draw: Callable[[int], Batch], generator: torch.Generator, order: Tensor) -> None:
        """
        Args:
            draw: makes the batch of a step; it changes nothing but ``generator`` and ``order`` (N,), the shuffled rows.
        """
        self._draw, self._generator, self._order = draw, generator, order
        self._stream = torch.cuda.Stream(order.device) if order.is_cuda else None
        self._drawn: Batch | None = None
        self._before = self._now()

    def take(self, step: int) -> Batch:
        """The batch of ``step``, which is the one drawn ahead if there is one."""
        if self._drawn is None:
            self._wait_for_others()
            self._begin(step)
        batch, self._drawn = self._drawn, None
        assert batch is not None
        if self._stream is not None:  # GPU only
            current = torch.cuda.current_stream(self._order.device)
            current.wait_stream(self._stream)
            for part in (batch[0], *batch[1]):
                part.record_stream(current)
        return batch

    def begin(self, step: int) -> None:
        """Draw the batch of ``step``, or leave that to `take` where memory does not suffice beside the step before."""
        try:
            self._begin(step)
        except torch.OutOfMemoryError:
            self._restore()

    def drop(self) -> None:
        """Forget what is drawn ahead: generator and order are about to be replaced."""
        self._drawn = None

    def state(self) -> tuple[Tensor, Tensor]:
        """State of the generator, and the order (N,), before anything was drawn ahead."""
        return self._now() if self._drawn is None else self._before

    def _begin(self, step: int) -> None:
        self._before = self._now()
        with torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
            self._drawn = self._draw(step)

    def _restore(self) -> None:
        state, order = self._before
        self._generator.set_state(state)
        self._order.copy_(order)
        self._drawn = None

    def _now(self) -> tuple[Tensor, Tensor]:
        return self._generator.get_state(), self._order.clone()

    def _wait_for_others(self) -> None:
        if self._stream is not None:  # GPU only
            self._stream.wait_stream(torch.cuda.current_stream(self._order.device))
