"""What is evaluated, and its frames side by side with the true ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.evaluate.measures import MovingSurface
from engine.geometry.camera import PinholeCamera, transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.similarity import Similarity
from engine.sequences.joining import JoinedFrames
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.truth import Truth


@dataclass(frozen=True, eq=False)
class CameraPath:
    """The camera that recorded a sequence."""

    camera: PinholeCamera
    camera_to_world: NDArray[np.float64]
    """(F, 4, 4), a pose for each frame of the prediction."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted meshes, and what else is known of them."""

    meshes: MeshSequence
    """Metres."""
    canonical: Mesh | None = None
    """The surface in the canonical pose, metres, with the faces of ``meshes``."""
    camera: CameraPath | None = None
    similarity: Similarity | None = None
    """Of the model; for canonical metrics where the truth names none."""
    note: str = ""
    """What was done to the meshes, in a sentence."""
    moved: NDArray[np.float64] | None = None
    """The rigid motion (4, 4), from the world of a run, that this was; None where they stayed."""


class Sides:
    """The joined frames of prediction and truth, in one frame of reference, double precision."""

    def __init__(self, prediction: Prediction, truth: Truth, joined: JoinedFrames) -> None:
        self._prediction, self._truth, self._pairs = prediction, truth, joined.pairs
        self.camera = prediction.camera
        predicted, true = prediction.meshes.frame, truth.meshes.frame
        if predicted != true and self.camera is None:
            what = f"{prediction.meshes.title} and {truth.meshes.title}"
            problem = f"are in {predicted} and {true} axes, and the camera of the recording is not known"
            raise InputError(what, problem, "keep the recording where the fit found it")
        self._moves_truth, self._moves_prediction = predicted == "world" != true, true == "world" != predicted

    def __len__(self) -> int:
        return len(self._pairs)

    def times_s(self) -> NDArray[np.float64]:
        """(F,) as the prediction has them, or else the truth."""
        firsts, seconds = (list(side) for side in zip(*self._pairs, strict=True))
        times_s = self._prediction.meshes.times_s[firsts]
        return times_s if np.isfinite(times_s).all() else self._truth.meshes.times_s[seconds]

    def predicted(self, frame: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Vertices (V, 3) and faces (T, 3)."""
        return self._read(self._prediction.meshes, self._pairs[frame][0], frame, self._moves_prediction)

    def true(self, frame: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Vertices (W, 3) and faces (U, 3)."""
        return self._read(self._truth.meshes, self._pairs[frame][1], frame, self._moves_truth)

    def moving(self, side: Literal["predicted", "true"]) -> MovingSurface:
        """All frames of one side that has one topology."""
        read = self.predicted if side == "predicted" else self.true
        return _Vertices(len(self), read), read(0)[1]

    def pose(self, frame: int) -> NDArray[np.float64]:
        """Of the camera (4, 4), in the common frame of reference."""
        assert self.camera is not None
        in_camera = self._prediction.meshes.frame == self._truth.meshes.frame == "camera"
        return np.eye(4) if in_camera else self.camera.camera_to_world[self._pairs[frame][0]]

    def _read(
        self, meshes: MeshSequence, index: int, frame: int, moves: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        vertices, faces = meshes.read_double(index)
        return (transform_points(self.pose(frame), vertices).astype(np.float64), faces) if moves else (vertices, faces)


class _Vertices:
    """The vertices of one side by joined frame."""

    def __init__(self, count: int, read: Callable[[int], tuple[NDArray[np.float64], NDArray[np.int32]]]) -> None:
        self._count, self._read = count, read

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, frame: int, /) -> NDArray[np.float64]:
        return self._read(frame)[0]
