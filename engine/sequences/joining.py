"""Which frames of two sequences belong together: those of one name, or else of one time; never those of one place."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.sequences.mesh_sequence import MeshSequence, frame_rate_of

TIME_TOLERANCE = 0.25
"""Of the shorter interval between frames: two frames that are further apart in time are not the same one."""


@dataclass(frozen=True)
class JoinedFrames:
    """Pairs of frames, in the order of the first sequence."""

    pairs: tuple[tuple[int, int], ...]
    by: Literal["name", "time"]
    only_first: tuple[str, ...]
    """Frames of the first sequence that the second one lacks."""
    only_second: tuple[str, ...]


def join_frames(first: MeshSequence, second: MeshSequence) -> JoinedFrames:
    """The frames that two sequences have in common, by name, or by time stamp where no name is in both.

    Raises:
        InputError: they have none in common.
    """
    places = {name: index for index, name in enumerate(second.frame_names)}
    pairs = [(index, places[name]) for index, name in enumerate(first.frame_names) if name in places]
    by: Literal["name", "time"] = "name"
    if not pairs:
        pairs, by = _pairs_by_time(first.times_s, second.times_s), "time"
    if not pairs:
        problem = "have no frame names in common, nor times"
        raise InputError(f"{first.title} and {second.title}", problem, "take results of the same sequence")
    lefts, rights = (set(side) for side in zip(*pairs, strict=True))
    return JoinedFrames(
        tuple(pairs),
        by,
        tuple(name for index, name in enumerate(first.frame_names) if index not in lefts),
        tuple(name for index, name in enumerate(second.frame_names) if index not in rights),
    )


def _pairs_by_time(first_s: NDArray[np.float64], second_s: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Frames that are each other's nearest in time, and near enough; unknown times are nobody's."""
    if not (np.isfinite(first_s).any() and np.isfinite(second_s).any()):
        return []
    tolerance = TIME_TOLERANCE / max(frame_rate_of(first_s), frame_rate_of(second_s))
    apart = np.abs(first_s[:, None] - second_s[None])
    apart[np.isnan(apart)] = np.inf
    nearest, back = apart.argmin(axis=1), apart.argmin(axis=0)
    return [
        (index, int(other))
        for index, other in enumerate(nearest)
        if back[other] == index and apart[index, other] <= tolerance
    ]
