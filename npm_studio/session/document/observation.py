"""A depth sequence as it is shown: points with their depth, some frames kept in memory."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.progress import Progress
from engine.geometry.camera import transform_points
from engine.geometry.depth import point_image
from engine.methods.run import Run
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.opening import open_recording, subject_of
from engine.sequences.reader import registered_readers

_BYTES_IN_MEMORY = 2**29
_FRAMES_FOR_RANGE, _POINTS_FOR_RANGE = 8, 20_000
_AROUND_MESH, _ABOVE_FLOOR = 0.15, 0.01
"""Of the diagonal of a mesh: how far from its box points are still those of the subject, which it may have missed,
and how far above its lowest vertex, where the floor may be, they are again."""


@dataclass(frozen=True, eq=False)
class ObservedFrame:
    """What the camera saw in one frame."""

    points_world: NDArray[np.float32]
    """(P, 3) metres"""
    depth_m: NDArray[np.float32]
    """(P,) distance along the viewing direction"""
    removed_world: NDArray[np.float32]
    """(Q, 3) metres, what the camera saw around the subject"""

    @property
    def nbytes(self) -> int:
        return self.points_world.nbytes + self.depth_m.nbytes + self.removed_world.nbytes


class Observation:
    """Frames of a depth sequence, decoded when asked for; for use by one thread."""

    def __init__(
        self,
        sequence: DepthSequence,
        scene: DepthSequence | None = None,
        capture: CaptureOptions = AS_RECORDED,
        model: NeuralParametricModel | None = None,
    ) -> None:
        """
        Args:
            scene: the recording before the subject was isolated; ``sequence`` when absent.
            capture: how the recording was opened.
            model: for which its camera was placed.
        """
        self.sequence, self.scene, self.capture = sequence, scene or sequence, capture
        self._model = model
        self._frames: OrderedDict[int, ObservedFrame] = OrderedDict()
        self._held = 0
        picks = np.unique(np.linspace(0, len(sequence) - 1, _FRAMES_FOR_RANGE).astype(int))
        self.picks = (*picks.tolist(), *self.sequence.first_seen())
        """Frames that stand for all."""
        frames = [self.frame(index) for index in self.picks]
        points = np.concatenate([frame.points_world for frame in frames])
        self.depth_range: tuple[float, float] = range_of(np.concatenate([frame.depth_m for frame in frames]))
        """Depths (m) between which nearly all points of the sequence lie."""
        self.colour_range = self.depth_range
        """Those that colours span in all frames: of the subject, where somebody has found it."""
        self.bounds: NDArray[np.float32] = np.percentile(points, [0.5, 99.5], axis=0).astype(np.float32)
        """(2, 3) lowest and highest corner of nearly all points, metres."""

    def __len__(self) -> int:
        return len(self.sequence)

    def frame(self, index: int) -> ObservedFrame:
        """One frame.

        Raises:
            InputError: its image is damaged.
        """
        if index not in self._frames:
            points = self.sequence.points_world(index)
            pose = self.sequence.camera_at(index)
            depth = (points - pose[:3, 3].astype(np.float32)) @ pose[:3, 2].astype(np.float32)
            self._frames[index] = ObservedFrame(points, depth, self._removed(index))
            self._held += self._frames[index].nbytes
        self._frames.move_to_end(index)
        while self._held > _BYTES_IN_MEMORY and len(self._frames) > 1:
            self._held -= self._frames.popitem(last=False)[1].nbytes
        return self._frames[index]

    def depth_range_in(self, boxes: Mapping[int, NDArray[np.floating]]) -> tuple[float, float]:
        """`colour_range` of what is around a subject, whose ``boxes`` (2, 3) in some frames these are.

        Raises:
            InputError: an image is damaged.
        """
        depths = [np.empty(0, np.float32)]
        for index, box in boxes.items():
            frame = self.frame(index)
            some = slice(None, None, len(frame.depth_m) // _POINTS_FOR_RANGE + 1)
            depths.append(frame.depth_m[some][is_around(frame.points_world[some], box)])
        return range_of(np.concatenate(depths)) if any(map(len, depths)) else self.colour_range

    def forget_frames(self) -> None:
        """Let go of decoded frames, where others hold the recording and nobody shows it; `frame` decodes them again."""
        self._frames.clear()
        self._held = 0

    def is_placed_for(self, model: NeuralParametricModel) -> bool:
        """Whether its camera is where the recording says, or else where the subject is as ``model`` expects it."""
        from engine.sequences.placement import states_pose

        return states_pose(self.scene) or self._model is model

    def _removed(self, index: int) -> NDArray[np.float32]:
        if not self.capture.isolation:
            return np.empty((0, 3), np.float32)
        depth = self.scene.depth_m(self.scene.frame_names.index(self.sequence.frame_names[index]))
        depth = np.where(self.sequence.depth_m(index) > 0, np.float32(0), depth)
        points = point_image(depth, self.sequence.camera)
        return transform_points(self.sequence.camera_at(index), points[points[..., 2] > 0])


def open_observation(
    path: Path,
    capture: CaptureOptions = AS_RECORDED,
    model: NeuralParametricModel | None = None,
    progress: Progress | None = None,
) -> Observation:
    """Open a depth sequence or a foreign recording for showing.

    Args:
        capture: how to open it.
        model: for which the subject is placed, where the recording does not say where the camera is.

    Raises:
        InputError: it cannot be used.
        Cancelled: ``progress`` asked to stop.
    """
    scene = open_recording(path, registered_readers(), capture, progress)
    return observation_in(scene, capture, model, progress)


def observation_of_run(
    run: Run, model: NeuralParametricModel | None = None, progress: Progress | None = None
) -> Observation:
    """What ``run`` was fitted to, with the camera where the fit had it.

    Args:
        model: that of the run, when it is open.

    Raises:
        InputError: it is gone, or cannot be opened any more.
        Cancelled: ``progress`` asked to stop.
    """
    from external.scans import recording_of  # needs Warp, which a window that opens no run can do without at first

    scene, subject = recording_of(run, progress)
    return Observation(subject, scene, run.inputs.capture, model)


def open_again(
    observation: Observation,
    capture: CaptureOptions,
    model: NeuralParametricModel | None = None,
    progress: Progress | None = None,
) -> Observation:
    """The same recording opened in another way; it is read again only if more than its isolation differs.

    Raises:
        InputError: it cannot be opened so, or nothing would be left.
        Cancelled: ``progress`` asked to stop.
    """
    if capture.reading != observation.capture.reading:
        return open_observation(observation.sequence.root, capture, model, progress)
    return observation_in(observation.scene, capture, model, progress)


def observation_in(
    scene: DepthSequence,
    capture: CaptureOptions,
    model: NeuralParametricModel | None = None,
    progress: Progress | None = None,
) -> Observation:
    """The subject of an open recording, isolated, and placed for ``model`` where nothing says where the camera is.

    Raises:
        InputError: nothing is left of it.
        Cancelled: ``progress`` asked to stop.
    """
    from engine.sequences.placement import CameraPlacement, place

    # which of several subjects is found by the model, too
    subject = subject_of(scene, capture if model is not None else replace(capture, subject=None), model, progress)
    if model is None:  # upright and above the ground, until there is a model to place it for
        subject = place(subject, CameraPlacement((0.0, 1.0, 0.0), float("inf")), scene)
    return Observation(subject, scene, capture, model)


def range_of(depth_m: NDArray[np.float32]) -> tuple[float, float]:
    """Between which nearly all of ``depth_m`` (P,) lie."""
    near, far = np.percentile(depth_m, [1, 99]) if len(depth_m) else (0.0, 1.0)
    return float(near), float(max(far, near + 1e-3))


def box_of(vertices: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, 3) lowest and highest corner of ``vertices`` (V, 3)."""
    return np.stack([vertices.min(axis=0), vertices.max(axis=0)])


def is_around(points: NDArray[np.float32], box: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which of ``points`` (P, 3) are at a mesh in ``box`` (2, 3), and not the floor that it stands on."""
    low, high = box
    diagonal = float(np.linalg.norm(high - low))
    low = low - diagonal * np.array([_AROUND_MESH, -_ABOVE_FLOOR, _AROUND_MESH])
    return np.asarray(((points > low) & (points < high + diagonal * _AROUND_MESH)).all(axis=1))
