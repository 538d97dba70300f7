"""The codes on show, and the sliders that move them."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from engine.models.code_space import CodeSpace, between
from engine.models.model import NeuralParametricModel
from npm_studio.session.document.history import History
from npm_studio.session.document.signal import Signal

Space = Literal["shape", "pose"]
RANDOM_DIRECTIONS = 16
"""Leading directions that the random button draws; the later ones hold little but noise."""


@dataclass(frozen=True, eq=False)
class Codes:
    """What the decoders need for one mesh, on the CPU."""

    shape: Tensor
    """(Cs,)"""
    pose: Tensor | None = None
    """(Cp,); None is the canonical pose, in which the surface is learned"""


class Explorer:
    """Current codes of a model, moved along the principal directions of its training codes.

    A slider changes its own direction and nothing else: what a code has beyond the directions on show stays.
    """

    def __init__(self, model: NeuralParametricModel, seed: int = 0) -> None:
        self.model = model
        self.changed = Signal()
        self._spaces: dict[Space, CodeSpace] = {"shape": CodeSpace.from_codes(model.shape_codes.cpu())}
        if model.has_pose and model.pose_codes is not None:
            self._spaces["pose"] = CodeSpace.from_codes(model.pose_codes.cpu())
        self._generator = torch.Generator().manual_seed(seed)
        self._history = History(Codes(self._spaces["shape"].mean, None))

    @property
    def codes(self) -> Codes:
        return self._history.value

    @property
    def can_undo(self) -> bool:
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        return self._history.can_redo

    def directions(self, space: Space) -> int:
        """Number of principal directions; 0 for the pose of a model without one."""
        return len(self._spaces[space].scales) if space in self._spaces else 0

    def share_of_variance(self, space: Space) -> Tensor:
        """(K,) part of the training codes' variance along each direction, 0 to 1."""
        variances = self._spaces[space].scales.square()
        return variances / variances.sum()

    def coefficients(self, space: Space) -> Tensor:
        """(K,) standard deviations along the directions; zeros in the canonical pose."""
        code = self.codes.shape if space == "shape" else self.codes.pose
        if code is None:
            return torch.zeros(self.directions(space))
        return self._spaces[space].coefficients(code)

    def move(self, space: Space, direction: int, value: float) -> None:
        """Set one coefficient to ``value`` standard deviations."""
        of = self._spaces[space]
        code = self._code(space)
        current = float(of.coefficients(code)[direction])
        moved = code + (value - current) * of.scales[direction] * of.components[direction]
        self._set(space, moved, step=(space, direction))

    def end_move(self) -> None:
        """The slider was let go: the next move can be undone separately."""
        self._history.end_step()

    def reset(self, space: Space) -> None:
        """The mean of the training codes."""
        self._set(space, self._spaces[space].mean)

    def randomise(self, space: Space) -> None:
        """A random code, distributed like the training codes."""
        self._set(space, self._spaces[space].random(self._generator, RANDOM_DIRECTIONS))

    def show_identity(self, identity: int) -> None:
        """The shape of a training identity; the pose stays."""
        self._set("shape", self.model.shape_codes[identity].cpu())

    def show_frame(self, row: int, step: object = None) -> None:
        """The pose of a training frame; the shape stays."""
        self.show_codes(self.codes_of_frame(row), step)

    def codes_of_frame(self, row: int) -> Codes:
        """What `show_frame` would put on show."""
        assert self.model.pose_codes is not None
        return replace(self.codes, pose=self.model.pose_codes[row].cpu())

    def show_canonical_pose(self) -> None:
        self._history.push(replace(self.codes, pose=None))
        self.changed.emit()

    def show_codes(self, codes: Codes, step: object = None) -> None:
        self._history.push(codes, step)
        self.changed.emit()

    def forget_history(self) -> None:
        """Nothing to undo from here."""
        self._history = History(self.codes)

    def undo(self) -> None:
        self._history.undo()
        self.changed.emit()

    def redo(self) -> None:
        self._history.redo()
        self.changed.emit()

    def _code(self, space: Space) -> Tensor:
        code = self.codes.shape if space == "shape" else self.codes.pose
        return self._spaces[space].mean if code is None else code

    def _set(self, space: Space, code: Tensor, step: object = None) -> None:
        codes = replace(self.codes, shape=code) if space == "shape" else replace(self.codes, pose=code)
        self.show_codes(codes, step)


def blend(start: Codes, end: Codes, fraction: float, space: Literal["shape", "pose", "both"]) -> Codes:
    """Codes at ``fraction`` (0 to 1) of the way from ``start`` to ``end``; what is not blended is that of ``start``."""
    shape, pose = start.shape, start.pose
    if space in ("shape", "both"):
        shape = between(start.shape, end.shape, fraction)
    if space in ("pose", "both") and start.pose is not None and end.pose is not None:
        pose = between(start.pose, end.pose, fraction)
    return Codes(shape, pose)


def pretty(name: str) -> str:
    """``name`` with spaces for underscores and a capital first letter."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
