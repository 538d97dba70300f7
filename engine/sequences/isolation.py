"""Separating the subject of a depth recording from what stands around it."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError, Notice, Setting, remedy
from engine.core.progress import Progress
from engine.geometry.camera import transform_points
from engine.geometry.depth import point_image
from engine.sequences.camera_path import stands_still
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.empty_frames import settle_empty
from engine.sequences.masks import Masks
from engine.sequences.planes import Plane, background_planes, thickness, to_first_camera

_RANGE_REMEDY = remedy("correct {}", Setting.DEPTH_RANGE)
MAX_GAP = 0.04
"""Of the nearer depth: neighbouring pixels whose depths differ by more belong to different things, whatever their size.
For a person at two and a half metres this is a decimetre."""


@dataclass(frozen=True)
class Isolation:
    """What belongs to the subject; every condition that is given must hold."""

    near_m: float | None = None
    far_m: float | None = None
    """Range of depth, metres."""
    masks: Path | None = None
    """Folder with a PNG per frame: of the frame's name, or as many as frames; see `engine.sequences.masks`."""
    remove_planes: bool = False
    """Whether floor and walls, and what lies behind them, go away."""
    largest_component: bool = False
    """Whether only the largest connected surface stays."""

    def __bool__(self) -> bool:
        return self != Isolation()


