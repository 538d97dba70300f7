"""How far the sides of a comparison are off, frame by frame, measured in the background."""

import threading
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.comparison.colour_scale import PERCENTILE, end_of_scale_mm
from engine.comparison.comparison import FARTHEST_M, distances_mm, is_surface
from engine.comparison.frame_errors import LOST_CORRESPONDENCE_MM, LOST_SURFACE_MM, Samples, mean_mm
from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.evaluate.correspondence import Correspondences, same_triangles, vertex_correspondences
from engine.geometry.mesh import Mesh
from engine.geometry.mesh_distance import MeshDistance
from engine.methods.distances import REACH, size_of
from engine.methods.verdict import THRESHOLDS
from npm_studio.session.document.compared_sides import OpenedSide, is_same
from npm_studio.session.document.lineup import Lineup
from npm_studio.session.document.observation import box_of, is_around

_MOST_HELD = 2**28
"""Bytes of values that are kept; figures of all frames are."""
_SCALE_MM = 20.0
"""Before anything is known."""
_QUANTILES = np.linspace(0, 100, 101)


class ErrorKind(Enum):
    """What is measured; the value is what it is called."""

    CORRESPONDENCE = "Correspondence error"
    SURFACE = "Surface distance"
    SEEN = "Distance of what was seen"


@dataclass(frozen=True, eq=False)
class FrameError:
    """One side in one frame."""

    mean_mm: float
    """NaN where it cannot be measured."""
    quantiles_mm: NDArray[np.float64]
    """(101,) of the values that are shown as colours"""
    lost: bool | None
    """None where nobody can say."""


@dataclass(frozen=True)
class SequenceError:
    """One side in all frames that were measured."""

    mean_mm: float
    median_mm: float
    worst_mm: float
    worst_frame: int
    lost: int | None
    frames: int
    """That were measured."""


