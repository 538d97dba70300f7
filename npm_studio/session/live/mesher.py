"""Codes to meshes with normals, at the quality that is wanted."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.cuda_graphs import GRAPH_LOCK
from engine.core.errors import Cancelled
from engine.core.streams import a_core_to_draw, is_out_of_memory, lane_stream
from engine.geometry.mesh import Mesh
from engine.models.model import NeuralParametricModel
from engine.surface.extract import extract_surface, pose_vertices
from engine.surface.folded import SignedDistance
from engine.surface.lipschitz import measure_half_error, measure_half_pose_error
from engine.surface.precision import half_is_fast
from npm_studio.session.document.explorer import Codes, Explorer, codes_of
from npm_studio.session.live.anchors import Anchors, choose_anchors
from npm_studio.session.live.level_of_detail import LevelOfDetail
from npm_studio.session.live.level_set_projection import project_onto_level_set
from npm_studio.session.live.prefetch import IncrementalPosing, PrefetchedPoses
from npm_studio.session.live.request import MeshReply, MeshRequest, PosedMesh, Quality, make_posed_mesh

_log = logging.getLogger(__name__)

FINE_RESOLUTION = 256
"""Grid nodes per axis, as in the final mesh of a fit."""
SHAPE_BUDGET_MS = 120.0
"""Contouring a preview of a new shape may take this long."""
POSE_BUDGET_MS = 33.0
"""Moving a surface to a new pose may: thirty of them fit into a second."""
PROJECTION_BUDGET_MS = 25.0
"""Most previews of a shape that changes little by little may: with contouring in between, thirty fit into a second."""
_MAX_CONTOURING_FRACTION = 0.15
"""While previews are projected from shape to shape, contouring takes at most about this part of the time."""
_COARSE_RESOLUTIONS = (64, 80, 96, 128)
"""Coarser ones would hardly be made faster, and bodies lose their forearms."""
_CHOSEN_RESOLUTION = 96
"""Of the preview of a body that somebody chose, if there is time: on coarser grids hands and forearms fall apart."""
_LARGEST_HALF_ERROR_CELLS = 0.125
"""By which half precision may move a preview, in cells of its grid: its triangles are off by more."""
_LOWEST_FINE_RESOLUTION, _WARM_UP_RESOLUTION = 64, 16
_ANCHOR_COUNTS = (750, 1500, 3000, 6000, 12000, 10**9)
_SURFACES_KEPT, _ANCHORS_KEPT = 8, 2
_CHUNK = {"cpu": 4096, "cuda": 1 << 18}
"""Vertices posed between two checks of whether they are still wanted."""


@dataclass(eq=False)
class _Surface:
    """A canonical surface and what is needed to move it."""

    mesh: Mesh
    anchors: dict[int, Anchors] = field(default_factory=dict)

    def anchored(self, count: int) -> Anchors | None:
        """How to move it by ``count`` vertices; None to move all of them one by one."""
        if count >= len(self.mesh.vertices):
            return None
        if count not in self.anchors:
            while len(self.anchors) >= _ANCHORS_KEPT:
                del self.anchors[next(iter(self.anchors))]
            self.anchors[count] = choose_anchors(self.mesh.vertices, count)
        return self.anchors[count]


@dataclass(frozen=True, eq=False)
class _Preview:
    """The surface of the last preview, for the next one to start from."""

    shape: bytes
    """Key of its shape code."""
    mesh: Mesh
    resolution: int
    stale_at: float
    """When it is time to contour again, by `time.perf_counter`."""


@dataclass(frozen=True, eq=False)
class _MeshResult:
    mesh: PosedMesh
    quality: Quality
    resolution: int


class Mesher:
    """Makes the meshes of one model; for use by one thread.

    The preview of a new shape is contoured on a coarse grid. Where that takes longer than a frame, most previews of a
    shape that changes little by little are the last one's surface moved along, and every now and then one is contoured
    again, so that parts that come and go are seen. A surface is contoured once per shape code and resolution, and a
    change of pose only moves its vertices: for a preview of a fine one, as many of them as there is time for, with the
    others carried along.
    """

    def __init__(self, model: NeuralParametricModel, fine_resolution: int | None = None) -> None:
        self._model = model
        self.fine_resolution = fine_resolution or FINE_RESOLUTION
        self._surfaces: OrderedDict[bytes, _Surface] = OrderedDict()
        self._prefetched = PrefetchedPoses()
        grids = [*(r for r in _COARSE_RESOLUTIONS if r < self.fine_resolution), self.fine_resolution]
        self._grid_detail = LevelOfDetail(grids, SHAPE_BUDGET_MS, power=2)
        self._projection_detail = LevelOfDetail(grids, PROJECTION_BUDGET_MS, power=2)
        self._anchor_detail = LevelOfDetail(_ANCHOR_COUNTS, POSE_BUDGET_MS, power=1)
        self._previews: dict[int, _Preview] = {}
        """By place among the meshes of a request."""
        self._warm, self._notice = False, ""
        self._half_pose_error = inf
        """Of positions, see `measure_half_pose_error`; infinite until there was time to measure it."""
        self._stream = lane_stream(model.device, "meshes", urgent=True)

    def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
        """The meshes of ``request``; with less detail, from then on, where memory is short.

        Raises:
            Cancelled: ``cancelled`` said so.
        """
        started = time.perf_counter()
        made = self._try(request, quality, cancelled)
        if made is None:  # again, as perhaps there was room but for what was kept, of a fit before as well
            made = self._try(request, quality, cancelled)
        while made is None:
            self.fine_resolution = max(self.fine_resolution // 2, _LOWEST_FINE_RESOLUTION)
            self._notice = f"Memory is short: fine meshes have a {self.fine_resolution}³ grid from now on."
            made = self._try(request, quality, cancelled)
        notice, self._notice = self._notice, ""  # kept until here: a mesh may be given up
        return MeshReply(
            generation=request.generation,
            quality=min(one.quality for one in made),
            resolution=min(one.resolution for one in made),
            meshes=tuple(one.mesh for one in made),
            milliseconds=1e3 * (time.perf_counter() - started),
            notice=notice,
        )

    def prefetch(self, request: MeshRequest, cancelled: Callable[[], bool]) -> None:
        """Pose what will be asked for next, as far as there is time and memory; previews of it are fine meshes then.

        After a fine mesh there is time to measure, too, how well previews can be posed in half precision.
        """
        try:
            for codes in request.ahead:
                surface = self._surfaces.get(_key(codes.shape))
                if surface is None or surface.mesh.is_empty or codes.pose is None:
                    continue
                with torch.no_grad(), torch.cuda.stream(self._stream):
                    posing = self._prefetched.posing(_key(codes.shape, codes.pose), surface.mesh)
                    if not posing.resume(self._pose_of(codes), self._chunk, cancelled):
                        return
            if self._surfaces and half_is_fast(self._model.device) and not cancelled():
                with torch.cuda.stream(self._stream):
                    self._half_pose_error = measure_half_pose_error(self._model)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            _log.warning("out of memory while posing ahead: %s", error)
            self._prefetched.clear()

    def _try(
        self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]
    ) -> tuple[_MeshResult, ...] | None:
        """The meshes of ``request``; None when memory ran out, after everything that was kept has been given up."""
        make = self._fine if quality is Quality.FINE else partial(self._preview, request.settled)
        try:
            with torch.no_grad(), torch.cuda.stream(self._stream):
                return tuple(make(place, codes, cancelled) for place, codes in enumerate(request.codes))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or self.fine_resolution <= _LOWEST_FINE_RESOLUTION:
                raise
            _log.warning("out of memory at a grid of %d, what was kept is dropped: %s", self.fine_resolution, error)
        self._surfaces.clear()
        self._prefetched.clear()
        self._previews.clear()
        if self._stream is not None:
            with GRAPH_LOCK:
                torch.cuda.empty_cache()
        return None

    def _fine(self, place: int, codes: Codes, cancelled: Callable[[], bool]) -> _MeshResult:
        key = _key(codes.shape)
        if not self._surfaces:  # the anchors want it: while a slider moves, importing it would hold up the window
            import scipy.spatial  # noqa: F401
        if key not in self._surfaces:
            self._surfaces[key] = _Surface(self._contour(codes.shape, self.fine_resolution, cancelled))
        self._surfaces.move_to_end(key)
        while len(self._surfaces) > _SURFACES_KEPT:
            self._surfaces.popitem(last=False)
        mesh = self._surfaces[key].mesh
        if codes.pose is None or mesh.is_empty:
            return _MeshResult(make_posed_mesh(mesh.vertices, mesh), Quality.FINE, self.fine_resolution)
        posed = self._prefetched.get(_key(codes.shape, codes.pose))
        if posed is None:
            posing = IncrementalPosing(mesh)
            if not posing.resume(self._pose_of(codes), self._chunk, cancelled):
                raise Cancelled
            posed = posing.posed
            assert posed is not None
        return _MeshResult(posed, Quality.FINE, self.fine_resolution)

    def _preview(self, settled: bool, place: int, codes: Codes, cancelled: Callable[[], bool]) -> _MeshResult:
        with a_core_to_draw(self._model.device):
            surface = self._surfaces.get(_key(codes.shape))
            if surface is not None and not surface.mesh.is_empty:
                return self._repose(surface, codes)
            projected = None if settled else self._project_last_preview(place, codes)
            return projected or self._preview_by_contouring(settled, place, codes, cancelled)

    def _preview_by_contouring(
        self, settled: bool, place: int, codes: Codes, cancelled: Callable[[], bool]
    ) -> _MeshResult:
        """The surface on a coarse grid, contoured where the last preview is of another shape or coarser."""
        key, last = _key(codes.shape), self._previews.get(place)
        resolution = self._grid_detail.choose()
        if resolution >= self.fine_resolution:
            return self._fine(place, codes, cancelled)
        if settled:
            resolution = min(resolution, _CHOSEN_RESOLUTION)
        elif not self._is_contoured_each_time(resolution):  # most will be projected
            resolution = min(resolution, self._projection_detail.choose())
        if last is None or last.shape != key or last.resolution < resolution:
            started = time.perf_counter()
            mesh = self._contour(codes.shape, resolution, cancelled, half=self._is_half_enough(resolution))
            now = time.perf_counter()
            last = _Preview(key, mesh, resolution, now + (now - started) * (1 / _MAX_CONTOURING_FRACTION - 1))
            self._previews[place] = last
        return _MeshResult(self._posed_preview(codes, last.mesh, last.resolution), Quality.PREVIEW, last.resolution)

    def _is_contoured_each_time(self, resolution: int) -> bool:
        """Whether that leaves as much of the time of a preview for its pose."""
        return self._grid_detail.expected_ms(resolution) <= POSE_BUDGET_MS / 2

    def _project_last_preview(self, place: int, codes: Codes) -> _MeshResult | None:
        """The last preview of another shape moved onto this one; None when contouring is as fast, or it is too far."""
        started, last = time.perf_counter(), self._previews.get(place)
        if last is None or last.shape == _key(codes.shape) or last.mesh.is_empty or started > last.stale_at:
            return None
        if self._is_contoured_each_time(last.resolution):
            return None
        half, cell = self._is_half_enough(last.resolution), 1.0 / (last.resolution - 1)
        distance = SignedDistance(self._model, codes.shape, half)
        mesh = project_onto_level_set(distance, last.mesh, cell, self._model.device)
        if mesh is None:
            return None
        posed = self._posed_preview(codes, mesh, last.resolution)
        self._previews[place] = replace(last, shape=_key(codes.shape), mesh=mesh)
        self._projection_detail.learn(last.resolution, 1e3 * (time.perf_counter() - started))
        return _MeshResult(posed, Quality.PREVIEW, last.resolution)

    def _repose(self, surface: _Surface, codes: Codes) -> _MeshResult:
        """The fine ``surface`` in another pose, from as many of its vertices as there is time for."""
        base = surface.mesh.vertices
        ready = None if codes.pose is None else self._prefetched.get(_key(codes.shape, codes.pose))
        if ready is not None:
            return _MeshResult(ready, Quality.FINE, self.fine_resolution)
        anchors = surface.anchored(self._anchor_detail.choose())
        started = time.perf_counter()
        if anchors is None:
            evaluated, vertices, quality = len(base), self._posed(codes, base), Quality.FINE
        else:
            evaluated, quality = len(anchors.rows), Quality.PREVIEW
            start = base[anchors.rows]
            vertices = base + anchors.spread(self._posed(codes, start) - start)
        self._anchor_detail.learn(evaluated, 1e3 * (time.perf_counter() - started))
        return _MeshResult(make_posed_mesh(vertices, surface.mesh), quality, self.fine_resolution)

    @property
    def _chunk(self) -> int:
        return _CHUNK.get(self._model.device.type, _CHUNK["cpu"])

    def _pose_of(self, codes: Codes) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        return lambda vertices: self._posed(codes, vertices)

    def _posed_preview(self, codes: Codes, mesh: Mesh, resolution: int) -> PosedMesh:
        """``mesh``, contoured on a grid of ``resolution``, in its pose."""
        half = self._half_pose_error <= _LARGEST_HALF_ERROR_CELLS / (resolution - 1)
        return make_posed_mesh(self._posed(codes, mesh.vertices, half or None), mesh)

    def _posed(self, codes: Codes, vertices: NDArray[np.float32], half: bool | None = None) -> NDArray[np.float32]:
        if codes.pose is None or len(vertices) == 0:
            return vertices
        device = self._model.device
        return pose_vertices(self._model, codes.shape.to(device), codes.pose.to(device), vertices, half)

    def _is_half_enough(self, resolution: int) -> bool:
        """Whether a surface on a grid of ``resolution`` looks the same in half precision, which takes half the time."""
        largest = _LARGEST_HALF_ERROR_CELLS / (resolution - 1)
        return half_is_fast(self._model.device) and measure_half_error(self._model) <= largest

    def _contour(self, shape_code: Tensor, resolution: int, cancelled: Callable[[], bool], half: bool = False) -> Mesh:
        code = shape_code.to(self._model.device)
        if not self._warm:  # what is loaded and measured once would count as slowness of the level of detail
            extract_surface(self._model, code, _WARM_UP_RESOLUTION, cancelled=cancelled)
            self._warm = True
        started = time.perf_counter()
        mesh = extract_surface(self._model, code, resolution, half=half, cancelled=cancelled)
        if not mesh.is_empty:  # that nothing is contoured fast says nothing about the next shape
            self._grid_detail.learn(resolution, 1e3 * (time.perf_counter() - started))
        return mesh


def warm_up(explorer: Explorer) -> None:
    """Make a rough mesh of the body that ``explorer`` begins with, and with it all that the first mesh waits for."""
    codes = (codes_of(explorer.first()),)
    Mesher(explorer.model).make(MeshRequest(0, codes, settled=False), Quality.PREVIEW, lambda: False)


def _key(*codes: Tensor) -> bytes:
    return b"".join(code.numpy().tobytes() for code in codes)
