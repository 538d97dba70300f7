"""What the training loop needs of a stage; shape, pose and encoder stages implement it."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from engine.core.errors import ConfigField, Notice, Remedy, remedy
from engine.core.progress import Progress
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
    """shape, pose, shape-encoder, pose-encoder or coordinates."""
    rows: int
    """N"""
    rows_per_batch: int
    schedule: Schedule
    data: dict[str, Any]
    """What states and the model say of its data, see `engine.dataset.fingerprint.data_note`."""
    weight_decay: float
    """Of the network, decoupled from the gradients (Loshchilov and Hutter 2019); 0 for none."""
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

    def validate(self, seed: int) -> dict[str, float]:
        """Metrics on what is held out, the first of which says which state is best (lower is better).

        Empty when nothing is held out.
        """
        ...


@runtime_checkable
class ModelStage(TrainingStage, Protocol):
    """A stage that learns a part of a model."""

    def model(self) -> NeuralParametricModel:
        """A copy of the model as it is now, frozen and in evaluation mode."""
        ...


FEWEST_IDENTITIES = 16
"""Identities from which on a shape stage may learn what is between them; below, it learns them by heart."""
_FEWEST_VISITS = {"shape": 300.0, "pose": 60.0}
"""How often each row has to be in a batch; the built-in models saw theirs 5000 and 380 times."""


def say_what_is_scarce(stage: TrainingStage, progress: Progress) -> None:
    """Notices of too few identities or steps for a model that is of use beyond its training data."""
    if stage.name == "shape" and stage.rows < FEWEST_IDENTITIES:
        text = f"{stage.rows} identities are few: expect the model to know these and hardly any other"
        progress.notice(Notice(text, Remedy("dozens give shapes in between; measure it on held-out ones")))
    visits = stage.schedule.steps * min(stage.rows_per_batch, stage.rows) / stage.rows
    enough = _FEWEST_VISITS.get(stage.name, 0.0)
    if visits < enough:
        what = "identity" if stage.name == "shape" else "frame"
        text = f"{stage.schedule.steps} steps are few: each {what} is seen {visits:.0f} times"
        steps = str(math.ceil(enough * stage.rows / min(stage.rows_per_batch, stage.rows)))
        progress.notice(Notice(text, remedy("set {} at least", ConfigField(f"{stage.name}.schedule.steps", steps))))


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
