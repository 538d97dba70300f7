"""A mesh as a small picture without colours, which each theme gives its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.camera import PinholeCamera
from engine.geometry.mesh import Mesh

Picture = NDArray[np.uint8]
"""(S, S, 2) brightness and opacity."""

SIZE = 72
"""Pixels along each side."""
_SAMPLES = 3
"""Rays along each side of a pixel."""
_DISTANCE = 12.0
"""Of the camera, canonical units: far enough for bodies of one height to be drawn with one height."""
_TURN = np.radians(24.0)
"""From the front to the left, so that what bends forward is seen."""
_LIGHT = np.array((-0.45, 0.55, 0.7)) / np.linalg.norm((-0.45, 0.55, 0.7))
_AMBIENT = 0.42
_ROOM = 1.2
"""Over the body that a frame is made for."""


@dataclass(frozen=True)
class Frame:
    """What a picture shows of canonical space, the same for all bodies of a model, so that sizes can be compared."""

    side: float
    """Of the square, canonical units."""

    @staticmethod
    def around(mesh: Mesh) -> "Frame":
        """Room for bodies that are larger than ``mesh``, too."""
        return Frame(_ROOM * float(np.ptp(mesh.vertices, axis=0).max()) if not mesh.is_empty else 1.0)


def paint(mesh: Mesh, frame: Frame) -> Picture:
    """``mesh`` in canonical units, standing on the lower edge; a larger one than the frame has room for is shrunk."""
    from engine.geometry.ray_casting import DepthRenderer  # needs Warp, which nobody waits for who has the pictures

    if mesh.is_empty:
        return np.zeros((SIZE, SIZE, 2), np.uint8)
    points = _turned(mesh.vertices.astype(np.float64))
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(frame.side, float((high - low)[:2].max()) * 1.04)
    points -= (0.5 * (low[0] + high[0]), low[1] + 0.49 * side, 0.5 * (low[2] + high[2]))
    pixels = SIZE * _SAMPLES
    focal = pixels * _DISTANCE / side
    renderer = DepthRenderer(mesh.faces, PinholeCamera(pixels, pixels, focal, focal, pixels / 2, pixels / 2))
    pose = np.diag([1.0, -1.0, -1.0, 1.0])
    pose[2, 3] = _DISTANCE
    face = renderer.trace(points.astype(np.float32), pose[None]).face[0].numpy()
    hit = face >= 0
    shade = np.where(hit, _brightness(points, mesh.faces)[np.maximum(face, 0)], 0.0)
    opacity = _reduced(hit.astype(np.float32))
    brightness = _reduced(shade) / np.maximum(opacity, 1e-6)
    return np.rint(255 * np.stack([np.clip(brightness, 0, 1), opacity], axis=-1)).astype(np.uint8)


def _turned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    cosine, sine = np.cos(_TURN), np.sin(_TURN)
    turned: NDArray[np.float64] = points @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    return turned


def _brightness(points: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(T,) of each triangle, 0 to 1."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    lit: NDArray[np.float64] = _AMBIENT + (1 - _AMBIENT) * np.clip(normals @ _LIGHT, 0, 1)
    return lit


def _reduced(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(S, S) means of squares of pixels."""
    means: NDArray[np.float64] = values.reshape(SIZE, _SAMPLES, SIZE, _SAMPLES).mean(axis=(1, 3), dtype=np.float64)
    return means
