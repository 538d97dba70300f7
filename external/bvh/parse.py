"""BVH files: a skeleton (HIERARCHY) and the channel values of its joints over time (MOTION).

The format is Biovision's, as described by Meredith and Maddock, "Motion Capture File Formats Explained" (2001): a
joint's rotation is the product of its rotation channels in the order in which the file lists them, angles in degrees.
The unit of lengths is not stated in such files.
"""

import re
from pathlib import Path

import numpy as np

from engine.core.errors import InputError, Notice, Remedy
from engine.core.text_file import number, numbers, read_text
from external.bvh.clip import CHANNELS, Array, BvhClip, Joint
from external.bvh.file_words import EXPORT_AGAIN, LARGEST_NUMBER, Words

LARGEST_FILE_BYTES = 128 * 2**20
LARGEST_DEPTH = 100
MOST_JOINTS = 1000
ASSUMED_SECONDS = 1 / 30
"""Per frame, where a file says 0."""


def read_bvh(path: Path) -> BvhClip:
    """Read a BVH file: channels in any number and order, one frame per line.

    A file that holds more frames than it declares, or at least half of them, is taken as it is; a last line that is
    cut off is left out, and a time of 0 per frame taken for `ASSUMED_SECONDS`. `BvhClip.notices` say so.

    Raises:
        InputError: the file is missing, too large, truncated or does not follow the format; names the line.
    """
    if not path.is_file():
        raise InputError(path, "no such file")
    size = path.stat().st_size
    if size > LARGEST_FILE_BYTES:
        raise InputError(path, f"is {size / 1e6:.0f} MB large, the most is {LARGEST_FILE_BYTES / 1e6:.0f} MB")
    lines = read_text(path, EXPORT_AGAIN).splitlines()
    words = Words(path, lines)
    joints = _read_hierarchy(words)
    frames, seconds = _read_header(words, lines)
    notices = []
    if seconds == 0:
        seconds = ASSUMED_SECONDS
        notices.append(
            Notice(
                f"{path.name}: declares 0 seconds per frame, taken for {1 / seconds:.0f} frames per second",
                Remedy("if it is another rate, correct the line 'Frame Time' of the file"),
            )
        )
    values, found = _read_frames(path, lines, words.line, frames, sum(len(joint.channels) for joint in joints))
    return BvhClip(path, tuple(joints), seconds, values, (*notices, *found))


def _read_hierarchy(words: Words) -> list[Joint]:
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


def _open_joint(words: Words, joints: list[Joint], open_joints: list[int]) -> None:
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
            if channel not in CHANNELS:
                raise words.error(f"gives joint {name[:40]} an unknown channel {channel[:40]!r}")
    if len(joints) >= MOST_JOINTS or len(open_joints) >= LARGEST_DEPTH:
        raise words.error(f"has more than {MOST_JOINTS} joints or more than {LARGEST_DEPTH} below each other")
    joints.append(Joint(name, open_joints[-1] if open_joints else -1, offset, tuple(channels), None))
    open_joints.append(len(joints) - 1)


def _read_header(words: Words, lines: list[str]) -> tuple[int, float]:
    """Number of frames and seconds per frame, each on a line of its own."""

    def read(pattern: str, name: str) -> float:
        while words.line < len(lines) and not lines[words.line].strip():
            words.line += 1
        words.line += 1
        line = lines[words.line - 1].strip() if words.line <= len(lines) else ""
        found = re.fullmatch(pattern + r"\s*:?\s*(\S+)", line, re.IGNORECASE)
        if found is None:
            raise words.error(f"ends or has something else where {name} belongs")
        return words.finite(found[1])

    words.expect("motion")
    frames = read("frames", "Frames")
    if frames < 1 or frames != int(frames):
        raise words.error(f"declares {frames:g} frames")
    seconds = read(r"frame\s*time", "Frame Time")
    if seconds != 0 and not 1e-5 < seconds < 100:
        raise words.error(f"declares {seconds:g} seconds per frame")
    return int(frames), seconds


def _read_frames(path: Path, lines: list[str], first: int, frames: int, channels: int) -> tuple[Array, list[Notice]]:
    """Values (F, C) of the lines after line ``first``, and how they are not as declared."""
    if channels == 0:
        raise InputError(path, "has no channels", EXPORT_AGAIN)
    rows = [row for row in range(first, len(lines)) if lines[row].strip()]
    notices = []
    if len(rows) > 1 and len(_numbers(lines[rows[-1]])) < channels:
        notices.append(Notice(f"{path.name}: its last frame is cut off and left out"))
        rows.pop()
    if 2 * len(rows) < frames or not rows:
        raise InputError(path, f"declares {frames} frames and holds {len(rows)}", EXPORT_AGAIN)
    if len(rows) != frames:
        notices.append(Notice(f"{path.name}: declares {frames} frames and holds {len(rows)}, which are taken"))
    values = np.empty((len(rows), channels))
    for frame, row in enumerate(rows):
        found = _numbers(lines[row])
        if len(found) != channels:
            problem = f"holds {len(found)} values, its skeleton has {channels} channels"
            raise InputError(f"{path}:{row + 1}", problem, EXPORT_AGAIN)
        values[frame] = found
        if not np.isfinite(values[frame]).all():
            raise InputError(f"{path}:{row + 1}", "holds something that is not a finite number", EXPORT_AGAIN)
    if np.abs(values).max() > LARGEST_NUMBER:
        raise InputError(path, f"holds values above {LARGEST_NUMBER:g}, which no motion has", EXPORT_AGAIN)
    return values, notices


def _numbers(line: str) -> list[float]:
    """The numbers of a line, apart by blanks, commas or semicolons; NaN for a word where it holds others."""
    words = line.split()
    try:
        return [float(word) for word in words]
    except ValueError:
        found = numbers(line)
        return [number(word) for word in words] if found is None else found
