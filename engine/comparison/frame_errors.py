"""How far each side of a comparison is off, in each frame."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.comparison.comparison import Comparison, distances_mm, is_surface
from engine.comparison.side import Side
from engine.core.errors import Cancelled
from engine.core.progress import ForwardedProgress, Progress
from engine.evaluate.correspondence import Correspondences, corresponding_points
from engine.evaluate.definitions import MetricDefinition
from engine.evaluate.measures import points_at
from engine.geometry.mesh import Mesh
from engine.geometry.mesh_distance import MeshDistance
from engine.geometry.signed_distance import sample_surface
from engine.methods.distances import POINTS, measure, size_of

SAMPLES = 5000
"""Points of each surface, whose distances to the other one are exact."""
LOST_SURFACE_MM, LOST_CORRESPONDENCE_MM = 40.0, 100.0
"""A frame that is farther from the truth is lost."""

AGAINST_TRUTH = (
    MetricDefinition("surface_mm", "Surface", "mm", "lower", "Mean of accuracy and completeness."),
    MetricDefinition(
        "accuracy_mm",
        "Accuracy",
        "mm",
        "lower",
        f"Mean distance of {SAMPLES} points of the result, spread evenly, to the true surface.",
    ),
    MetricDefinition(
        "completeness_mm",
        "Completeness",
        "mm",
        "lower",
        f"Mean distance of {SAMPLES} points of the true surface, spread evenly, to the result.",
    ),
    MetricDefinition(
        "correspondence_mm",
        "Correspondence",
        "mm",
        "lower",
        "Mean distance of a true vertex to the point of the result that is the same place on the subject.",
    ),
)
AGAINST_OBSERVATION = (
    MetricDefinition(
        "seen_mm",
        "Seen",
        "mm",
        "lower",
        f"Mean distance of {POINTS} pixels of what was seen to the result, each cut off at a tenth of the size of the "
        "subject, the same for all results.",
    ),
    MetricDefinition(
        "unseen",
        "Unseen",
        "1",
        "lower",
        "Fraction of the result that faces the camera with nothing before it, and has nothing that was seen within a "
        "tenth of the size of the subject.",
    ),
)


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """Of S sides in F frames."""

    values: Mapping[str, NDArray[np.float64]]
    """(S, F) by the name of a metric that is known of one side at least; NaN where it is not."""
    undefined: Mapping[str, tuple[str, ...]]
    """Why a metric is not known of each of the S sides, empty where it is."""
    lost: NDArray[np.bool_]
    """(S, F) farther from the truth than `LOST_SURFACE_MM` or `LOST_CORRESPONDENCE_MM`; without truth as runs say."""
    lost_known: tuple[bool, ...]
    """(S,) whether anybody can say of a side which of its frames are lost."""

    @property
    def metrics(self) -> tuple[MetricDefinition, ...]:
        """Those that are known of one side at least."""
        return tuple(each for each in (*AGAINST_TRUTH, *AGAINST_OBSERVATION) if each.name in self.values)


def frame_errors(comparison: Comparison, seed: int = 0, progress: Progress | None = None) -> FrameErrors:
    """Measure all frames of ``comparison`` that are known of by the truth, by what was seen, or by both.

    Where the observation is gone, what the runs themselves say of their distance to it is taken.

    Args:
        seed: of the points on the surfaces

    Raises:
        InputError: a file is damaged.
        Cancelled: ``progress`` asked to stop.
    """
    progress = progress or Progress()
    values: dict[str, NDArray[np.float64]] = {}
    undefined: dict[str, tuple[str, ...]] = {}
    if comparison.reference is not None:
        against, undefined["correspondence_mm"] = _against_reference(comparison, seed, progress)
        values |= against
    values |= _against_observation(comparison, progress)
    known = {name: each for name, each in values.items() if np.isfinite(each).any()}
    lost, lost_known = _lost(comparison, known)
    return FrameErrors(known, undefined, lost, lost_known)


def _against_reference(
    comparison: Comparison, seed: int, progress: Progress
) -> tuple[dict[str, NDArray[np.float64]], tuple[str, ...]]:
    """(S, F) by metric, and why each side has no correspondence."""
    count, frames = len(comparison.sides), len(comparison)
    values = {metric.name: np.full((count, frames), np.nan) for metric in AGAINST_TRUTH}
    partners = [_correspondences(side, comparison.reference) for side in comparison.sides]
    to_true, to_sides = MeshDistance(), [MeshDistance() for _ in comparison.sides]
    of_true, of_sides = Samples(seed), [Samples(seed) for _ in comparison.sides]
    progress.stage("compare with the truth", frames)
    for frame in range(frames):
        if progress.cancelled():
            raise Cancelled
        true = comparison.true_mesh(frame)
        points = of_true(true)
        for side in range(count):
            mesh, own = comparison.mesh(side, frame), partners[side]
            there = mean_mm(distances_mm(to_true, of_sides[side](mesh), true))
            back = mean_mm(distances_mm(to_sides[side], points, mesh))
            apart = np.nan
            if isinstance(own, Correspondences) and is_surface(mesh):
                apart = 1000 * float(own.errors(mesh.vertices, mesh.faces, true.vertices).mean())
            for metric, value in zip(AGAINST_TRUTH, ((there + back) / 2, there, back, apart), strict=True):
                values[metric.name][side, frame] = value
        progress.advance(frame + 1)
    return values, tuple("" if isinstance(own, Correspondences) else own for own in partners)


def _correspondences(side: Side, reference: Side | None) -> Correspondences | str:
    assert reference is not None
    for each, what in ((side, "the result"), (reference, "the truth")):
        if not each.meshes.one_topology:
            return f"{what} has other triangles in each frame"
    faces, true_faces = (each.meshes.read(0).faces for each in (side, reference))
    known = None if reference.canonical is None else reference.canonical.vertices
    return corresponding_points(faces, side.canonical, true_faces, known)


def _against_observation(comparison: Comparison, progress: Progress) -> dict[str, NDArray[np.float64]]:
    """(S, F) by metric; of what the runs say where nothing that was seen is at hand."""
    count, frames = len(comparison.sides), len(comparison)
    values = {metric.name: np.full((count, frames), np.nan) for metric in AGAINST_OBSERVATION}
    if comparison.observation is None:
        if all(side.run is not None for side in comparison.sides):
            values["seen_mm"] = np.stack([_said(comparison, side) for side in range(count)])
        return values
    rows = [frame for frame in range(frames) if comparison.observed_index(frame) is not None]
    size_m = max(size_of(side.meshes) for side in comparison.sides)
    for number, side in enumerate(comparison.sides):
        quiet = _OneStage(progress, f"compare {side.name} with what was seen")
        chosen = side.meshes.select(comparison.frames.rows[number].tolist())
        meshes = replace(chosen, frame_names=comparison.frames.names)
        measures = measure(meshes, comparison.observation, rows, quiet, size_m)
        for row, each in zip(rows, measures.frames, strict=True):
            values["seen_mm"][number, row] = np.nan if each.mean_m is None else 1000 * each.mean_m
            values["unseen"][number, row] = np.nan if each.unseen is None else each.unseen
    return values


def _said(comparison: Comparison, side: int) -> NDArray[np.float64]:
    """Mean distances (F,), mm, that a run wrote down when it was fitted."""
    run = comparison.sides[side].run
    assert run is not None
    told = np.array([np.nan if each.mean_distance_mm is None else each.mean_distance_mm for each in run.frames])
    said: NDArray[np.float64] = told[comparison.frames.rows[side]]
    return said


def _lost(
    comparison: Comparison, values: Mapping[str, NDArray[np.float64]]
) -> tuple[NDArray[np.bool_], tuple[bool, ...]]:
    """(S, F) which frames are lost, and of which sides that is known."""
    count, frames = len(comparison.sides), len(comparison)
    if comparison.reference is not None and "surface_mm" in values:
        apart = values.get("correspondence_mm", np.full((count, frames), np.nan))
        surface = values["surface_mm"]
        lost = (surface > LOST_SURFACE_MM) | (apart > LOST_CORRESPONDENCE_MM) | np.isnan(surface)
        return lost, (True,) * count
    lost, known = np.zeros((count, frames), bool), []
    for number, side in enumerate(comparison.sides):
        said = () if side.run is None else side.run.frames
        known.append(any(frame.lost is not None for frame in said))
        if known[-1]:
            lost[number] = np.array([bool(frame.lost) for frame in said])[comparison.frames.rows[number]]
    return lost, tuple(known)


class Samples:
    """Points of meshes, at the same places of all that share one array of triangles."""

    def __init__(self, seed: int) -> None:
        self._seed, self._faces = seed, np.empty((0, 3), np.int32)

    def __call__(self, mesh: Mesh) -> NDArray[np.float64]:
        """(N, 3), none of a mesh that is no surface."""
        if not is_surface(mesh):
            return np.empty((0, 3))
        if self._faces is not mesh.faces:
            generator = np.random.default_rng(self._seed)
            self._places = sample_surface(mesh.vertices, mesh.faces, SAMPLES, generator)
            self._faces = mesh.faces
        return points_at(mesh.vertices, mesh.faces, self._places)


class _OneStage(ForwardedProgress):
    """Calls the stage that others begin by another name, and stops when asked to."""

    def __init__(self, inner: Progress, name: str) -> None:
        super().__init__(inner)
        self._name = name

    def stage(self, name: str, total: int) -> None:
        self._inner.stage(self._name, total)

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        self._inner.advance(done, metrics)
        if self._inner.cancelled():
            raise Cancelled


def mean_mm(values: NDArray[np.float32]) -> float:
    """Of distances (N,), mm; NaN where there are none."""
    return float(values.mean(dtype=np.float64)) if len(values) else np.nan
