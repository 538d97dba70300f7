"""Pictures and videos of a fitted sequence: the observation, the fit over it, and how far it is from the truth."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.exports.vertex_colours import size_of_unit
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.similarity import Similarity
from engine.methods.run import Run
from engine.sequences.depth_sequence import DepthSequence
from external.scans import recording_of
from npm_studio.reports.pictures.colours import colour_depth, colour_errors, error_legend
from npm_studio.reports.pictures.renderer import THREE_QUARTER, OffscreenRenderer, Scene, ViewDirection
from npm_studio.reports.pictures.sheet import caption, grid, strip
from npm_studio.reports.pictures.video import write_video

_log = logging.getLogger(__name__)

_TILE = (420, 600)
_POINTS_OF_EXTENT = 50_000
"""Of a whole video: they show to a few millimetres what it has to take in, and each picture asks all of them."""
_OVERLAY = ViewDirection(40.0, 10.0)


def find_sequence(run: Run) -> DepthSequence | None:
    """The depth sequence that ``run`` was fitted to, or None when it is gone or has other frames now."""
    try:
        _, sequence = recording_of(run)
    except InputError as error:
        _log.warning("pictures without the recording: %s", error)
        return None
    return sequence if set(run.frame_names) <= set(sequence.frame_names) else None


def studio_similarity(run: Run) -> Similarity:
    """From the metres of ``run`` to the size that the studio is lit for, a canonical cube.

    That of its model; where it has none, the largest extent of its first mesh becomes 0.8.
    """
    if run.inputs.similarity is not None:
        return run.inputs.similarity
    return size_of_unit(run.meshes.read(0).vertices)


class _FittedMeshes:
    """The fitted meshes of a run in the units of the studio."""

    def __init__(self, run: Run) -> None:
        self.similarity, self._meshes = studio_similarity(run), run.meshes

    def __len__(self) -> int:
        return len(self._meshes)

    def mesh(self, frame: int) -> Mesh:
        mesh = self._meshes.read(frame)
        return Mesh(self.similarity.to_canonical(mesh.vertices), mesh.faces)

    def extent(self, frames: Iterable[int]) -> NDArray[np.float32]:
        """Vertices (N, 3) of all ``frames``, of long sequences some."""
        chosen = list(frames)
        step = max(1, len(chosen) * len(self._meshes.read(0).vertices) // _POINTS_OF_EXTENT)
        return np.concatenate([self.mesh(frame).vertices[::step] for frame in chosen])


class Observer:
    """Shows what the depth camera saw during ``run``; one range of colours for all frames."""

    def __init__(self, run: Run, sequence: DepthSequence) -> None:
        self._names, self._sequence, self._similarity = run.frame_names, sequence, studio_similarity(run)
        self._meshes = run.meshes
        to_camera = [np.linalg.inv(sequence.camera_at(sequence.frame_names.index(name))) for name in self._names]
        depth = [
            transform_points(pose, mesh.vertices[::7])[:, 2] for pose, mesh in zip(to_camera, run.meshes, strict=True)
        ]
        self._near, self._far = (float(value) for value in np.quantile(np.concatenate(depth), (0.01, 0.85)))

    def points(self, frame: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Observed points (P, 3) in a cube about the fit, in units of the studio, and colours (P, 3) by depth."""
        index = self._sequence.frame_names.index(self._names[frame])
        depth_m = self._sequence.depth_m(index)
        points = self._similarity.to_canonical(self._sequence.points_world(index))
        mesh = self._similarity.to_canonical(self._meshes.read(frame).vertices)
        middle = 0.5 * (mesh.min(axis=0) + mesh.max(axis=0)) if len(mesh) else np.zeros(3, np.float32)
        inside = (np.abs(points - middle) <= 0.5).all(axis=1)
        return points[inside], colour_depth(depth_m[depth_m > 0][inside], self._near, self._far)


def spread(count: int, total: int) -> list[int]:
    """At most ``count`` indices below ``total``, evenly spread, the first included."""
    return [index * total // min(count, total) for index in range(min(count, total))]


def fit_sheet(run: Run, sequence: DepthSequence | None, columns: int = 5) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of some frames side by side: what was observed, and the fit over it.

    Without a ``sequence`` the fit alone.
    """
    frames = spread(columns, len(run.frame_names))
    observer = None if sequence is None else Observer(run, sequence)
    fitted = _FittedMeshes(run)
    scenes = [_scenes(fitted, observer, frame) for frame in frames]
    extent = fitted.extent(frames)
    view = THREE_QUARTER if sequence is None else _OVERLAY
    tiles = []
    with OffscreenRenderer(*_TILE) as renderer:
        for frame, row in zip(frames, scenes, strict=True):
            pictures = [renderer.picture(scene, view, extent) for scene in (row[:2] if sequence else row)]
            tiles.append(caption(grid(pictures, 1), f"frame {run.frame_names[frame]}"))
    return strip(tiles)


def error_sheet(
    run: Run, errors_mm: Sequence[NDArray[np.float32]], limit_mm: float = 20.0, columns: int = 5
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of some frames coloured by their distance to the true surface, with a legend.

    Args:
        errors_mm: per frame of ``run`` the distance (V,) of every vertex
        limit_mm: distance of the last colour
    """
    frames = spread(columns, len(run.frame_names))
    fitted = _FittedMeshes(run)
    extent = fitted.extent(frames)
    tiles = []
    with OffscreenRenderer(*_TILE) as renderer:
        for frame in frames:
            scene = Scene([fitted.mesh(frame)], [colour_errors(errors_mm[frame], limit_mm)])
            text = f"frame {run.frame_names[frame]}: mean {errors_mm[frame].mean():.1f} mm"
            tiles.append(caption(renderer.picture(scene, THREE_QUARTER, extent), text))
    row = grid(tiles, len(tiles))
    return np.concatenate((row, error_legend(limit_mm, row.shape[1])))


def run_video(run: Run, sequence: DepthSequence | None, path: Path, progress: Progress | None = None) -> None:
    """Write an MP4 of ``run``: the observation, the fit over it and the fit; without ``sequence`` the fit alone.

    Raises:
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    progress = progress or Progress()
    view = THREE_QUARTER if sequence is None else _OVERLAY
    observer = None if sequence is None else Observer(run, sequence)
    fitted = _FittedMeshes(run)
    extent = fitted.extent(range(len(fitted)))

    def pictures() -> Iterator[NDArray[np.uint8]]:
        with OffscreenRenderer(*_TILE) as renderer:
            for frame in range(len(run.frame_names)):
                if progress.cancelled():
                    raise Cancelled
                yield strip(
                    [renderer.picture(scene, view, extent) for scene in _scenes(fitted, observer, frame)], gap=0
                )
                progress.advance(frame + 1)

    progress.stage("video", len(run.frame_names))
    write_video(pictures(), path, run.meshes.frame_rate)


def _scenes(fitted: _FittedMeshes, observer: Observer | None, frame: int) -> list[Scene]:
    """The observation, the fit over it and the fit; without ``observer`` the fit alone."""
    fit = Scene([fitted.mesh(frame)])
    if observer is None:
        return [fit]
    points, colours = observer.points(frame)
    seen = Scene(points=points, point_colours=colours)
    over = Scene(fit.meshes, points=points, point_colours=colours, point_size=1.4)  # leaves the surface visible
    return [seen, over, fit]
