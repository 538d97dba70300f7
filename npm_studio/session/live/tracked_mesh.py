"""What a track shows of a frame: the mesh of the subject and the points that were seen, ready to be drawn."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.geometry.camera import PinholeCamera, transform_points
from engine.geometry.depth import point_image
from engine.geometry.mesh import Mesh, vertex_normals
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_source import DepthFrame
from engine.surface.extract import extract_surface, pose_vertices
from engine.tracking.tracker import TrackedFrame
from npm_studio.session.document.observation import ObservedFrame
from npm_studio.session.live.anchors import Anchors, choose_anchors

_RESOLUTION = 128
"""Grid nodes per axis of the surface on show: forearms of a body fall apart on coarser ones."""
_ANCHORS_ON_CPU = 750
"""Vertices that are posed where a frame has no time for all of them; the others are carried along."""
_AROUND = 0.05
"""Canonical units around the mesh in which points count as those of the subject."""
_MOST_POINTS = 40_000
"""That are shown of the subject, and of all else; of more, rows and columns are left out."""


@dataclass(frozen=True, eq=False)
class ShownMesh:
    """A posed mesh in the world. As long as the shape stays, ``faces`` stays the very same array."""

    vertices: NDArray[np.float32]
    """(V, 3) metres"""
    normals: NDArray[np.float32]
    """(V, 3) unit length, outward"""
    faces: NDArray[np.int32]
    """(T, 3)"""

    @property
    def box(self) -> NDArray[np.float32]:
        """(2, 3) lowest and highest corner, metres."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])


class TrackedMesher:
    """Contours the canonical surface when the shape changes, and poses it in every frame; for use by one thread."""

    def __init__(self, model: NeuralParametricModel) -> None:
        self._model = model
        self._version = 0
        self._surface: Mesh | None = None
        self._anchors: Anchors | None = None

    def __call__(self, tracked: TrackedFrame) -> ShownMesh | None:
        """The mesh of a frame; None before anybody has been found, or where the shape has no surface."""
        if tracked.shape_version == 0:
            self._version, self._surface = 0, None
            return None
        shape, pose = torch.from_numpy(tracked.shape_code), torch.from_numpy(tracked.pose_code)
        with torch.no_grad():
            if tracked.shape_version != self._version:
                self._contour(shape, tracked.shape_version)
            surface = self._surface
            if surface is None or surface.is_empty:
                return None
            posed = self._posed(shape, pose, surface.vertices)
        vertices = transform_points(tracked.subject_to_world, self._model.info.similarity.to_world(posed))
        return ShownMesh(vertices, vertex_normals(vertices, surface.faces), surface.faces)

    def _contour(self, shape: Tensor, version: int) -> None:
        model = self._model
        self._version, self._anchors = version, None
        self._surface = extract_surface(model, shape.to(model.device), _RESOLUTION)
        if model.device.type == "cpu" and len(self._surface.vertices) > _ANCHORS_ON_CPU:
            self._anchors = choose_anchors(self._surface.vertices, _ANCHORS_ON_CPU)

    def _posed(self, shape: Tensor, pose: Tensor, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Canonical ``vertices`` (V, 3) in a pose."""
        if self._anchors is None:
            return pose_vertices(self._model, shape, pose, vertices, half=None)
        start = vertices[self._anchors.rows]
        return vertices + self._anchors.spread(pose_vertices(self._model, shape, pose, start, half=None) - start)


def seen_points(
    frame: DepthFrame, camera: PinholeCamera, camera_to_world: NDArray[np.float64], subject: NDArray[np.float32] | None
) -> ObservedFrame:
    """Points of ``frame`` in the world, those around the box ``subject`` (2, 3), metres, apart from the others.

    Without a box all of them count as points of the subject.
    """
    image = point_image(frame.depth_m, camera)
    points, depth = _some(image, camera_to_world)
    if subject is None:
        return ObservedFrame(points, depth, np.empty((0, 3), np.float32))
    near, near_depth = _some(image[_pixels_of(subject, camera, camera_to_world)], camera_to_world)
    inside = _is_inside(near, subject)
    return ObservedFrame(near[inside], near_depth[inside], points[~_is_inside(points, subject)])


def _some(
    image: NDArray[np.float32], camera_to_world: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points (P, 3) in the world and depths (P,) of an image (H, W, 3) in camera axes, not more than are shown."""
    is_known = image[..., 2] > 0
    step = max(1, int(np.ceil(np.sqrt(np.count_nonzero(is_known) / _MOST_POINTS))))
    points = image[::step, ::step][is_known[::step, ::step]]
    return transform_points(camera_to_world, points).astype(np.float32), points[:, 2]


def _is_inside(points: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(((points >= box[0]) & (points <= box[1])).all(axis=1))


def _pixels_of(
    box: NDArray[np.float32], camera: PinholeCamera, camera_to_world: NDArray[np.float64]
) -> tuple[slice, slice]:
    """Rows and columns of the image in which ``box`` (2, 3) is seen; all of them where the camera is in it."""
    corners = np.array(np.meshgrid(*box.T)).reshape(3, 8).T
    x, y, z = transform_points(np.linalg.inv(camera_to_world), corners).T
    if z.min() <= 0:
        return slice(None), slice(None)
    columns, rows = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    first_row, last_row = np.clip([rows.min(), rows.max()], 0, camera.height).astype(int)
    first_column, last_column = np.clip([columns.min(), columns.max()], 0, camera.width).astype(int)
    return slice(first_row, last_row + 1), slice(first_column, last_column + 1)


def around(mesh: ShownMesh, model: NeuralParametricModel) -> NDArray[np.float32]:
    """(2, 3) corners, metres, between which points are those of the subject."""
    margin = np.float32(_AROUND / model.info.similarity.scale)
    return mesh.box + margin * np.array([[-1.0], [1.0]], np.float32)
