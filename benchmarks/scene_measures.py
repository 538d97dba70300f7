"""How far a fit is from the truth of a scene, frame by frame, in millimetres of the room."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.comparison.frame_errors import LOST_CORRESPONDENCE_MM, LOST_SURFACE_MM
from engine.core.errors import InputError
from engine.core.files import read_json
from engine.evaluate.correspondence import Correspondences, canonical_correspondences
from engine.evaluate.measures import draw_samples, points_at
from engine.evaluate.prediction import CameraPath, Prediction, Sides
from engine.geometry.camera import transform_points
from engine.geometry.signed_distance import unsigned_distance
from engine.methods.run import Run, canonical_surface
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.joining import join_frames
from engine.sequences.truth import Truth, load_truth
from npm_studio.suites.scenes import COUNTS_FROM

SAMPLES = 5000
"""Points of each surface, whose distances to the other one are exact."""
_ON_FLOOR_M, _STILL_M_PER_S = 0.02, 0.03
"""A point of the true surface stands still on the floor where it is no higher and no faster."""

Placed = tuple[NDArray[np.float32], NDArray[np.float32]]
"""True and fitted positions (P, 3) of the same points of the body, in the room."""


@dataclass(frozen=True, eq=False)
class SceneTruth:
    """A scene on disk: what was true."""

    folder: Path
    about: dict[str, Any]
    """``scene.json``"""
    subjects: tuple[Truth, ...]
    camera_to_room: NDArray[np.float64]
    """(F, 4, 4)"""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def sensor_scale(self) -> float:
        """Measured over true depth of its sensor."""
        return float(self.about["noise"].get("scale", 1.0)) if self.about["noise"] else 1.0

    def counts(self, subject: int) -> NDArray[np.bool_]:
        """(F,) frames in which enough of a subject is in the picture."""
        return np.array(self.about["subjects"][subject]["in_picture"]) >= COUNTS_FROM


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """Of the frames that a run and the truth have in common."""

    frames: NDArray[np.int64]
    """(K,) their numbers in the scene."""
    surface_mm: NDArray[np.float64]
    """(K,) mean of accuracy and completeness."""
    correspondence_mm: NDArray[np.float64]
    """(K,) NaN where the run has no canonical surface."""
    rescaled_surface_mm: NDArray[np.float64]
    """(K,) once the error of the sensor's scale, which no fit can know, is taken out of the fit."""
    rescaled_correspondence_mm: NDArray[np.float64]
    """(K,) likewise"""
    penetration_mm: NDArray[np.float64]
    """(K,) how far the lowest point is below the floor."""
    slide_mm_per_s: NDArray[np.float64]
    """(K,) mean horizontal speed since the last frame of what stands still on the floor in truth; NaN where nothing
    does."""
    height_mm: float
    """Height in the canonical pose less that of the truth; NaN where the run has no canonical surface."""

    @property
    def lost(self) -> NDArray[np.bool_]:
        """(K,)"""
        return (self.surface_mm > LOST_SURFACE_MM) | (self.correspondence_mm > LOST_CORRESPONDENCE_MM)


def load_scene(folder: Path) -> SceneTruth:
    """The truth of the scene in ``folder``.

    Raises:
        InputError: there is none.
    """
    about = read_json(folder / "scene.json", "give the folder of a scene")
    count = len(about["subjects"])
    places = [folder / "truth"] if count == 1 else [folder / "truth" / f"subject_{index}" for index in range(count)]
    poses = np.broadcast_to(np.array(about["camera_to_room"], np.float64), (len(about["times_s"]), 4, 4))
    return SceneTruth(folder, about, tuple(load_truth(place) for place in places), poses)


def scene_folders(folder: Path) -> list[Path]:
    """``folder`` where it is a scene, else those in it.

    Raises:
        InputError: there are none.
    """
    if (folder / "scene.json").is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/scene.json"))
    if not found:
        raise InputError(folder, "holds no scenes", "make some with `npm-studio dataset scene`")
    return found


