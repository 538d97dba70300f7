"""How far observed points are from the fitted mesh, measured in the background, one frame after the other."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.comparison.colour_scale import round_scale
from engine.core.errors import InputError
from engine.geometry.mesh import Mesh
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.session.document.observation import Observation
from npm_studio.session.jobs.board import JobBoard
from npm_studio.views.scene import DISTANCE_COLOURS, colours_of
from npm_studio.views.viewport import Viewport

_NEAR_MM = 100.0
"""Distance up to which points decide where the colour scale ends."""


def distances_mm(points: NDArray[np.float32], mesh: Mesh) -> NDArray[np.float32]:
    """Distance (P,) in mm of ``points`` (P, 3) to ``mesh``; of those far from its box, that to the box.

    The room around a subject has a hundred times its points, and is as far as the colours go in any case.
    """
    from engine.geometry.signed_distance import unsigned_distance

    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    result: NDArray[np.float32] = 1000 * np.linalg.norm(np.maximum(low - points, np.maximum(points - high, 0)), axis=1)
    near = result < _NEAR_MM
    result[near] = 1000 * unsigned_distance(points[near], mesh.vertices, mesh.faces)
    return result


class PointErrors:
    """Distances for one observation and the meshes of one run at a time."""

    def __init__(self, jobs: JobBoard, changed: Callable[[], None], failed: Callable[[Exception, str], None]) -> None:
        """``changed`` is called when a frame has been measured."""
        self._jobs, self._changed, self._failed = jobs, changed, failed
        self._observation: Observation | None = None
        self._meshes: MeshSequence | None = None
        self._known: dict[int, NDArray[np.float32]] = {}
        self._waiting: int | None = None
        self.limit_mm = 1.0
        """Where a colour scale ends: a round figure from the first frame."""

    def draw(
        self,
        view: Viewport,
        observation: Observation,
        meshes: MeshSequence,
        frame: int,
        near: NDArray[np.bool_],
    ) -> None:
        """Colour the observed points of ``frame`` by their distance; until that is measured they are all alike.

        Args:
            near: (P,) those to be shown
        """
        errors = self.of(observation, meshes, frame)
        points, limit = observation.frame(frame).points_world, self.limit_mm
        title = "Distance to the fitted mesh" if errors is not None else "Measuring the distance to the mesh…"
        values = np.zeros(len(points), np.float32) if errors is None else errors
        view.points.show(points[near], values[near], (0.0, limit), DISTANCE_COLOURS)
        view.colour_bar.set_scale(title, 0.0, limit, "mm", colours_of(DISTANCE_COLOURS))

    def of(self, observation: Observation, meshes: MeshSequence, frame: int) -> NDArray[np.float32] | None:
        """Distance (P,) in mm of each observed point of ``frame`` to the mesh; None until it is measured."""
        if observation is not self._observation or meshes is not self._meshes:
            self._observation, self._meshes = observation, meshes
            self._known, self._waiting = {}, None
        if self._waiting is None:
            unknown = ((frame + step) % len(observation) for step in range(len(observation)))
            self._waiting = next(filter(self._measure, unknown), None)
        return self._known.get(frame)

    def _measure(self, frame: int) -> bool:
        """Begin with ``frame``; False when there is nothing to do."""
        assert self._observation is not None and self._meshes is not None
        observation, meshes = self._observation, self._meshes
        name = observation.sequence.frame_names[frame]
        index = meshes.index_of(name)
        if frame in self._known or index is None:
            return False
        try:
            points = observation.frame(frame).points_world
            if not len(points):
                return False
            mesh = meshes.read(index)
        except InputError:  # named when it comes on show
            return False
        self._jobs.submit(
            "measure",
            lambda _: distances_mm(points, mesh),
            finished=lambda result: self._take(meshes, frame, result),
            failed=self._failed,
            stopped=lambda: self._stop(meshes),
        )
        return True

    def _take(self, meshes: MeshSequence, frame: int, result: object) -> None:
        if meshes is not self._meshes:
            return
        assert isinstance(result, np.ndarray)
        if not self._known:
            near = result[result < _NEAR_MM]  # and not the room around the subject
            self.limit_mm = round_scale(float(np.percentile(near, 95))) if len(near) else _NEAR_MM
        self._known[frame], self._waiting = result, None
        self._changed()

    def _stop(self, meshes: MeshSequence) -> None:
        if meshes is self._meshes:
            self._waiting = None