class Isolator:
    """Says for each frame of a sequence which pixels belong to the subject; looks at the room once, when made.

    Raises:
        InputError: the depth range is empty or a mask is missing.
    """

    def __init__(self, sequence: DepthSequence, isolation: Isolation) -> None:
        check_range(isolation)
        self.sequence, self.isolation = sequence, isolation
        self._still = stands_still(sequence.cameras_to_world)
        self.planes: tuple[Plane, ...] = background_planes(sequence) if isolation.remove_planes else ()
        self.masks = None if isolation.masks is None else Masks(isolation.masks, sequence.frame_names)

    def __call__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Depth (H, W) of one frame as recorded, metres, and the pixels (H, W) that are kept.

        Raises:
            InputError: the frame or its mask cannot be read.
        """
        depth = self.sequence.depth_m(index)
        kept = within_range(depth, self.isolation)
        if self.masks is not None:
            kept &= self.masks(index, depth.shape)
        if self.planes:
            points = point_image(depth, self.sequence.camera)
            if not self._still:
                points = transform_points(to_first_camera(self.sequence, index), points)
            with np.errstate(invalid="ignore"):
                for plane in self.planes:
                    kept &= plane.height(points) > thickness(depth)
        if self.isolation.largest_component:
            focal = self.sequence.camera.fx * self.sequence.camera.fy
            kept = largest_component(depth, kept, depth * depth / focal)
        return depth, kept


def isolate(sequence: DepthSequence, isolation: Isolation, progress: Progress | None = None) -> DepthSequence:
    """``sequence`` with everything but the subject invalid.

    Frames of which nothing is left stay between others, and are left out before the first and after the last one that
    shows the subject. Each frame is looked at once; what is kept is remembered as a compressed mask of some kilobytes.

    Raises:
        InputError: nothing is left of any frame, or a mask is missing.
        Cancelled: ``progress`` asked to stop.
    """
    if not isolation:
        return sequence
    progress = progress or Progress()
    isolator = Isolator(sequence, isolation)
    masks: list[bytes] = []
    empty: set[int] = set()
    fractions: list[float] = []
    progress.stage("isolating the subject", len(sequence))
    for index in range(len(sequence)):
        if progress.cancelled():
            raise Cancelled
        depth, kept = isolator(index)
        masks.append(packed(kept))
        if kept.any():
            fractions.append(float(kept.sum() / (depth > 0).sum()))
        else:
            empty.add(index)
        progress.advance(index + 1)
    if not fractions:
        parts = (Setting.DEPTH_RANGE, Setting.MASKS, Setting.REMOVE_PLANES)
        fix = remedy("widen {}, check {}, or leave out {}", *parts)
        raise InputError(sequence.root, "nothing is left of any frame after isolating the subject", fix)
    frames, said = settle_empty(range(len(sequence)), empty, sequence.frame_names, " of the subject")
    warnings = [*sequence.warnings, *said]
    if isolation.remove_planes and not isolator.planes:
        warnings.append(Notice("no floor or wall was found to remove"))
    found = ", by the alpha channel of the masks" if isolator.masks is not None and isolator.masks.by_alpha else ""
    found += f", {len(isolator.planes)} planes removed" if isolation.remove_planes else ""
    return replace(
        masked(sequence.subset(frames), [masks[frame] for frame in frames]),
        origin=f"{sequence.origin}; subject isolated ({np.mean(fractions):.0%} of the pixels kept{found})",
        warnings=tuple(warnings),
    )


def check_range(isolation: Isolation) -> None:
    """Refuse a range of depth that nothing lies in.

    Raises:
        InputError: its ends are no distances, or in the wrong order.
    """
    near, far = isolation.near_m, isolation.far_m
    if any(value is not None and not (np.isfinite(value) and value >= 0) for value in (near, far)):
        raise InputError("depth range", "must be metres, 0 or more", _RANGE_REMEDY)
    if near is not None and far is not None and near >= far:
        raise InputError("depth range", f"is empty: {near:g} to {far:g} m", _RANGE_REMEDY)


def check_live(isolation: Isolation, source: str) -> None:
    """Refuse what needs a whole recording: of a live ``source`` the range of depth alone is known beforehand.

    Raises:
        InputError: more is asked for, or the range is empty.
    """
    check_range(isolation)
    if isolation.masks is not None:
        problem = "masks belong to the frames of a recording, and this one is live"
        raise InputError(source, problem, remedy("leave out {}", Setting.MASKS))
    if isolation.remove_planes or isolation.largest_component:
        problem = "floor and walls are found by looking through a whole recording, and this one is live"
        raise InputError(source, problem, remedy("give {} instead", Setting.DEPTH_RANGE))


def within_range(depth_m: NDArray[np.float32], isolation: Isolation) -> NDArray[np.bool_]:
    """The pixels (H, W) of ``depth_m`` (H, W) that are valid and in the range of depth."""
    kept = depth_m > 0
    if isolation.near_m is not None:
        kept &= depth_m >= isolation.near_m
    if isolation.far_m is not None:
        kept &= depth_m <= isolation.far_m
    return kept


def packed(mask: NDArray[np.bool_]) -> bytes:
    """``mask`` (H, W) in some kilobytes."""
    return zlib.compress(np.packbits(mask).tobytes(), 1)


def masked(sequence: DepthSequence, masks: Sequence[bytes]) -> DepthSequence:
    """``sequence`` with everything invalid but the pixels of ``masks``, one of each frame; see `packed`."""
    assert len(masks) == len(sequence), (len(masks), len(sequence))

    def read(index: int) -> NDArray[np.float32]:
        depth = sequence.read_frame(index)
        bits = np.frombuffer(zlib.decompress(masks[index]), np.uint8)
        kept = np.unpackbits(bits, count=depth.size).reshape(depth.shape).astype(bool)
        return np.where(kept, depth, np.float32(0))

    return replace(sequence, read_frame=read, scene=sequence.scene or sequence)


def largest_component(
    depth_m: NDArray[np.float32],
    kept: NDArray[np.bool_],
    area: NDArray[np.floating[Any]],
    max_gap: float = MAX_GAP,
) -> NDArray[np.bool_]:
    """Of the pixels ``kept`` (H, W), the connected ones with the largest sum of ``area`` (H, W).

    Neighbours to the right and below are connected where their depths (H, W) differ by at most ``max_gap`` of the
    smaller one.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not kept.any():
        return kept
    number = np.full(kept.shape, -1, np.int32)
    number[kept] = np.arange(int(kept.sum()))
    pairs = []
    for here, there in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        one, other = depth_m[here], depth_m[there]
        joined = kept[here] & kept[there] & (np.abs(one - other) <= max_gap * np.minimum(one, other))
        pairs.append(np.stack([number[here][joined], number[there][joined]]))
    row, column = np.concatenate(pairs, axis=1)
    count = int(kept.sum())
    graph = coo_array((np.ones(len(row), np.bool_), (row, column)), (count, count))
    _, labels = connected_components(graph, directed=False)
    sizes = np.bincount(labels, area[kept])
    result = np.zeros_like(kept)
    result[kept] = labels == sizes.argmax()
    return result
