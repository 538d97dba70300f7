"""Camera intrinsics as values: the pinhole camera that numbers and a size of pictures describe.

Pixel centres are at +0.5 (see `docs/conventions.md`); matrices follow OpenCV, whose pixel centres are at whole numbers,
and half a pixel is added to their principal point.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Remedy, Setting, remedy
from engine.geometry.camera import PinholeCamera

MINIMAL = '{"width": 640, "height": 480, "fx": 525, "fy": 525, "cx": 320, "cy": 240}'
GIVE = remedy("give {} fx,fy,cx,cy or FILE", Setting.INTRINSICS)
REMEDY = remedy(
    "put intrinsics.json beside the frames, such as {}, or give {} fx,fy,cx,cy or FILE", MINIMAL, Setting.INTRINSICS
)
_WIDEST, _NARROWEST = 0.1, 50.0
"""Focal lengths per width or height of the picture; beyond them subjects are kilometres wide, or hairs."""


@dataclass(frozen=True)
class Intrinsics:
    """A camera whose size may come from the frames; pixels, pixel centres at +0.5."""

    source: str
    fx: float
    fy: float
    cx: float
    cy: float
    width: int | None = None
    height: int | None = None
    depth_scale: float | None = None
    frame_rate: float | None = None
    stated: bool = False
    """Whether the user stated the numbers for this recording."""
    distorted: bool = False
    """Whether a lens distortion is stated as well."""

    @property
    def origin(self) -> str:
        """``intrinsics from camera.json``, or ``intrinsics 525,525,320,240`` of stated numbers."""
        numbers = self.source.removeprefix("the ")
        return numbers if numbers != self.source else f"intrinsics from {Path(self.source).name}"

    def camera(self, width: int, height: int) -> PinholeCamera:
        """The camera; ``width`` and ``height`` of the frames apply where the intrinsics do not state a size.

        Raises:
            InputError: the numbers describe no camera of that size.
        """
        width, height = self.width or width, self.height or height
        try:
            camera = PinholeCamera(width, height, self.fx, self.fy, self.cx, self.cy)
        except ValueError as error:
            raise InputError(self.source, f"does not describe a camera ({error})", REMEDY) from None
        if not (0 <= camera.cx <= width and 0 <= camera.cy <= height):
            problem = f"the principal point ({camera.cx:g}, {camera.cy:g}) is outside {width}x{height} pixels"
            raise InputError(self.source, problem, "check the order fx, fy, cx, cy and the size of the frames")
        return camera


def scaled_to(intrinsics: Intrinsics, size: tuple[int, int]) -> tuple[PinholeCamera, tuple[Notice, ...]]:
    """The camera of pictures of ``size`` (width, height), and what to say of it.

    Intrinsics that state another size are scaled where the pictures are the same ones, made smaller or larger; where
    they state none, the principal point tells whether they can be of such pictures.

    Raises:
        InputError: they are of pictures of another shape, or describe no camera of that size.
    """
    width, height = size
    whole = intrinsics.camera(width, height)  # numbers of no camera at all are refused as such
    if not all(_WIDEST <= focal <= _NARROWEST for focal in (whole.fx / whole.width, whole.fy / whole.height)):
        problem = f"has fx {whole.fx:g} and fy {whole.fy:g} for pictures of {whole.width}x{whole.height}"
        raise InputError(intrinsics.source, f"{problem}, which no lens has", "give them in pixels")
    stated_width, stated_height = intrinsics.width or width, intrinsics.height or height
    if (stated_width, stated_height) == size:
        camera = intrinsics.camera(width, height)
        return camera, _worth_saying(intrinsics, camera)
    stated = f"{stated_width}x{stated_height}"
    if not is_scaled((stated_width, stated_height), size):
        problem = f"is for pictures of {stated}, which those of {width}x{height} cannot have been made from by scaling"
        raise InputError(intrinsics.source, problem, remedy("give the depth images' own with {}", Setting.INTRINSICS))
    across, down = width / stated_width, height / stated_height
    camera = replace(
        intrinsics,
        fx=intrinsics.fx * across,
        fy=intrinsics.fy * down,
        cx=intrinsics.cx * across,
        cy=intrinsics.cy * down,
        width=width,
        height=height,
    ).camera(width, height)
    text = f"intrinsics are scaled from {stated} to the {width}x{height} of the depth images: fx {camera.fx:.4g}"
    fix = remedy("give the depth images' own with {} if they were cut out and not scaled", Setting.INTRINSICS)
    return camera, (Notice(text, fix), *_worth_saying(intrinsics, camera))


def is_scaled(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether pictures of one size (width, height) can have been made from those of the other by scaling."""
    (width, height), (other_width, other_height) = size, other
    return abs(width * other_height / height - other_width) <= 1  # a picture divided by three is rounded


def _worth_saying(intrinsics: Intrinsics, camera: PinholeCamera) -> tuple[Notice, ...]:
    notices = _off_centre(intrinsics, camera)
    if intrinsics.distorted:
        text = f"the lens distortion that {Path(intrinsics.source).name} states is not corrected"
        notices += (Notice(text, Remedy("export undistorted depth if it is large")),)
    return notices


def _off_centre(intrinsics: Intrinsics, camera: PinholeCamera) -> tuple[Notice, ...]:
    """A principal point outside the middle half of the picture: refused where nobody states a size, else said."""
    across, down = camera.cx / camera.width, camera.cy / camera.height
    if 0.25 <= across <= 0.75 and 0.25 <= down <= 0.75:
        return ()
    size = f"{camera.width}x{camera.height}"
    problem = f"the principal point ({camera.cx:g}, {camera.cy:g}) is far from the middle of {size} pixels"
    if intrinsics.width is None and not intrinsics.stated:
        fix = remedy("state the width and height that they are for in a file such as {}", MINIMAL)
        raise InputError(intrinsics.source, f"{problem}, as that of pictures of another size is", fix)
    return (Notice(problem, remedy("correct {} if the picture was not cut out of a larger one", Setting.INTRINSICS)),)


def from_matrix(matrix: NDArray[np.floating[Any]], source: str, **more: Any) -> Intrinsics:
    """From K (3, 3) as OpenCV has it, with pixel centres at whole numbers.

    Raises:
        InputError: it is not an upper triangular camera matrix.
    """
    k = np.asarray(matrix, np.float64)[:3, :3]
    is_camera = np.isfinite(k).all() and np.allclose(k[[1, 2, 2], [0, 0, 1]], 0) and np.isclose(k[2, 2], 1)
    if not is_camera or abs(k[0, 1]) > 1e-3 * abs(k[0, 0]):
        raise InputError(source, "holds a matrix that is not [fx 0 cx; 0 fy cy; 0 0 1]", REMEDY)
    return Intrinsics(source, float(k[0, 0]), float(k[1, 1]), float(k[0, 2]) + 0.5, float(k[1, 2]) + 0.5, **more)