def frame_errors(run: Run, sequence: DepthSequence, scene: SceneTruth, subject: int, samples: int) -> FrameErrors:
    """Compare a run on ``sequence`` with one of the subjects of its scene; the run is moved by its cameras."""
    truth = scene.subjects[subject]
    assert run.cameras_to_world is not None, run.folder
    path = CameraPath(sequence.camera, run.cameras_to_world)
    prediction = Prediction(run.meshes, canonical_surface(run), path, run.inputs.similarity)
    joined = join_frames(prediction.meshes, truth.meshes)
    sides, pairs = Sides(prediction, truth, joined), _correspondences(prediction, truth)
    generator = np.random.default_rng(0)
    times_s, rows = sides.times_s(), np.array([second for _, second in joined.pairs])
    surface, apart, rescaled, below, slides = [], [], [], [], []
    previous: Placed | None = None
    for place, row in enumerate(rows):
        predicted, true = sides.predicted(place), sides.true(place)
        surface.append(1000 * _surface_distance(predicted, true, samples, generator))
        apart.append(np.nan if pairs is None else 1000 * pairs.errors(*predicted, true[0]).mean())
        to_room = scene.camera_to_room[row] @ np.linalg.inv(sides.pose(place))
        corrected = _rescaled(predicted, sides.pose(place)[:3, 3], scene.sensor_scale)
        far = surface[-1] if corrected is predicted else 1000 * _surface_distance(corrected, true, samples, generator)
        rescaled.append((far, np.nan if pairs is None else 1000 * pairs.errors(*corrected, true[0]).mean()))
        below.append(1000 * max(0.0, -float(transform_points(to_room, predicted[0])[:, 1].min())))
        now = None if pairs is None else _placed(pairs, predicted, true[0], to_room)
        slide = np.nan
        if previous is not None and now is not None and row == rows[place - 1] + 1:
            slide = 1000 * _slide(previous, now, times_s[place] - times_s[place - 1])
        slides.append(slide)
        previous = now
    rescaled_surface, rescaled_apart = np.array(rescaled).T
    return FrameErrors(
        rows,
        np.array(surface),
        np.array(apart),
        rescaled_surface,
        rescaled_apart,
        np.array(below),
        np.array(slides),
        _height_error(prediction, truth),
    )


def _rescaled(
    surface: tuple[NDArray[np.float64], NDArray[np.int32]], camera: NDArray[np.float64], scale: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """``surface`` as it would be seen from ``camera`` (3,) by a sensor without its error of ``scale``."""
    if scale == 1:
        return surface
    vertices, faces = surface
    return camera + (vertices - camera) / scale, faces


def _correspondences(prediction: Prediction, truth: Truth) -> Correspondences | None:
    if prediction.canonical is None or truth.canonical is None:
        return None
    return canonical_correspondences(truth.canonical, prediction.canonical)


def _surface_distance(
    predicted: tuple[NDArray[np.float64], NDArray[np.int32]],
    true: tuple[NDArray[np.float64], NDArray[np.int32]],
    samples: int,
    generator: np.random.Generator,
) -> float:
    """Mean of the mean distances in both directions, metres."""
    there, back = (
        unsigned_distance(draw_samples(*one, samples, generator)[0], *other).mean()
        for one, other in ((predicted, true), (true, predicted))
    )
    return float(there + back) / 2


def _placed(
    pairs: Correspondences,
    predicted: tuple[NDArray[np.float64], NDArray[np.int32]],
    true: NDArray[np.float64],
    to_room: NDArray[np.float64],
) -> Placed:
    fitted = points_at(*predicted, (pairs.triangles, pairs.barycentric))
    return transform_points(to_room, true[pairs.of]), transform_points(to_room, fitted)


def _slide(before: Placed, now: Placed, seconds: float) -> float:
    """Mean horizontal speed of fitted points whose true ones stand still on the floor, metres per second."""
    (true_before, placed_before), (true, placed) = before, now
    low = (true_before[:, 1] < _ON_FLOOR_M) & (true[:, 1] < _ON_FLOOR_M)
    still = low & (np.linalg.norm(true - true_before, axis=1) < _STILL_M_PER_S * seconds)
    if not still.any():
        return float("nan")
    return float(np.linalg.norm((placed - placed_before)[still][:, [0, 2]], axis=1).mean() / seconds)


def _height_error(prediction: Prediction, truth: Truth) -> float:
    if prediction.canonical is None or truth.canonical is None:
        return float("nan")
    return 1000 * float(np.ptp(prediction.canonical.vertices[:, 1]) - np.ptp(truth.canonical[:, 1]))
