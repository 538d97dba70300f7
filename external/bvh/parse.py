"""BVH files: a skeleton (HIERARCHY) and the channel values of its joints over time (MOTION).

The format is Biovision's, as described by Meredith and Maddock, "Motion Capture File Formats Explained" (2001): a
joint's rotation is the product of its rotation channels in the order in which the file lists them, angles in degrees.
The unit of lengths is not stated in such files.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from engine.core.errors import InputError

Array = NDArray[np.float64]

LARGEST_FILE_BYTES = 128 * 2**20
LARGEST_DEPTH = 100
MOST_JOINTS = 1000
_CHANNELS = {f"{axis}{kind}".lower(): (kind, "XYZ".index(axis)) for axis in "XYZ" for kind in ("position", "rotation")}
_CURE = "export the motion again as BVH"


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
class BvhClip:
    """One motion: ``values`` (F, C) are the channels of all joints one after the other."""

    path: Path
    joints: tuple[Joint, ...]
    seconds_per_frame: float
    values: Array

    @cached_property
    def local_rotations(self) -> Array:
        """Rotations (F, J, 3, 3) of the joints relative to their parents."""
        rotations = np.tile(np.eye(3), (len(self.values), len(self.joints), 1, 1))
        column = 0
        for index, joint in enumerate(self.joints):
            for channel in joint.channels:
                kind, axis = _CHANNELS[channel]
                if kind == "rotation":
                    rotations[:, index] = rotations[:, index] @ _turns(axis, np.radians(self.values[:, column]))
                column += 1
        return rotations

    @cached_property
    def world_rotations(self) -> Array:
        """Rotations (F, J, 3, 3) of the joints relative to the skeleton with nothing rotated."""
        world = self.local_rotations.copy()
        for index, joint in enumerate(self.joints):
            if joint.parent >= 0:
                world[:, index] = world[:, joint.parent] @ world[:, index]
        return world

    @cached_property
    def rest_positions(self) -> Array:
        """Positions (J, 3) of the joints with nothing rotated, the root at its offset, in the file's unit."""
        positions = np.array([joint.offset for joint in self.joints], np.float64)
        for index, joint in enumerate(self.joints):
            if joint.parent >= 0:
                positions[index] += positions[joint.parent]
        return positions


def read_bvh(path: Path) -> BvhClip:
    """Read a BVH file: channels in any number and order, one frame per line.

    Raises:
        InputError: the file is missing, too large, truncated or does not follow the format; names the line.
    """
    if not path.is_file():
        raise InputError(path, "no such file")
    size = path.stat().st_size
    if size > LARGEST_FILE_BYTES:
        raise InputError(path, f"is {size / 1e6:.0f} MB large, the most is {LARGEST_FILE_BYTES / 1e6:.0f} MB")
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    words = _Words(path, lines)
    joints = _read_hierarchy(words)
    frames, seconds = _read_header(words, lines)
    values = _read_frames(path, lines, words.line, frames, sum(len(joint.channels) for joint in joints))
    return BvhClip(path, tuple(joints), seconds, values)


