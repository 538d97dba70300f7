"""What the 3-D view of a page holds: meshes of all sides over time, small and without loss that can be seen.

The binary part is one stream of bytes, compressed by gzip; ``resources/comparison_meshes.js`` reads it in this order.
Of each side: its triangles (T, 3) where it has one topology, then of each frame its triangles where it has not, the
positions (V, 3), and the errors (V,) where they are known. At the end of each frame what was seen, (P, 3).

A position is three whole numbers of 16 bits on a lattice over the box around everything. Of what moves with one
topology the change since the frame before is written, of all else the number itself, modulo 65536; first the low bytes
of all, axis by axis, then the high bytes, which are nearly all alike. An error is a byte: 0 to 254 for 0 to the end of
the scale of colours, 255 where none is known. Triangles are indices of 16 bits.
"""

import base64
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.comparison.comparison import Comparison, is_surface
from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.sequences.depth_sequence import DepthSequence
from npm_studio.reports.comparison.stage import Stage
from npm_studio.reports.comparison.thinned import Thinned, thinned

MOST_VERTICES, LEAST_VERTICES = 5000, 1200
"""Of a mesh in the view."""
_BUDGET = 1_800_000
"""Vertices of all meshes in all frames: about ten megabytes of the page."""
_OWN_TRIANGLES = 3
"""Times that a vertex weighs of meshes that have triangles of their own in each frame."""
_POINTS = 1500
"""Of what was seen in a frame, at most."""
_LARGEST = 65535
_UNKNOWN = 255


@dataclass(frozen=True, eq=False)
class ViewData:
    """Ready for the page."""

    manifest: dict[str, Any]
    """JSON"""
    meshes: str
    """Base64 of the compressed stream."""
    note: str
    """What was left out, in a sentence."""


