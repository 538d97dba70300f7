"""What a fit changes: one shape, and of each frame a local pose and the place of the subject."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from engine.geometry.rigid_alignment import rotation_matrices
from engine.models.code_space import CodeSpace
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import Decoder

AnyDecoder = TypeVar("AnyDecoder", bound=Decoder)
RIGID = 6
"""Degrees of freedom of a frame's place: a small rotation about the subject's middle, and a translation."""


@dataclass(frozen=True, eq=False)
class Variables:
    """Codes in standard deviations along principal directions, places as rigid motions of posed canonical points."""

    shape: Tensor
    """(S,)"""
    poses: Tensor
    """(F, K)"""
    rotations: Tensor
    """(F, 3, 3)"""
    translations: Tensor
    """(F, 3) canonical units"""

    def __len__(self) -> int:
        return len(self.poses)

    def of(self, frames: Tensor) -> "Variables":
        """Those of ``frames`` (f,)."""
        return Variables(self.shape, self.poses[frames], self.rotations[frames], self.translations[frames])

    def where(self, chosen: Tensor, other: "Variables") -> "Variables":
        """``other`` in frames where ``chosen`` (F,), and these else; the shape is of these."""
        return Variables(
            self.shape,
            torch.where(chosen[:, None], other.poses, self.poses),
            torch.where(chosen[:, None, None], other.rotations, self.rotations),
            torch.where(chosen[:, None], other.translations, self.translations),
        )

    def place(self, points: Tensor) -> Tensor:
        """Posed canonical points (F, N, 3) brought to where the subject is."""
        return points @ self.rotations.transpose(1, 2) + self.translations[:, None]

    def moved(self, shape: Tensor, poses: Tensor, rigid: Tensor, middle: Tensor) -> "Variables":
        """These after a step.

        Args:
            shape: (S,) added
            poses: (F, K) added
            rigid: (F, 6) rotation vector about ``middle``, and translation
            middle: (F, 3) in the space of the observations
        """
        turn = rotation_matrices(rigid[:, :3])
        offset = self.translations - middle
        moved = (turn @ offset[..., None])[..., 0] + middle + rigid[:, 3:]
        return Variables(self.shape + shape, self.poses + poses, turn @ self.rotations, moved)


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model and the directions that its codes move along."""

    model: NeuralParametricModel
    shapes: CodeSpace
    poses: CodeSpace
    half: bool
    keeps_shape: bool = False
    """Whether the shape is known: it is then the mean of ``shapes``, from which it does not move."""

    @staticmethod
    def of(
        model: NeuralParametricModel, half: bool, shape_directions: int, kept: Tensor | None = None
    ) -> "FittedModel":
        """With at most ``shape_directions`` principal directions of the shape codes, about ``kept`` (Cs,) if given."""
        plain, shapes, poses = _prepared(model)
        few = replace(shapes, components=shapes.components[:shape_directions], scales=shapes.scales[:shape_directions])
        if kept is not None:
            few = replace(few, mean=kept.to(few.mean))
        return FittedModel(plain, few, poses, half, kept is not None)

    @cached_property
    def shape_biases(self) -> Tensor:
        """(2 width, S) by which the biases of the shape decoder's first and skip layer move with the shape."""
        return _biases_of(self.model.shape_decoder) @ self.shapes.derivative

    @cached_property
    def pose_biases(self) -> Tensor:
        """(2 width, K + S) by which those of the pose decoder move with pose and shape."""
        assert self.model.pose_decoder is not None
        of_shape, of_pose = _biases_of(self.model.pose_decoder).split((len(self.shapes.mean), len(self.poses.mean)), 1)
        return torch.cat((of_pose @ self.poses.derivative, of_shape @ self.shapes.derivative), dim=1)

    def mean(self, frames: int) -> Variables:
        """The mean shape, or that which is kept, in the mean pose, where the model has it, in ``frames`` frames."""
        device = self.model.device
        return Variables(
            torch.zeros(len(self.shapes.scales), device=device),
            torch.zeros((frames, len(self.poses.scales)), device=device),
            torch.eye(3, device=device).repeat(frames, 1, 1),
            torch.zeros((frames, 3), device=device),
        )

    def shape_code(self, variables: Variables) -> Tensor:
        return self.shapes.code(variables.shape)

    def pose_codes(self, variables: Variables) -> Tensor:
        return self.poses.code(variables.poses)

    def local(self, variables: Variables, points: Tensor) -> Tensor:
        """Posed canonical points (F, N, 3), without the place of the subject, of ``points`` (F or 1, N, 3)."""
        shape = self.shape_code(variables).expand(len(variables), -1)
        return self.model.pose(shape, self.pose_codes(variables), points, self.half)


def mean_variables(several: Sequence[Variables]) -> Variables:
    """The mean of ``several`` that are near each other; of rotations the nearest one to the mean of the matrices."""
    left, _, right = torch.linalg.svd(torch.stack([each.rotations for each in several]).mean(0))
    return Variables(
        torch.stack([each.shape for each in several]).mean(0),
        torch.stack([each.poses for each in several]).mean(0),
        left @ right,
        torch.stack([each.translations for each in several]).mean(0),
    )


def nearest_seen(variables: Variables, times_s: Tensor, seen: Tensor) -> Variables:
    """``variables``, with those of the nearest frame of ``seen`` (f,) in all others; ``times_s`` (F,)."""
    return variables.of(seen[(times_s[:, None] - times_s[seen]).abs().argmin(1)])


def _biases_of(decoder: Decoder) -> Tensor:
    """(2 width, C) by which the biases of the first and the skip layer move with the code."""
    return torch.cat([decoder.code_weight(index) for index in (0, decoder.config.skip_layer)])


def plain_model(model: NeuralParametricModel) -> NeuralParametricModel:
    """``model`` with the decoders that a fit evaluates; the same object each time, so that what is kept of it lasts."""
    return _prepared(model)[0]


def _prepared(model: NeuralParametricModel) -> tuple[NeuralParametricModel, CodeSpace, CodeSpace]:
    """``model`` with plain decoders, and the spaces of its shape and pose codes; made once per model object."""
    if model not in _known:
        assert model.pose_decoder is not None and model.pose_codes is not None
        plain = replace(model, shape_decoder=_plain(model.shape_decoder), pose_decoder=_plain(model.pose_decoder))
        _known[model] = plain, CodeSpace.from_codes(model.shape_codes), CodeSpace.from_codes(model.pose_codes)
    return _known[model]


_known: WeakKeyDictionary[NeuralParametricModel, tuple[NeuralParametricModel, CodeSpace, CodeSpace]] = (
    WeakKeyDictionary()
)


@torch.no_grad()
def _plain(decoder: AnyDecoder) -> AnyDecoder:
    """A copy whose normalised weights are worked out once, and not in each of hundreds of passes."""
    plain = copy.deepcopy(decoder)
    for index in range(decoder.config.layers + 1):
        layer = decoder.layer(index)
        linear = torch.nn.Linear(layer.weight.shape[1], layer.weight.shape[0], device=layer.weight.device)
        linear.weight.copy_(layer.weight)
        linear.bias.copy_(layer.bias)
        setattr(plain, f"lin{index}", linear.requires_grad_(False))
    return plain
