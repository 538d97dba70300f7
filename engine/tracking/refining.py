"""The shape, refined from keyframes by the normal equations of a fit, piece by piece while no frame waits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FitState
from engine.methods.npm.observations import Observations
from engine.methods.npm.posable import NeuralPosable
from engine.methods.npm.variables import FittedModel, Variables
from engine.tracking.effort import Effort

STEPS = 10
"""Of a fit, of which only the second half is made: keyframes are near their poses already."""
_SURE = 0.9
"""Confidence of a frame that may become a keyframe."""
_TURNED, _MOVED = 0.5, 0.6
"""Radians between headings, and root mean square of standard deviations between poses, beyond which frames differ."""

Group = TypeVar("Group")


@dataclass(frozen=True, eq=False)
class _Keyframe:
    observations: Observations
    variables: Variables


@dataclass(frozen=True, eq=False)
class RefinedShape:
    """What the keyframes say together."""

    shape: Tensor
    """(S,)"""
    landmarks: Tensor
    """(K, 3) at rest; K is 0 without any"""


class ShapeRefiner:
    """Keeps frames that differ, and finds the one shape of them."""

    def __init__(self, fitted: FittedModel, effort: Effort) -> None:
        self._fitted, self._most = fitted, effort.keyframes
        self._config = FitConfig(
            steps=STEPS,
            surface_points=effort.points // 2,  # of which the last steps take more
            free_space_points=effort.points // 8,
            coordinate_points=effort.coordinates,
            coordinate_steps=0.0,
            shape_start=0.0,
            acceleration=0.0,
        )
        self._keyframes: list[_Keyframe] = []
        self._used = 0
        """Keyframes of the last refinement"""

    def offer(self, observations: Observations, variables: Variables, confidence: float) -> None:
        """Keep a frame, whose tensors may be written over later, if it is sure and unlike those that are kept."""
        if len(self._keyframes) == self._most or confidence < _SURE:
            return
        if all(_differ(variables, other.variables) for other in self._keyframes):
            self._keyframes.append(_Keyframe(_kept(observations), _kept(variables)))

    @property
    def is_due(self) -> bool:
        """Whether there is enough that is new: each refinement takes half as many frames again as the one before."""
        wanted = min(self._most, max(self._used + 1, round(1.5 * self._used)))
        return self._used < wanted <= len(self._keyframes)

    def refine(self, shape: Tensor) -> Iterator[RefinedShape | None]:
        """From ``shape`` (S,): None after each piece of work, and what was found after the last one."""
        self._used = len(self._keyframes)
        kept = list(self._keyframes)
        observations = _joined([each.observations for each in kept])
        # that they follow each other does not count, but one after the other they have to be
        observations = replace(observations, times_s=torch.arange(len(kept), device=shape.device).float())
        variables = replace(_joined([each.variables for each in kept]), shape=shape.clone())
        state = FitState(NeuralPosable(self._fitted), observations, self._config, variables, seed=0)
        yield None
        for step in range(STEPS // 2, STEPS):
            state.step(step)
            yield None
        landmarks = state.landmarks
        yield RefinedShape(state.variables.shape, shape.new_zeros((0, 3)) if landmarks is None else landmarks)


def _differ(one: Variables, other: Variables) -> bool:
    turn = one.rotations[0].T @ other.rotations[0]
    angle = torch.arccos(((turn.trace() - 1) / 2).clamp(-1, 1))
    apart = (one.poses - other.poses).square().mean().sqrt()
    return bool((angle > _TURNED) | (apart > _MOVED))


def _kept(group: Group) -> Group:
    """A copy of the tensors of a dataclass, and of those in it."""
    return _changed([group], lambda tensors: tensors[0].clone())


def _joined(groups: list[Group]) -> Group:
    """The frames of ``groups``, one after the other; what has no frames is that of the first one."""
    return _changed(groups, torch.cat)


def _changed(groups: list[Group], how: Callable[[list[Tensor]], Tensor]) -> Group:
    first, parts = groups[0], {}
    for field in fields(first):  # type: ignore[arg-type]
        values = [getattr(group, field.name) for group in groups]
        if isinstance(values[0], Tensor):
            parts[field.name] = how(values)
        elif is_dataclass(values[0]):
            parts[field.name] = _changed(values, how)
    return replace(first, **parts)  # type: ignore[type-var]
