"""Codes to meshes with normals, at the quality that is wanted."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.geometry.mesh import Mesh, vertex_normals
from engine.model import NeuralParametricModel
from engine.surface.extract import extract_surface, pose_vertices
from npm_studio.document.explorer import Codes
from npm_studio.live.anchors import Anchors, choose_anchors
from npm_studio.live.level_of_detail import LevelOfDetail
from npm_studio.live.request import Figure, MeshReply, MeshRequest, Quality

FINE_RESOLUTION = 256
"""Grid nodes per axis, as in the final mesh of a fit."""
SHAPE_BUDGET_MS = 120.0
"""A preview of a new shape may take this long."""
POSE_BUDGET_MS = 33.0
"""A preview of a new pose may: thirty of them fit into a second."""
_COARSE_RESOLUTIONS = (64, 80, 96, 128)
_ANCHOR_COUNTS = (750, 1500, 3000, 6000, 12000, 10**9)
_SURFACES_KEPT = 16


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
            self.anchors[count] = choose_anchors(self.mesh.vertices, count)
        return self.anchors[count]


@dataclass(frozen=True, eq=False)
class _Made:
    figure: Figure
    quality: Quality
    resolution: int


class Mesher:
    """Makes the meshes of one model; for use by one thread.

    The preview of a new shape is contoured on a coarse grid. A fine surface is contoured once per shape code, and a
    change of pose only moves its vertices: for a preview, as many of them as there is time for, with the others
    carried along.
    """

    def __init__(self, model: NeuralParametricModel, fine_resolution: int | None = None) -> None:
        self._model = model
        self.fine_resolution = fine_resolution or FINE_RESOLUTION
        self._surfaces: OrderedDict[bytes, _Surface] = OrderedDict()
        grids = [*(r for r in _COARSE_RESOLUTIONS if r < self.fine_resolution), self.fine_resolution]
        self._grid_detail = LevelOfDetail(grids, SHAPE_BUDGET_MS, power=2)
        self._anchor_detail = LevelOfDetail(_ANCHOR_COUNTS, POSE_BUDGET_MS, power=1)

    def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
        """The meshes of ``request``.

        Raises:
            Cancelled: ``cancelled`` said so.
        """
        started = time.perf_counter()
        make = self._fine if quality is Quality.FINE else self._preview
        try:
            with torch.no_grad():
                made = [make(codes, cancelled) for codes in request.figures]
        except torch.OutOfMemoryError:
            if self.fine_resolution <= 64:
                raise
            torch.cuda.empty_cache()
            self.fine_resolution //= 2
            return self.make(request, quality, cancelled)
        return MeshReply(
            generation=request.generation,
            quality=min(one.quality for one in made),
            resolution=min(one.resolution for one in made),
            figures=tuple(one.figure for one in made),
            milliseconds=1e3 * (time.perf_counter() - started),
        )

    def _fine(self, codes: Codes, cancelled: Callable[[], bool]) -> _Made:
        key = _key(codes.shape)
        if key not in self._surfaces:
            self._surfaces[key] = _Surface(self._contour(codes.shape, self.fine_resolution, cancelled))
        self._surfaces.move_to_end(key)
        while len(self._surfaces) > _SURFACES_KEPT:
            self._surfaces.popitem(last=False)
        mesh = self._surfaces[key].mesh
        return _Made(_figure(self._posed(codes, mesh.vertices), mesh), Quality.FINE, self.fine_resolution)

    def _preview(self, codes: Codes, cancelled: Callable[[], bool]) -> _Made:
        surface = self._surfaces.get(_key(codes.shape))
        if surface is not None and not surface.mesh.is_empty:
            return self._moved(surface, codes)
        resolution = self._grid_detail.choose()
        if resolution >= self.fine_resolution:
            return self._fine(codes, cancelled)
        mesh = self._contour(codes.shape, resolution, cancelled)
        return _Made(_figure(self._posed(codes, mesh.vertices), mesh), Quality.PREVIEW, resolution)

    def _moved(self, surface: _Surface, codes: Codes) -> _Made:
        """The fine ``surface`` in another pose, from as many of its vertices as there is time for."""
        started = time.perf_counter()
        base = surface.mesh.vertices
        anchors = surface.anchored(self._anchor_detail.choose())
        if anchors is None:
            evaluated, vertices, quality = len(base), self._posed(codes, base), Quality.FINE
        else:
            evaluated, quality = len(anchors.rows), Quality.PREVIEW
            start = base[anchors.rows]
            vertices = base + anchors.spread(self._posed(codes, start) - start)
        self._anchor_detail.learn(evaluated, 1e3 * (time.perf_counter() - started))
        return _Made(_figure(vertices, surface.mesh), quality, self.fine_resolution)

    def _posed(self, codes: Codes, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        if codes.pose is None or len(vertices) == 0:
            return vertices
        device = self._model.device
        return pose_vertices(self._model, codes.shape.to(device), codes.pose.to(device), vertices)

    def _contour(self, shape_code: Tensor, resolution: int, cancelled: Callable[[], bool]) -> Mesh:
        started = time.perf_counter()
        mesh = extract_surface(self._model, shape_code.to(self._model.device), resolution, cancelled=cancelled)
        self._grid_detail.learn(resolution, 1e3 * (time.perf_counter() - started))
        return mesh


def _figure(vertices: NDArray[np.float32], mesh: Mesh) -> Figure:
    return Figure(vertices, vertex_normals(vertices, mesh.faces), mesh.faces, mesh.vertices)


def _key(code: Tensor) -> bytes:
    return code.numpy().tobytes()
