"""What the training loop needs of a stage; shape, pose and encoder stages implement it."""

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from engine.models.model import NeuralParametricModel
from engine.training.config import Schedule

Metrics = Mapping[str, Tensor]
"""Detached 0-d tensors by name, for logs."""


class TrainingStage(Protocol):
    """One thing to learn: a network, for the decoders together with one code per row.

    A row is an identity or a frame. The loop shuffles the rows, hands out batches of them without repetition and
    calls, for each batch, `draw` and `loss`. All tensors live on one device, and neither call waits for it.
    """

    name: str
    """shape, pose, shape-encoder or pose-encoder."""
    rows: int
    """N"""
    rows_per_batch: int
    schedule: Schedule
    compilable: bool
    """Whether `loss` is worth compiling."""
    capturable: bool
    """Whether `draw` and `loss` can be recorded as a CUDA graph: the same kernels each time, no waiting."""

    @property
    def network(self) -> nn.Module: ...

    @property
    def codes(self) -> Tensor | None:
        """(N, C) code book that is learned with the network, or None."""
        ...

    def draw(self, rows: Tensor, mine: slice, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Samples for ``rows[mine]``, rows (B,) of the whole batch.

        Random numbers are drawn for the whole batch, so that what a row gets does not depend on how many processes
        share it.
        """
        ...

    def settings(self, step: int) -> tuple[float, ...]:
        """Numbers that change from step to step: weights, tolerance, layers in use. Always as many."""
        ...

    @property
    def loss(self) -> Callable[..., tuple[Tensor, Metrics]]:
        """A method: mean loss over the rows that `draw` was asked for, and metrics.

        Its arguments: (B, C) codes of those rows, to be differentiated, or None without a code book; (S,) what
        `settings` said of this step; then the samples.
        """
        ...

    def describe(self, rows: list[int]) -> str:
        """Names of identities or frames, for messages."""
        ...

    def model(self) -> NeuralParametricModel:
        """A copy of the model as it is now, frozen and in evaluation mode."""
        ...

    def validate(self, seed: int) -> dict[str, float]:
        """Metrics on what is held out, the first of which says which state is best (lower is better).

        Empty when nothing is held out.
        """
        ...


def rate_factor(schedule: Schedule, step: int) -> float:
    """Factor on the learning rates at ``step``."""
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    if schedule.decay == "halving":
        return 0.5 ** (step // schedule.halving_interval) if schedule.halving_interval else 1.0
    fraction = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, fraction)))


def grown(weight: float, warmup: int, step: int) -> float:
    """``weight`` at ``step`` when it grows linearly from zero over ``warmup`` steps."""
    return weight * min(1.0, step / warmup) if warmup else weight


def open_bands(frequencies: int, warmup: int, step: int) -> float:
    """How many bands of a positional encoding are open at ``step`` when they open over ``warmup`` steps."""
    return grown(float(frequencies), warmup, step)