def view_data(
    comparison: Comparison,
    shown: DepthSequence | None,
    stage: Stage,
    limit_mm: float | None,
    progress: Progress | None = None,
) -> ViewData:
    """All sides, and the reference after them, in all frames or, of very long sequences, some.

    Args:
        shown: what was seen of the subject; None where that is gone
        limit_mm: end of the scale of colours; None where no errors are known

    Raises:
        InputError: a mesh is damaged.
        Cancelled: ``progress`` asked to stop.
    """
    progress = progress or Progress()
    everybody = [*comparison.sides, *(() if comparison.reference is None else (comparison.reference,))]
    count, weight = len(everybody), sum(1 if side.meshes.one_topology else _OWN_TRIANGLES for side in everybody)
    step = max(1, -(-len(comparison) * weight * LEAST_VERTICES // _BUDGET))
    frames = list(range(0, len(comparison), step))
    vertices = int(np.clip(_BUDGET // (weight * len(frames)), LEAST_VERTICES, MOST_VERTICES))
    lattice = _Lattice.around(comparison, stage, frames)
    stream = bytearray()
    sides: list[dict[str, Any]] = []
    progress.stage("3-D view", count * len(frames))
    for number, side in enumerate(everybody):
        is_side = number < len(comparison.sides)
        has_errors = is_side and limit_mm is not None
        writer = _SideWriter(side.meshes.one_topology, vertices, lattice, limit_mm if has_errors else None)
        for done, frame in enumerate(frames):
            if progress.cancelled():
                raise Cancelled
            mesh = comparison.mesh(number, frame) if is_side else comparison.true_mesh(frame)
            errors = comparison.vertex_errors_mm(number, frame) if has_errors else None
            stream += writer(Mesh(stage.points(mesh.vertices).astype(np.float32), mesh.faces), errors)
            progress.advance(number * len(frames) + done + 1)
        sides.append({"name": side.name, "reference": not is_side, "errors": has_errors, **writer.sizes})
    points = []
    for frame in frames:
        seen = _seen(comparison, shown, stage, frame)
        points.append(len(seen))
        stream += _bytes(lattice.nodes(seen))
    manifest = {
        "sides": sides,
        "points": points,
        "frames": frames,
        "origin": lattice.origin.tolist(),
        "step": lattice.step,
        "middles": np.round(stage.middles[frames], 4).tolist(),
        "size": stage.size_m,
        "radius": stage.radius_m,
        "floor": stage.floor_m,
        "azimuth": stage.azimuth,
    }
    packed = base64.b64encode(gzip.compress(bytes(stream), 9, mtime=0)).decode("ascii")
    return ViewData(manifest, packed, _note(comparison, len(frames), vertices))


def _note(comparison: Comparison, frames: int, vertices: int) -> str:
    most = max(len(comparison.mesh(side, 0).vertices) for side in range(len(comparison.sides)))
    if most <= vertices and frames == len(comparison):
        return "The meshes are those of the runs, to a fraction of a millimetre."
    thin = f"Meshes are decimated to about {vertices:,} vertices" if most > vertices else "Meshes are whole"
    some = "" if frames == len(comparison) else f", and {frames} of {len(comparison)} frames are here"
    return f"{thin}{some}; all numbers and colours are measured on the meshes of the runs."


@dataclass(frozen=True, eq=False)
class _Lattice:
    """Positions as whole numbers."""

    origin: NDArray[np.float64]
    step: float
    """Metres between neighbours."""

    @staticmethod
    def around(comparison: Comparison, stage: Stage, frames: list[int]) -> "_Lattice":
        """Around all meshes, but not far beyond the size of the subject: a mesh that is elsewhere is cut off."""
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        for frame in frames:
            reach = 3 * stage.size_m
            for mesh in _meshes(comparison, frame):
                points = stage.points(mesh.vertices)
                low = np.minimum(low, np.maximum(points.min(axis=0), stage.middles[frame] - reach))
                high = np.maximum(high, np.minimum(points.max(axis=0), stage.middles[frame] + reach))
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            low, high = np.full(3, -1.0), np.full(3, 1.0)
        margin = 0.1 * stage.size_m  # for what was seen around them
        return _Lattice(low - margin, float((high - low).max() + 2 * margin) / _LARGEST)

    def nodes(self, points: NDArray[np.floating]) -> NDArray[np.uint16]:
        """(N, 3) of ``points`` (N, 3), metres, upright."""
        return np.clip(np.rint((points - self.origin) / self.step), 0, _LARGEST).astype(np.uint16)


class _SideWriter:
    """Bytes of one frame of a side after the other, and their sizes."""

    def __init__(self, one_topology: bool, vertices: int, lattice: _Lattice, limit_mm: float | None) -> None:
        self._one, self._vertices, self._lattice, self._limit_mm = one_topology, vertices, lattice, limit_mm
        self._thinned: Thinned | None = None
        self._last: NDArray[np.uint16] | None = None
        self._counts: list[int] = []
        self._triangles: list[int] = []

    @property
    def sizes(self) -> dict[str, Any]:
        """Vertices of each frame; triangles of each, or of all where that is one number."""
        return {
            "vertices": self._counts,
            "triangles": max(self._triangles, default=0) if self._one else self._triangles,
        }

    def __call__(self, mesh: Mesh, errors_mm: NDArray[np.float32] | None) -> bytes:
        if not is_surface(mesh):
            self._counts.append(0)
            if not self._one:
                self._triangles.append(0)
            return b""
        parts = []
        if self._thinned is None or not self._one:
            self._thinned = thinned(mesh, self._vertices)
            self._triangles.append(len(self._thinned.faces))
            parts.append(_bytes(self._thinned.faces.astype(np.uint16)))
        coarse = self._thinned
        nodes = self._lattice.nodes(coarse.vertices(mesh.vertices))
        self._counts.append(len(nodes))
        parts.append(_bytes(nodes if self._last is None or not self._one else nodes - self._last))
        self._last = nodes
        if self._limit_mm is not None and errors_mm is not None:
            scaled = np.clip(np.rint(coarse.values(errors_mm) / self._limit_mm * (_UNKNOWN - 1)), 0, _UNKNOWN - 1)
            parts.append(np.where(np.isnan(scaled), _UNKNOWN, scaled).astype(np.uint8).tobytes())
        return b"".join(parts)


def _bytes(numbers: NDArray[np.uint16]) -> bytes:
    """Low bytes of all ``numbers`` (N, 3), axis by axis, then the high ones."""
    axes = np.ascontiguousarray(numbers.T)
    return (axes & 255).astype(np.uint8).tobytes() + (axes >> 8).astype(np.uint8).tobytes()


def _meshes(comparison: Comparison, frame: int) -> Iterator[Mesh]:
    """Of all sides and the reference, where they have a surface."""
    for side in range(len(comparison.sides)):
        mesh = comparison.mesh(side, frame)
        if is_surface(mesh):
            yield mesh
    if comparison.reference is not None and is_surface(comparison.true_mesh(frame)):
        yield comparison.true_mesh(frame)


def _seen(comparison: Comparison, shown: DepthSequence | None, stage: Stage, frame: int) -> NDArray[np.float64]:
    """Some points (P, 3) of what was seen, upright."""
    name = comparison.frames.names[frame]
    if shown is None or name not in shown.frame_names:
        return np.empty((0, 3))
    points = shown.points_world(shown.frame_names.index(name))
    chosen = np.random.default_rng(0).permutation(len(points))[:_POINTS]
    return stage.points(points[np.sort(chosen)])
