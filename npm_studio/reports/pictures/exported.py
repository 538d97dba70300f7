"""Pictures and videos as formats of export: what is exported stands in the studio, alone."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.core.errors import Cancelled
from engine.core.files import replacing_file
from engine.core.progress import Progress
from engine.exports.content import ExportContent
from engine.exports.export_format import ExportFormat, write_frames
from engine.exports.vertex_colours import size_of_unit
from engine.geometry.mesh import Mesh
from npm_studio.reports.pictures.colours import CLAY
from npm_studio.reports.pictures.renderer import THREE_QUARTER, OffscreenRenderer, Scene, ViewDirection
from npm_studio.reports.pictures.video import write_video

_SIZE = (600, 800)
_POINTS_OF_EXTENT = 50_000
_ROUND_S, _ROUND_RATE = 4.0, 25.0
"""Seconds of one turn of a turntable, and pictures per second."""


class _Studio:
    """What is exported, in units of the studio."""

    def __init__(self, content: ExportContent) -> None:
        self.content, self._unit = content, size_of_unit(content.meshes.read(0).vertices)

    def scene(self, index: int) -> Scene:
        mesh, colours = self.content.meshes.read(index), self.content.colours
        paint = CLAY if colours is None else colours.read(index)
        return Scene([self._placed(mesh)], [paint])

    def extent(self, count: int) -> NDArray[np.float32]:
        """Vertices (N, 3) of the first ``count`` frames, of long sequences some."""
        meshes = self.content.meshes
        step = max(1, count * len(meshes.read(0).vertices) // _POINTS_OF_EXTENT)
        return np.concatenate([self._placed(meshes.read(index)).vertices[::step] for index in range(count)])

    def _placed(self, mesh: Mesh) -> Mesh:
        return Mesh(self._unit.to_canonical(mesh.vertices), mesh.faces)


def write_pictures(content: ExportContent, out: Path, progress: Progress) -> None:
    """A PNG of each frame with a transparent background, all seen by one camera.

    Raises:
        InputError: this machine cannot draw.
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    studio = _Studio(content)
    extent = studio.extent(len(content.meshes))
    with OffscreenRenderer(*_SIZE) as renderer:

        def save(index: int, path: Path) -> None:
            said = PngInfo()
            said.add_text("Software", "; ".join(content.about(index)))
            picture = renderer.picture(studio.scene(index), THREE_QUARTER, extent, transparent=True)
            with replacing_file(path) as temporary:
                Image.fromarray(picture).save(temporary, format="PNG", pnginfo=said)

        write_frames(content, out, PNG.suffix, save, progress)


def write_motion(content: ExportContent, out: Path, progress: Progress) -> None:
    """An MP4 of all frames at their rate, seen by a camera that stands still.

    Raises:
        InputError: this machine cannot draw.
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    studio, count = _Studio(content), len(content.meshes)
    extent = studio.extent(count)

    def pictures() -> Iterator[NDArray[np.uint8]]:
        with OffscreenRenderer(*_SIZE) as renderer:
            for index in _counted(count, progress):
                yield renderer.picture(studio.scene(index), THREE_QUARTER, extent)

    write_video(pictures(), out, content.frame_rate)


def write_turntable(content: ExportContent, out: Path, progress: Progress) -> None:
    """An MP4 of the first frame, with a camera that goes around it once.

    Raises:
        InputError: this machine cannot draw.
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    studio, count = _Studio(content), round(_ROUND_S * _ROUND_RATE)
    scene = studio.scene(0)
    extent = _swept(studio.extent(1))

    def pictures() -> Iterator[NDArray[np.uint8]]:
        with OffscreenRenderer(*_SIZE) as renderer:
            for index in _counted(count, progress):
                view = ViewDirection(THREE_QUARTER.azimuth + 360 * index / count, THREE_QUARTER.elevation)
                yield renderer.picture(scene, view, extent)

    write_video(pictures(), out, _ROUND_RATE)


def _swept(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points (N, 3) around the axis that ``points`` turn around: the picture must not breathe as the camera goes."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    radius = np.linalg.norm((points - middle)[:, [0, 2]], axis=1).max()
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    rings = [
        np.column_stack([middle[0] + radius * np.cos(angles), np.full(72, height), middle[2] + radius * np.sin(angles)])
        for height in (low[1], high[1])
    ]
    return np.concatenate(rings).astype(np.float32)


def _counted(count: int, progress: Progress) -> Iterator[int]:
    """0, 1, ... ``count`` - 1 with progress; raises Cancelled when asked to stop."""
    progress.stage("export", count)
    for index in range(count):
        if progress.cancelled():
            raise Cancelled
        yield index
        progress.advance(index + 1)


_upright = partial(
    ExportFormat,
    colours="of each frame",
    ups=("y",),
    why_up="is not for pictures, which stand upright anyway",
    frames_of_reference=("world",),
)
PNG = _upright("png", "PNG pictures", ".png", write_pictures, per_frame=True)
MP4 = _upright("mp4", "an MP4 video", ".mp4", write_motion)
TURNTABLE = _upright("turntable", "a turntable", ".mp4", write_turntable)
