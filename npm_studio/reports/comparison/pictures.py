"""Pictures and a video of all sides beside each other, seen in one way, their errors on one scale of colours."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.comparison.comparison import Comparison, is_surface
from engine.comparison.frame_errors import FrameErrors
from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.sequences.depth_sequence import DepthSequence
from npm_studio.reports.comparison.stage import Stage
from npm_studio.reports.pictures.colours import CLAY, colour_depth, colour_errors
from npm_studio.reports.pictures.renderer import OffscreenRenderer, Scene, ViewDirection
from npm_studio.reports.pictures.sheet import INK, font, strip
from npm_studio.reports.pictures.video import write_video

_ACROSS = 1440
"""Pixels in which all tiles of a picture stand beside each other."""
_TILE_WIDTHS, _TALL = (120, 400), 1.46
"""Least and largest width of a tile, and its height over that."""
_LARGEST_VIDEO = 240
"""Frames; of longer sequences some are shown, at the same speed."""
_UNKNOWN = np.array([196, 190, 184], np.uint8)
"""Colour of vertices whose error is not known."""
_ELEVATION = 8.0
_BAND = 36
"""Pixels above a tile for its name; the number below that stands on the backdrop."""


class Photographer:
    """Draws the sides of a comparison; use it as a context manager.

    Raises:
        InputError: this machine cannot draw.
    """

    def __init__(
        self,
        comparison: Comparison,
        shown: DepthSequence | None,
        stage: Stage,
        limit_mm: float | None,
    ) -> None:
        self._comparison, self._shown, self._stage, self._limit_mm = comparison, shown, stage, limit_mm
        count = len(comparison.sides) + (comparison.reference is not None) + (shown is not None)
        width = int(np.clip(_ACROSS // count, *_TILE_WIDTHS)) // 2 * 2
        self._renderer = OffscreenRenderer(width, int(_TALL * width) // 2 * 2)
        self._extent = stage.extent()

    def __enter__(self) -> "Photographer":
        return self

    def __exit__(self, *_: object) -> None:
        self._renderer.__exit__(None, None, None)

    def row(
        self, frame: int, turned: float = 0.0, captions: list[str] | None = None, shrink: int = 1
    ) -> NDArray[np.uint8]:
        """A picture (H, W, 3): all sides, the truth and what was seen in one frame, each with its name above it.

        Args:
            turned: degrees by which one looks from elsewhere
            captions: under the names of the sides
            shrink: by how much all but the words is smaller
        """
        tiles = []
        for side, each in enumerate(self._comparison.sides):
            mesh = self._comparison.mesh(side, frame)
            picture = self._picture(mesh, self._colours(side, frame), frame, turned)
            tiles.append(_titled(picture, each.name, "" if captions is None else captions[side], shrink))
        if self._comparison.reference is not None:
            picture = self._picture(self._comparison.true_mesh(frame), CLAY, frame, turned)
            tiles.append(_titled(picture, self._comparison.reference.name, "", shrink))
        if self._shown is not None:
            tiles.append(_titled(self._seen(frame, turned), "seen", "", shrink))
        return strip(tiles, gap=0)

    def _colours(self, side: int, frame: int) -> "str | NDArray[np.uint8]":
        if self._limit_mm is None:
            return CLAY
        errors = self._comparison.vertex_errors_mm(side, frame)
        known = np.isfinite(errors)
        colours = colour_errors(np.where(known, errors, 0), self._limit_mm)
        colours[~known] = _UNKNOWN
        return colours

    def _picture(self, mesh: Mesh, colour: "str | NDArray[np.uint8]", frame: int, turned: float) -> NDArray[np.uint8]:
        if not is_surface(mesh):
            return self._renderer.picture(Scene([_speck()]), self._view(turned), self._extent)
        scene = Scene([self._stage.mesh(mesh, frame)], [colour])
        return self._renderer.picture(scene, self._view(turned), self._extent)

    def _seen(self, frame: int, turned: float) -> NDArray[np.uint8]:
        assert self._shown is not None
        name = self._comparison.frames.names[frame]
        points, colours = np.empty((0, 3), np.float32), np.empty((0, 3), np.uint8)
        if name in self._shown.frame_names:
            index = self._shown.frame_names.index(name)
            depth_m = self._shown.depth_m(index)
            z = depth_m[depth_m > 0]
            if len(z):
                upright = self._stage.points(self._shown.points_world(index))
                points = ((upright - self._stage.middles[frame]) * self._stage.studio_scale).astype(np.float32)
                near, far = np.quantile(z, (0.01, 0.9))
                colours = colour_depth(z, float(near), float(far))
        scene = Scene([_speck()], points=points, point_colours=colours, point_size=1.6)
        return self._renderer.picture(scene, self._view(turned), self._extent)

    def _view(self, turned: float) -> ViewDirection:
        return ViewDirection(self._stage.azimuth + turned, _ELEVATION)


@dataclass(frozen=True)
class WorstFrame:
    """A frame in which a side is as bad as in few others."""

    frame: int
    side: int
    is_worst: bool
    """Of that side."""


def worst_frames(errors: FrameErrors, metric: str, most: int = 6) -> list[WorstFrame]:
    """The worst frame of each side, then those in which any side is worst; their neighbours are passed over.

    In the order of their errors, the largest first.
    """
    values = np.where(np.isfinite(errors.values[metric]), errors.values[metric], -1.0)
    own = [WorstFrame(int(row.argmax()), side, True) for side, row in enumerate(values) if row.max() >= 0]
    others = [WorstFrame(frame, int(values[:, frame].argmax()), False) for frame in range(values.shape[1])]

    def badness(each: WorstFrame) -> float:
        return -float(values[each.side, each.frame])

    chosen: list[WorstFrame] = []
    for each in sorted(own, key=badness):
        if all(each.frame != other.frame for other in chosen):
            chosen.append(each)
    apart = max(1, values.shape[1] // 20)
    for each in sorted(others, key=badness):
        if badness(each) <= 0 and all(abs(each.frame - other.frame) >= apart for other in chosen):
            chosen.append(each)
    return sorted(chosen[:most], key=badness)


def typical_frame(errors: FrameErrors, metric: str) -> int:
    """The frame whose mean over the sides is the median one."""
    values = errors.values[metric]
    known = np.isfinite(values).all(axis=0)
    rows = np.flatnonzero(known) if known.any() else np.flatnonzero(np.isfinite(values).any(axis=0))
    means = np.nanmean(values[:, rows], axis=0)
    return int(rows[np.argsort(means)[len(means) // 2]])


def comparison_video(comparison: Comparison, photographer: Photographer, path: Path, progress: Progress) -> list[int]:
    """Write an MP4 of all sides beside each other; returns the frames that it shows.

    Raises:
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    step = -(-len(comparison) // _LARGEST_VIDEO)
    frames = list(range(0, len(comparison), step))

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for done, frame in enumerate(frames):
            if progress.cancelled():
                raise Cancelled
            yield photographer.row(frame)
            progress.advance(done + 1)

    progress.stage("video", len(frames))
    write_video(pictures(), path, comparison.sides[0].meshes.frame_rate / step)
    return frames


def _titled(picture: NDArray[np.uint8], name: str, caption: str, shrink: int) -> NDArray[np.uint8]:
    """``picture`` (H, W, 3) made smaller, with a name above it and a caption on its upper edge."""
    small = Image.fromarray(picture).reduce(shrink)
    image = Image.new("RGB", (small.width, small.height + _BAND), tuple(picture[0, 0].tolist()))
    image.paste(small, (0, _BAND))
    draw, middle = ImageDraw.Draw(image), small.width // 2
    draw.text((middle, 16), _short(name, small.width // 9), INK, font(16), anchor="mm")
    draw.text((middle, 36), caption, "#5d6670", font(14), anchor="mm")
    return np.asarray(image)


def _short(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _speck() -> Mesh:
    """A triangle that nobody sees: the studio draws no empty scene."""
    corners = np.array([[0, 0, 0], [1e-6, 0, 0], [0, 1e-6, 0]], np.float32)
    return Mesh(corners, np.array([[0, 1, 2]], np.int32))
