"""What sliders, buttons and the library make of the codes on show."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from engine.models.code_space import CodeSpace
from engine.models.labels import UNLABELLED
from engine.models.model import NeuralParametricModel
from npm_studio.session.document.state import (
    Code,
    DocumentState,
    Exploration,
    Interpolation,
    Keyframe,
    Transfer,
)

Space = Literal["shape", "pose"]
FIRST_SECONDS = 2.0
"""Of the interpolation that a model begins with."""
LARGEST_SEED = 9999
"""Of random codes: short enough to be read out."""
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
    """A model, and the principal directions of its training codes, along which the codes on show are moved.

    A slider changes its own direction and nothing else: what a code has beyond the directions on show stays.
    """

    def __init__(self, model: NeuralParametricModel, seed: int | None = None) -> None:
        """Without a ``seed`` random codes are others each time."""
        self.model = model
        self._spaces: dict[Space, CodeSpace] = {"shape": CodeSpace.from_codes(model.shape_codes.cpu())}
        if model.has_pose and model.pose_codes is not None:
            self._spaces["pose"] = CodeSpace.from_codes(model.pose_codes.cpu())
        self._clips: dict[int, list[int]] = {}
        self._generator = torch.Generator()
        self._generator.manual_seed(seed) if seed is not None else self._generator.seed()

    def directions(self, space: Space) -> int:
        """Number of principal directions; 0 for the pose of a model without one."""
        return len(self._spaces[space].scales) if space in self._spaces else 0

    def share_of_variance(self, space: Space) -> Tensor:
        """(K,) part of the training codes' variance along each direction, 0 to 1."""
        variances = self._spaces[space].scales.square()
        return variances / variances.sum()

    def coefficients(self, now: Exploration, space: Space) -> Tensor:
        """(K,) standard deviations along the directions; zeros in the canonical pose."""
        code = now.shape if space == "shape" else now.pose
        if code is None or space not in self._spaces:
            return torch.zeros(self.directions(space))
        return self._spaces[space].coefficients(tensor_of(code))

    def mean(self, space: Space) -> Tensor:
        """(C,) of the training codes."""
        return self._spaces[space].mean

    def coefficients_of(self, codes: Tensor, space: Space) -> Tensor:
        """(N, K) standard deviations of ``codes`` (N, C) along the directions."""
        return self._spaces[space].coefficients(codes)

    def training_coefficients(self, space: Space) -> Tensor:
        """(N, K) standard deviations of the training codes along the directions."""
        codes = self.model.shape_codes if space == "shape" else self.model.pose_codes
        assert codes is not None
        return self.coefficients_of(codes.cpu(), space)

    def title_of(self, space: Space, number: int) -> str:
        """What the training code with this number is called."""
        if space == "shape":
            return pretty(self.model.info.identities[number])
        identity = self.model.info.identities[self.model.info.frames[number].identity]
        return f"{pretty(identity)}, {posture_of(self.model, number)}"

    def end(self, space: Space, direction: int, value: float) -> Codes:
        """The mean body at ``value`` standard deviations along one direction; of shapes in the canonical pose."""
        of = self._spaces[space]
        code = of.mean + value * of.scales[direction] * of.components[direction]
        return Codes(code) if space == "shape" else Codes(self.mean("shape"), code)

    def first(self) -> Exploration:
        """What a model shows when it is opened: its first identity in the first of its poses."""
        now = self.with_identity(Exploration(), 0)
        rows = self._frames_of(0)
        return self.with_frame(now, rows[0]) if rows else self.in_canonical_pose(now)

    def moved(self, now: Exploration, space: Space, direction: int, value: float) -> Exploration:
        """With one coefficient at ``value`` standard deviations."""
        of = self._spaces[space]
        code = now.shape if space == "shape" else now.pose
        before = of.mean if code is None else tensor_of(code)
        step = (value - float(of.coefficients(before)[direction])) * of.scales[direction]
        return self._with(now, space, before + step * of.components[direction], f"Own {space}")

    def moved_on_map(
        self, now: Exploration, space: Space, place: tuple[float, float], locked: Collection[int] = ()
    ) -> Exploration:
        """With the coefficients of the first two directions at ``place``, but for ``locked`` ones."""
        for direction, value in enumerate(place):
            if direction not in locked:
                now = self.moved(now, space, direction, value)
        return now

    def reset(self, now: Exploration, space: Space) -> Exploration:
        """The mean of the training codes."""
        return self._with(now, space, self._spaces[space].mean, f"Mean {space}")

    def randomised(
        self, now: Exploration, space: Space, locked: Collection[int] = (), seed: int | None = None
    ) -> Exploration:
        """A random code, distributed like the training codes; its name has the seed that it can be drawn again with.

        Args:
            locked: directions that keep their values
            seed: another one each time where it is None
        """
        of = self._spaces[space]
        if seed is None:
            seed = int(torch.randint(LARGEST_SEED + 1, (), generator=self._generator))
        drawn = of.random(torch.Generator().manual_seed(seed), RANDOM_DIRECTIONS)
        kept = [direction for direction in locked if direction < len(of.scales)]
        if kept:
            change = (self.coefficients(now, space) - of.coefficients(drawn))[kept] * of.scales[kept]
            drawn = drawn + change @ of.components[kept]
        return self._with(now, space, drawn, f"Random {space} {seed}")

    def with_code(self, now: Exploration, space: Space, code: Code) -> Exploration:
        """With the numbers of a code that somebody has written down."""
        return self._with(now, space, torch.tensor(code), f"Own {space}")

    def with_identity(self, now: Exploration, identity: int) -> Exploration:
        """The shape of a training identity; the pose stays."""
        name = pretty(self.model.info.identities[identity])
        return replace(self._with(now, "shape", self.model.shape_codes[identity], name), identity=identity)

    def with_frame(self, now: Exploration, row: int) -> Exploration:
        """The pose of a training frame, whose sequence plays from now on; the shape stays."""
        assert self.model.pose_codes is not None
        frame = self.model.info.frames[row]
        whose = "" if frame.sequence == UNLABELLED else f" of {pretty(self.model.info.identities[frame.identity])}"
        name = f"{posture_of(self.model, row)}{whose}"
        return replace(self._with(now, "pose", self.model.pose_codes[row], name), row=row, clip_row=row)

    def in_canonical_pose(self, now: Exploration) -> Exploration:
        return replace(now, pose=None, pose_name="Canonical pose", row=None, clip_row=None)

    def clip(self, row: int | None) -> list[int]:
        """Rows of the training sequence that the frame ``row`` is part of, in its order."""
        if row is None:
            return []
        if row not in self._clips:
            rows = clip_of(self.model, row)
            self._clips |= dict.fromkeys(rows, rows)
        return self._clips[row]

    def first_interpolation(self) -> Interpolation:
        """From the first identity to the last, each in a pose of its own."""
        model = self.model
        last = len(model.info.identities) - 1
        rows = [(own[0], own[len(own) // 2]) if (own := self._frames_of(i)) else (None, None) for i in (0, last)]
        ends = self.trained(0, rows[0][0]), self.trained(last, rows[1][1])
        keys = tuple(Keyframe(time_s, body) for time_s, body in zip((0.0, FIRST_SECONDS), ends, strict=True))
        return Interpolation(keys, "both" if model.has_pose else "shape")

    def first_transfer(self) -> Transfer:
        """The first identity and the last, in the first pose."""
        own = self._frames_of(0)
        bodies = self.trained(0), self.trained(len(self.model.info.identities) - 1)
        return Transfer(bodies, self.trained(0, own[0] if own else None))

    def trained(self, identity: int, row: int | None = None) -> Exploration:
        """A training identity in the pose of a training frame, or in the canonical pose."""
        body = self.with_identity(Exploration(), identity)
        return self.in_canonical_pose(body) if row is None else self.with_frame(body, row)

    def completed(self, body: Exploration) -> Exploration | None:
        """``body``, with the codes of its identity and frame where it has none; None where it is not of this model."""
        if body.shape:
            return body if self.can_show(body) else None
        identity, row = body.identity or 0, body.row
        is_known = 0 <= identity < len(self.model.info.identities)
        is_known &= row is None or (self.model.has_pose and 0 <= row < len(self.model.info.frames))
        return self.trained(identity, row) if is_known else None

    def can_show(self, body: Exploration) -> bool:
        """Whether ``body`` has codes of this size, and is from where this model has something."""
        model = self.model
        pose_size = 0 if model.pose_codes is None else model.pose_codes.shape[1]
        return (
            len(body.shape) == model.shape_codes.shape[1]
            and (body.pose is None or len(body.pose) == pose_size)
            and (body.identity is None or 0 <= body.identity < len(model.info.identities))
            and all(row is None or 0 <= row < len(model.info.frames) for row in (body.row, body.clip_row))
        )

    def fitting(self, state: DocumentState) -> DocumentState:
        """``state``, but what is not there yet or not of this model is as when the model has just been opened."""
        now = state.explore if self.can_show(state.explore) else self.first()
        way, on = state.interpolate, state.transfer
        keys = [(key.time_s, self.completed(key.body)) for key in way.keys]
        known = tuple(Keyframe(time_s, body) for time_s, body in keys if body is not None)
        way = replace(way, keys=known) if len(known) == len(keys) >= 2 else self.first_interpolation()
        bodies = tuple(body for one in on.bodies if (body := self.completed(one)) is not None)
        source = self.completed(on.source)
        is_whole = bool(bodies) and len(bodies) == len(on.bodies)
        on = replace(on, bodies=bodies, source=source) if is_whole and source is not None else self.first_transfer()
        return replace(state, explore=now, interpolate=way, transfer=on)

    def _frames_of(self, identity: int) -> list[int]:
        """Rows of the pose codes of an identity; none where the model has no poses."""
        return self.model.frames_of(identity) if self.model.has_pose else []

    def _with(self, now: Exploration, space: Space, code: Tensor, name: str) -> Exploration:
        values: Code = tuple(code.detach().cpu().tolist())
        if space == "shape":
            return replace(now, shape=values, shape_name=name, identity=None)
        return replace(now, pose=values, pose_name=name, row=None)


@lru_cache(maxsize=256)
def tensor_of(code: Code) -> Tensor:
    """``code`` as a tensor (C,), the same one each time while it is in use; nobody changes it."""
    return torch.tensor(code)


def codes_of(now: Exploration) -> Codes:
    """What the decoders need for ``now``."""
    return Codes(tensor_of(now.shape), None if now.pose is None else tensor_of(now.pose))


def clip_of(model: NeuralParametricModel, row: int) -> list[int]:
    """Rows of the training sequence that the frame ``row`` is part of, in its order."""
    frames = model.info.frames
    wanted = frames[row]
    return [other for other in model.frames_of(wanted.identity) if frames[other].sequence == wanted.sequence]


def posture_of(model: NeuralParametricModel, row: int | None) -> str:
    """What the pose of a ``row`` of the pose codes is called; None is the canonical pose."""
    if row is None:
        return "Canonical pose"
    number = clip_of(model, row).index(row) + 1  # as the timeline counts
    return f"{pretty(model.info.frames[row].sequence)}, frame {number}"


def pretty(name: str) -> str:
    """``name`` with spaces for underscores and a capital first letter."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
