"""A clip of motion capture: a skeleton, its channels over time, and forward kinematics."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice

Array = NDArray[np.float64]
Rows = NDArray[np.int64] | slice

CHANNELS = {f"{axis}{kind}".lower(): (kind, "XYZ".index(axis)) for axis in "XYZ" for kind in ("position", "rotation")}


@dataclass(frozen=True)
class Joint:
    """One joint of the skeleton."""

    name: str
    parent: int
    """Index of the parent, -1 for the root; parents come before their children."""
    offset: tuple[float, float, float]
    """From the parent's position, when nothing is rotated, in the file's unit."""
    channels: tuple[str, ...]
    """Such as ``zrotation``, in file order, lower case."""
    end: tuple[float, float, float] | None
    """Offset of the end site, where the joint has one."""


@dataclass(frozen=True, eq=False)
class Posed:
    """What forward kinematics says of some frames."""

    rotations: Array
    """(F, J, 3, 3) of the joints, in the axes of the file."""
    positions: Array
    """(F, J, 3) in the file's unit."""


@dataclass(frozen=True, eq=False)
class BvhClip:
    """One motion: ``values`` (F, C) are the channels of all joints one after the other."""

    path: Path
    joints: tuple[Joint, ...]
    seconds_per_frame: float
    values: Array
    notices: tuple[Notice, ...] = ()
    """What reading had to put right or assume."""

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Indices of the children of each joint."""
        below: list[list[int]] = [[] for _ in self.joints]
        for index, joint in enumerate(self.joints):
            if joint.parent >= 0:
                below[joint.parent].append(index)
        return tuple(tuple(own) for own in below)

    def ancestors(self, joint: int) -> list[int]:
        """Joints above ``joint``, from its parent to the root."""
        above = []
        while (joint := self.joints[joint].parent) >= 0:
            above.append(joint)
        return above

    @cached_property
    def bone_lengths(self) -> Array:
        """Mean distances (J,) of the joints from their parents, in the file's unit; that of the root is 0."""
        rows = np.unique(np.linspace(0, len(self.values) - 1, 100).astype(np.int64))
        lengths = np.linalg.norm(self._local(self.values[rows])[1], axis=2).mean(axis=0)
        return np.where([joint.parent >= 0 for joint in self.joints], lengths, 0.0)

    def visible_children(self, joint: int) -> list[int]:
        """The joints below ``joint``, of those at the very same place their children."""
        found: list[int] = []
        for child in self.children[joint]:
            found += [child] if self._is_visible(self.bone_lengths[child]) else self.visible_children(child)
        return found

    def end_of(self, joint: int) -> Array | None:
        """The offset (3,) of a joint's end site, None where it has none of any length."""
        end = self.joints[joint].end
        return np.array(end) if end is not None and self._is_visible(np.linalg.norm(end)) else None

    def _is_visible(self, length: np.floating[Any]) -> bool:
        return bool(length > 1e-3 * self.bone_lengths.max())

    @cached_property
    def local_rotations(self) -> Array:
        """Rotations (F, J, 3, 3) of the joints relative to their parents."""
        return self._local(self.values)[0]

    @cached_property
    def world_rotations(self) -> Array:
        """Rotations (F, J, 3, 3) of the joints in the axes of the file."""
        return self.posed().rotations

    def posed(self, rows: Rows = slice(None)) -> Posed:
        """Rotations and positions of the joints in the frames ``rows``.

        A joint's position channels stand for its offset, except where they are 0 throughout and the offset is not:
        then they are what is added to it. Both are in use.
        """
        rotations, translations = self._local(self.values[rows])
        positions = np.empty_like(translations)
        for index, joint in enumerate(self.joints):
            if joint.parent < 0:
                positions[:, index] = translations[:, index]
            else:
                above = rotations[:, joint.parent]
                rotations[:, index] = above @ rotations[:, index]
                offset = np.einsum("fij,fj->fi", above, translations[:, index])
                positions[:, index] = positions[:, joint.parent] + offset
        return Posed(rotations, positions)

    def _local(self, values: Array) -> tuple[Array, Array]:
        """Rotations (F, J, 3, 3) and translations (F, J, 3) relative to the parents."""
        rotations = np.tile(np.eye(3), (len(values), len(self.joints), 1, 1))
        translations = np.tile(np.array([joint.offset for joint in self.joints], np.float64), (len(values), 1, 1))
        column = 0
        for index, joint in enumerate(self.joints):
            moves = [c for c, name in enumerate(joint.channels, start=column) if CHANNELS[name][0] == "position"]
            is_moved = bool(moves) and bool(np.any(self.values[:, moves]))
            for channel in joint.channels:
                kind, axis = CHANNELS[channel]
                if kind == "rotation":
                    rotations[:, index] = rotations[:, index] @ turns_about(axis, np.radians(values[:, column]))
                elif is_moved:
                    translations[:, index, axis] = values[:, column]
                column += 1
        return rotations, translations


def turns_about(axis: int, angle: Array) -> Array:
    """Rotation matrices (F, 3, 3) by ``angle`` (F,) in radians about the x, y or z axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turns = np.zeros((len(angle), 3, 3))
    turns[:, axis, axis] = 1.0
    turns[:, i, i] = turns[:, j, j] = np.cos(angle)
    turns[:, j, i] = np.sin(angle)
    turns[:, i, j] = -turns[:, j, i]
    return turns