class SideErrors:
    """Of the sides of ``lineup`` against its reference; filled by `measure` in a background job, read by the window.

    All sides are measured in the same way, so that one scale of colours and one plot hold for all of them: by
    corresponding points where all have the triangles of the reference, by the distance of surfaces else. Against an
    observation it is what was seen that has distances, to each of the sides.
    """

    def __init__(self, lineup: Lineup) -> None:
        """Reads a mesh of each side.

        Raises:
            InputError: it is damaged.
        """
        assert lineup.reference is not None
        self.lineup, self.reference = lineup, lineup.reference
        self.wanted = 0
        """The frame that is measured next."""
        self.compared = tuple(side for side in lineup.sides if side is not self.reference and side.observation is None)
        """The sides that have errors: those with meshes of their own."""
        self._partners = self._corresponding()
        self.kind = (
            ErrorKind.SEEN
            if self.reference.observation is not None
            else ErrorKind.SURFACE
            if self._partners is None
            else ErrorKind.CORRESPONDENCE
        )
        sized = self.compared if self.kind is ErrorKind.SEEN else ()
        self._reach_m = REACH * max((size_of(side.meshes) for side in sized), default=1.0)
        self._meters = {side: MeshDistance() for side in (*self.compared, self.reference)}
        self._samples = {side: Samples(seed=0) for side in self._meters}
        self._figures: dict[tuple[OpenedSide, int], FrameError] = {}
        self._values: dict[tuple[OpenedSide, int], NDArray[np.float32]] = {}
        self._held, self._lock = 0, threading.Lock()

    def take_over(self, before: "SideErrors") -> None:
        """What was measured of the same meshes, which may have been written to another folder since."""
        others = [before.reference, *before.compared]
        sides = [next((o for o in others if is_same(side, o)), None) for side in (self.reference, *self.compared)]
        twins = dict(zip(sides[1:], self.compared, strict=True))
        as_before = self.kind is before.kind and self.lineup.frame_names == before.lineup.frame_names
        if as_before and sides[0] is before.reference and twins.keys() == {*before.compared}:
            with before._lock:
                self._figures = {(twins[side], frame): known for (side, frame), known in before._figures.items()}
                self._values = {(twins[side], frame): known for (side, frame), known in before._values.items()}
                self._held = before._held

    def values_mm(self, side: OpenedSide, frame: int) -> NDArray[np.float32] | None:
        """Of each vertex of ``side`` (V,), or each point that was seen (P,); None until they are measured."""
        with self._lock:
            return self._values.get((side, frame))

    def figure(self, side: OpenedSide, frame: int) -> FrameError | None:
        """None until it is measured, and of a side that is the reference."""
        with self._lock:
            return self._figures.get((side, frame))

    def curve_mm(self, side: OpenedSide) -> NDArray[np.float64]:
        """Mean error (F,) of each frame; NaN where it is not known yet."""
        figures = (self.figure(side, frame) for frame in range(len(self.lineup)))
        return np.array([np.nan if figure is None else figure.mean_mm for figure in figures])

    def of_sequence(self, side: OpenedSide) -> SequenceError | None:
        """Figures over the frames that are known; None where none is."""
        curve = self.curve_mm(side)
        known = np.flatnonzero(np.isfinite(curve))
        if len(known) == 0:
            return None
        lost = [figure.lost for frame in range(len(curve)) if (figure := self.figure(side, frame)) is not None]
        worst = int(np.nanargmax(curve))
        return SequenceError(
            float(curve[known].mean()),
            float(np.median(curve[known])),
            float(curve[worst]),
            worst,
            None if any(each is None for each in lost) else sum(bool(each) for each in lost),
            len(known),
        )

    @property
    def scale_mm(self) -> float:
        """Where the colours end by itself, see `engine.comparison.colour_scale`, by the frames that are known."""
        with self._lock:
            figures = [(side, float(figure.quantiles_mm[PERCENTILE])) for (side, _), figure in self._figures.items()]
        sides = [[end for of, end in figures if of is side and np.isfinite(end)] for side in self.compared]
        return end_of_scale_mm(sides) or _SCALE_MM

    def is_known(self, frame: int) -> bool:
        """Whether all sides have their values in ``frame``."""
        with self._lock:
            return all((side, frame) in self._values for side in self.compared)

    @property
    def is_complete(self) -> bool:
        """Whether all sides have their figures in all frames."""
        with self._lock:
            return len(self._figures) == len(self.compared) * len(self.lineup)

    def measure(self, progress: Progress) -> None:
        """Measure all frames, that which is wanted and those behind it first; each is available when it is done.

        Raises:
            Cancelled: ``progress`` asked to stop; what was measured stays.
        """
        total = len(self.compared) * len(self.lineup)
        progress.stage("measure", total)
        while (task := self._next()) is not None:
            if progress.cancelled():
                raise Cancelled
            self._measure(*task)
            with self._lock:
                done = len(self._figures)
            progress.advance(done)

    def _next(self) -> tuple[OpenedSide, int] | None:
        """What the window shows, or else the next frame without figures."""
        frames, wanted = len(self.lineup), self.wanted
        with self._lock:
            for side in self.compared:
                if (side, wanted) not in self._values:
                    return side, wanted
            for step in range(frames):
                for side in self.compared:
                    if (side, (wanted + step) % frames) not in self._figures:
                        return side, (wanted + step) % frames
        return None

    def _measure(self, side: OpenedSide, frame: int) -> None:
        try:
            values, mean = self._errors(side, frame)
        except InputError:  # a damaged file, which is named when it comes on show
            values, mean = np.full(0, np.nan, np.float32), np.nan
        known = values[np.isfinite(values)]
        quantiles = np.full(len(_QUANTILES), np.nan)
        if len(known):
            quantiles[:] = np.percentile(known, _QUANTILES)
        figure = FrameError(mean, quantiles, self._is_lost(side, frame, mean))
        with self._lock:
            self._figures[side, frame] = figure
            self._values[side, frame] = values
            self._held += values.nbytes
            old = [key for key in self._values if key[1] != self.wanted] if self._held > _MOST_HELD else []
            while self._held > _MOST_HELD and old:
                self._held -= self._values.pop(old.pop(0)).nbytes

    def _errors(self, side: OpenedSide, frame: int) -> tuple[NDArray[np.float32], float]:
        """Values that are shown as colours, and the mean."""
        reference = self.reference
        if reference.observation is not None:
            return self._of_points(side, frame)
        mesh, true = self._mesh(side, frame), self._mesh(reference, frame)
        if self._partners is not None:
            apart = np.full(len(mesh.vertices), np.nan, np.float32)
            apart[self._partners.of] = 1000 * self._partners.errors(mesh.vertices, mesh.faces, true.vertices)
            return apart, float(np.nanmean(apart))
        values = distances_mm(self._meters[reference], mesh.vertices, true)
        there = distances_mm(self._meters[reference], self._samples[side](mesh), true)
        back = distances_mm(self._meters[side], self._samples[reference](true), mesh)
        return values, 0.5 * (mean_mm(there) + mean_mm(back))

    def _of_points(self, side: OpenedSide, frame: int) -> tuple[NDArray[np.float32], float]:
        """Of what was seen to the mesh of ``side``, NaN of a room around the subject; in the mean each is cut off at a
        tenth of the size of the subject, as in `engine.methods.distances.measure`."""
        assert self.reference.observation is not None
        points = self.reference.observation.sequence.points_world(self.lineup.row(self.reference, frame))
        mesh = self._mesh(side, frame)
        if not is_surface(mesh) or len(points) == 0:
            return np.full(len(points), np.nan, np.float32), np.nan
        values, near = np.full(len(points), np.nan, np.float32), np.ones(len(points), np.bool_)
        if self._shows_room:
            meshes = (self._mesh(each, frame) for each in self.compared)
            boxes = (box_of(each.vertices) for each in meshes if is_surface(each))
            near = np.any([is_around(points, box) for box in boxes], axis=0)
        if not near.any():  # the fit is somewhere else, and no better than one that is as far away as counts
            return values, 1000 * self._reach_m
        values[near] = 1000 * self._meters[side](points[near], mesh, FARTHEST_M)
        counted = np.minimum(values[near], 1000 * self._reach_m)
        return values, float(counted.mean(dtype=np.float64))

    @cached_property
    def _shows_room(self) -> bool:
        """Whether the camera saw more than the subject; in the job, for it reads a frame."""
        assert self.reference.observation is not None
        row = self.lineup.row(self.reference, len(self.lineup) // 2)
        points = self.reference.observation.sequence.points_world(row)
        low, high = np.percentile(points, [1, 99], axis=0) if len(points) else np.zeros((2, 3))
        return bool((high - low).max() > THRESHOLDS.above_fit.poor * self._reach_m / REACH)

    def _mesh(self, side: OpenedSide, frame: int) -> Mesh:
        surface = self.lineup.surface(side, frame)  # which the window will draw
        return Mesh(surface.vertices, surface.faces)

    def _is_lost(self, side: OpenedSide, frame: int, mean: float) -> bool | None:
        if self.reference.source.kind == "truth":
            limit = LOST_CORRESPONDENCE_MM if self.kind is ErrorKind.CORRESPONDENCE else LOST_SURFACE_MM
            return not mean <= limit  # NaN is lost, too
        if side.lost is None:
            return None
        return side.meshes.frame_names[self.lineup.row(side, frame)] in side.lost

    def _corresponding(self) -> Correspondences | None:
        """Each vertex to itself, where all sides have the triangles of the reference."""
        meshes = [side.meshes for side in (self.reference, *self.compared)]
        if self.reference.observation is not None or not all(each.one_topology for each in meshes):
            return None
        true, *others = (each.read(0).faces for each in meshes)
        return vertex_correspondences(true) if all(same_triangles(faces, true) for faces in others) else None
