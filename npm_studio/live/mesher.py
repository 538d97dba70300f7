"""Codes to meshes with normals, at the quality that is wanted."""

import time
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor

from engine.geometry.mesh import Mesh, vertex_normals
from engine.model import NeuralParametricModel
from engine.surface.extract import extract_surface, pose_vertices
from npm_studio.document.explorer import Codes
from npm_studio.live.level_of_detail import LevelOfDetail
from npm_studio.live.request import Figure, MeshReply, MeshRequest, Quality

FINE_RESOLUTION_CPU = 128
FINE_RESOLUTION_CUDA = 256
SHAPE_BUDGET_MS = 50.0
POSE_BUDGET_MS = 90.0
"""Moving the vertices of a surface that is there already may take this long, because nothing else changes: a steady
mesh at fewer frames a second looks better than one that switches topology."""
_SURFACES_KEPT = 24


class Mesher:
    """Makes the meshes of one model; for use by one thread.

    A canonical surface is contoured once per shape code and resolution. A change of pose moves its vertices only.
    """

    def __init__(self, model: NeuralParametricModel) -> None:
        self._model = model
        self.fine_resolution = FINE_RESOLUTION_CUDA if model.device.type == "cuda" else FINE_RESOLUTION_CPU
        self._surfaces: OrderedDict[tuple[bytes, int], Mesh] = OrderedDict()
        self._shape_detail = LevelOfDetail(SHAPE_BUDGET_MS)
        self._pose_ms_per_vertex = 0.0

    def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
        """The meshes of ``request``.

        Raises:
            Cancelled: ``cancelled`` said so.
        """
        resolution = self.fine_resolution if quality is Quality.FINE else self._preview_resolution(request.figures)
        started = time.perf_counter()
        try:
            with torch.no_grad():
                known = all((_key(codes.shape), resolution) in self._surfaces for codes in request.figures)
                figures = tuple(self._figure(codes, resolution, cancelled) for codes in request.figures)
        except torch.OutOfMemoryError:
            if self.fine_resolution <= 64:
                raise
            torch.cuda.empty_cache()
            self.fine_resolution //= 2
            return self.make(request, quality, cancelled)
        milliseconds = 1e3 * (time.perf_counter() - started)
        if not known:
            self._shape_detail.learn(resolution, milliseconds / len(figures))
        reached = Quality.FINE if resolution >= self.fine_resolution else Quality.PREVIEW
        return MeshReply(request.generation, reached, resolution, figures, milliseconds)

    def _preview_resolution(self, figures: tuple[Codes, ...]) -> int:
        """The finest surface that is there already when it can be moved fast enough, else what can be made in time."""
        ready = [self._surfaces.get((_key(codes.shape), self.fine_resolution)) for codes in figures]
        if all(ready):
            vertices = sum(len(mesh.vertices) for mesh in ready if mesh is not None)
            if vertices * self._pose_ms_per_vertex <= POSE_BUDGET_MS:
                return self.fine_resolution
        return self._shape_detail.choose(self.fine_resolution)

    def _figure(self, codes: Codes, resolution: int, cancelled: Callable[[], bool]) -> Figure:
        surface = self._surface(codes.shape, resolution, cancelled)
        vertices = surface.vertices
        if codes.pose is not None and not surface.is_empty:
            started = time.perf_counter()
            device = self._model.device
            vertices = pose_vertices(self._model, codes.shape.to(device), codes.pose.to(device), surface.vertices)
            self._pose_ms_per_vertex = 1e3 * (time.perf_counter() - started) / len(vertices)
        return Figure(vertices, vertex_normals(vertices, surface.faces), surface.faces)

    def _surface(self, shape_code: Tensor, resolution: int, cancelled: Callable[[], bool]) -> Mesh:
        key = (_key(shape_code), resolution)
        if key not in self._surfaces:
            code = shape_code.to(self._model.device)
            self._surfaces[key] = extract_surface(self._model, code, resolution, cancelled=cancelled)
        self._surfaces.move_to_end(key)
        while len(self._surfaces) > _SURFACES_KEPT:
            self._surfaces.popitem(last=False)
        return self._surfaces[key]


def _key(code: Tensor) -> bytes:
    return code.numpy().tobytes()
