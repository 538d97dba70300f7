"""Files of complete scans: meshes, and point clouds that show all sides; and what runs were fitted to, opened again."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.geometry.mesh_files import read_triangles
from engine.methods.run import SCAN, Run
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.opening import scene_and_subject
from engine.sequences.reader import registered_readers
from engine.sequences.scan import ScanFile
from engine.sequences.scan_views import views_around
from external.captures.point_files import ENDINGS, read_points

_MESHES = (".ply", ".obj", ".stl", ".glb", ".gltf", ".off")
_ALL_BEFORE = 0.999
"""Fraction of the points that lie before a camera in the origin, where one saw them."""
_POINTS_A_CELL = 3
"""Neighbouring directions in which nothing that one camera saw lies behind something else."""
_BEHIND = 0.03
"""Of the longest side of the whole, by which something lies behind something else: half of a forearm."""
_ONE_VIEW = 0.75
"""Fraction of the points that nothing lies before, where one camera saw them all; of all sides it is about a half."""


def scan_of(path: Path) -> ScanFile | None:
    """The scan in the file ``path``; None where that is no mesh or cloud, or what one camera in the origin saw.

    Raises:
        InputError: the file is damaged.
    """
    ending = path.suffix.lower()
    if not path.is_file() or ending not in (*_MESHES, *ENDINGS):
        return None
    vertices, faces = _surface(path)
    corners = vertices if faces is None else vertices[np.unique(faces)]
    is_whole = faces is not None and is_closed(faces)
    return ScanFile(path, vertices, faces) if is_whole or not is_one_view(corners) else None


def recording_of(run: Run, progress: Progress | None = None) -> tuple[DepthSequence, DepthSequence]:
    """What ``run`` was fitted to, whole, and its subject, with the cameras where the fit had them.

    Of a scan both are what the virtual cameras saw; of several cameras both are of the first one.

    Raises:
        InputError: it is gone, or cannot be opened any more.
        Cancelled: ``progress`` asked to stop.
    """
    inputs, told = run.inputs, run.details.get(SCAN)
    if not isinstance(told, dict) or inputs.similarity is None:
        return scene_and_subject(inputs.sequence, registered_readers(), inputs.capture, run.seen_from, progress)
    file = scan_of(inputs.sequence)
    if file is None:
        raise InputError(inputs.sequence, "is gone, or no scan any more", "put it back where it was")
    views = views_around(file, np.array(told["file_to_world"], np.float64), str(told["unit"]), inputs.similarity)
    return views, views


def is_closed(faces: NDArray[np.int64]) -> bool:
    """Whether two of ``faces`` (M, 3) meet at every edge: no camera sees such a surface whole, wherever it stands."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    return len(faces) > 0 and bool((np.unique(edges, axis=0, return_counts=True)[1] == 2).all())


def is_one_view(points: NDArray[np.float64]) -> bool:
    """Whether a camera in the origin that looks along z or -z can have seen all of ``points`` (N, 3)."""
    z = points[:, 2]
    if max((z > 0).mean(), (z < 0).mean()) < _ALL_BEFORE:
        return False
    points = points[z != 0]
    depth = np.abs(points[:, 2])
    slopes = points[:, :2] / depth[:, None]
    low, high = slopes.min(axis=0), slopes.max(axis=0)
    cells = max(1, int((len(points) / _POINTS_A_CELL) ** 0.5))  # along each of two axes
    column, row = ((slopes - low) / np.maximum(high - low, 1e-12) * (cells - 1)).astype(int).T
    nearest = np.full(cells**2, np.inf)
    np.minimum.at(nearest, row * cells + column, depth)
    behind = depth - nearest[row * cells + column] > _BEHIND * np.ptp(points, axis=0).max()
    return bool((~behind).mean() > _ONE_VIEW)


def _surface(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """Vertices, and triangles where it has any.

    Raises:
        InputError: it has neither.
    """
    if path.suffix.lower() not in ENDINGS:
        return read_triangles(path)
    if path.suffix.lower() in _MESHES:
        try:
            return read_triangles(path)
        except InputError:  # points alone, or damaged, which is then said
            pass
    return read_points(path), None
