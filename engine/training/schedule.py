"""Numbers that change during training as functions of the step."""

import math

from engine.training.config import Schedule


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