class _Words:
    """The words of a file one after the other, and the line of the last one."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path, self.line = path, 0
        self._words = self._split(lines)
        self._next: tuple[int, str] | None = None

    @staticmethod
    def _split(lines: list[str]) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(lines, start=1):
            for word in line.replace("{", " { ").replace("}", " } ").split():
                yield number, word

    def peek(self) -> str:
        if self._next is None:
            self._next = next(self._words, (self.line, ""))
        return self._next[1]

    def take(self) -> str:
        word = self.peek()
        assert self._next is not None
        self.line, self._next = self._next[0], None
        if not word:
            raise self.error("ends in the middle")
        return word

    def expect(self, *wanted: str) -> None:
        word = self.take()
        if word.lower() not in wanted:
            raise self.error(f"has {word[:40]!r} where {wanted[0].upper()} belongs")

    def number(self) -> float:
        return self.to_number(self.take())

    def to_number(self, word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"has {word[:40]!r} where a number belongs")
        return value

    def name(self) -> str:
        """All words up to the next brace: names may hold spaces."""
        parts = []
        while self.peek() not in ("{", ""):
            parts.append(self.take())
        return " ".join(parts)

    def error(self, problem: str) -> InputError:
        return InputError(f"{self.path}:{self.line}", problem, _CURE)


def _read_hierarchy(words: _Words) -> list[Joint]:
    words.expect("hierarchy")
    words.expect("root")
    joints: list[Joint] = []
    open_joints: list[int] = []
    _open_joint(words, joints, open_joints)
    while open_joints:
        word = words.take().lower()
        if word == "joint":
            _open_joint(words, joints, open_joints)
        elif word == "end":
            words.expect("site")
            words.name()
            words.expect("{")
            words.expect("offset")
            end = (words.number(), words.number(), words.number())
            words.expect("}")
            joint = joints[open_joints[-1]]
            joints[open_joints[-1]] = Joint(joint.name, joint.parent, joint.offset, joint.channels, end)
        elif word == "}":
            open_joints.pop()
        else:
            raise words.error(f"has {word[:40]!r} where JOINT, End Site or }} belongs")
    if words.peek().lower() == "root":
        words.take()
        raise words.error("has a second skeleton, which is not supported")
    return joints


def _open_joint(words: _Words, joints: list[Joint], open_joints: list[int]) -> None:
    """Read name, offset and channels of a joint, up to where its children begin."""
    name = words.name()
    if not name:
        raise words.error("has a joint without a name")
    words.expect("{")
    words.expect("offset")
    offset = (words.number(), words.number(), words.number())
    channels: list[str] = []
    if words.peek().lower() == "channels":
        words.take()
        count = words.number()
        if count not in range(7):
            raise words.error(f"gives joint {name[:40]} {count:g} channels, the most are 6")
        channels = [words.take().lower() for _ in range(int(count))]
        if len(set(channels)) < count:
            raise words.error(f"gives joint {name[:40]} the same channel twice")
        for channel in channels:
            if channel not in _CHANNELS:
                raise words.error(f"gives joint {name[:40]} an unknown channel {channel[:40]!r}")
    if len(joints) >= MOST_JOINTS or len(open_joints) >= LARGEST_DEPTH:
        raise words.error(f"has more than {MOST_JOINTS} joints or more than {LARGEST_DEPTH} below each other")
    joints.append(Joint(name, open_joints[-1] if open_joints else -1, offset, tuple(channels), None))
    open_joints.append(len(joints) - 1)


def _read_header(words: _Words, lines: list[str]) -> tuple[int, float]:
    """Number of frames and seconds per frame, each on a line of its own."""

    def read(pattern: str, name: str) -> float:
        while words.line < len(lines) and not lines[words.line].strip():
            words.line += 1
        words.line += 1
        line = lines[words.line - 1].strip() if words.line <= len(lines) else ""
        found = re.fullmatch(pattern + r"\s*:?\s*(\S+)", line, re.IGNORECASE)
        if found is None:
            raise words.error(f"ends or has something else where {name} belongs")
        return words.to_number(found[1])

    words.expect("motion")
    frames = read("frames", "Frames")
    if frames < 1 or frames != int(frames):
        raise words.error(f"declares {frames:g} frames")
    seconds = read(r"frame\s*time", "Frame Time")
    if not 1e-5 < seconds < 100:
        raise words.error(f"declares {seconds:g} seconds per frame")
    return int(frames), seconds


def _read_frames(path: Path, lines: list[str], first: int, frames: int, channels: int) -> Array:
    """Values (F, C) of the lines after line ``first``, which must be as many as declared."""
    numbers = [number for number in range(first, len(lines)) if lines[number].strip()]
    if len(numbers) != frames:
        raise InputError(path, f"declares {frames} frames and holds {len(numbers)}", _CURE)
    if channels == 0:
        raise InputError(path, "has no channels", _CURE)
    values = np.empty((frames, channels))
    for row, number in enumerate(numbers):
        words = lines[number].split()
        if len(words) != channels:
            problem = f"holds {len(words)} values, its skeleton has {channels} channels"
            raise InputError(f"{path}:{number + 1}", problem, _CURE)
        try:
            values[row] = words
        except ValueError:
            raise InputError(f"{path}:{number + 1}", "holds something that is not a number", _CURE) from None
        if not np.isfinite(values[row]).all():
            raise InputError(f"{path}:{number + 1}", "holds a value that is not finite", _CURE)
    return values


def _turns(axis: int, angle: Array) -> Array:
    """Rotation matrices (F, 3, 3) by ``angle`` (F,) in radians about the x, y or z axis."""
    return np.asarray(Rotation.from_euler("xyz"[axis], angle[:, None]).as_matrix())
