"""Camera intrinsics in the forms that recordings carry them.

============================  ====================================================================================
``intrinsics.json``           width, height, fx, fy, cx, cy in pixels; optional depth_scale, frame_rate
Open3D JSON                   width, height, intrinsic_matrix (9 numbers, column by column)
text, 3x3 or 4x4 numbers      DeepDeform's ``intrinsics.txt``, ScanNet's ``intrinsic_depth.txt``
``fx,fy,cx,cy``               stated by the user
============================  ====================================================================================

Pixel centres are at +0.5 in the first and the last form (see `docs/conventions.md`); matrices follow OpenCV, whose
pixel centres are at whole numbers, and half a pixel is added to their principal point.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Notice, Setting, remedy
from engine.core.files import read_json
from engine.geometry.camera import PinholeCamera

MINIMAL = '{"width": 640, "height": 480, "fx": 525, "fy": 525, "cx": 320, "cy": 240}'
GIVE = remedy("give {} fx,fy,cx,cy or FILE", Setting.INTRINSICS)
REMEDY = remedy(
    "put intrinsics.json beside the frames, such as {}, or give {} fx,fy,cx,cy or FILE", MINIMAL, Setting.INTRINSICS
)
_NAMES = (
    *("intrinsics.json", "intrinsic.json", "camera_intrinsic.json", "camera_intrinsics.json", "camera.json"),
    *("intrinsics.txt", "intrinsic.txt", "intrinsic_depth.txt", "camera-intrinsics.txt"),
)
_MAX_BYTES = 1_000_000


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
    stated_width, stated_height = intrinsics.width or width, intrinsics.height or height
    if (stated_width, stated_height) == size:
        camera = intrinsics.camera(width, height)
        return camera, _off_centre(intrinsics, camera)
    stated = f"{stated_width}x{stated_height}"
    if abs(stated_width * height / stated_height - width) > 1:  # a picture divided by three is rounded
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
    return camera, (Notice(text, fix), *_off_centre(intrinsics, camera))


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


def chosen_intrinsics(stated: str | Path | None, folder: Path) -> Intrinsics | None:
    """What the user stated, or else the first known file beside the frames of ``folder``; None without either.

    Raises:
        InputError: what is stated or found cannot be used.
    """
    if stated is not None:
        return parse_intrinsics(stated)
    for place in (folder, folder.parent) if folder.name.lower().startswith("depth") else (folder,):
        for name in _NAMES:
            if (place / name).is_file():
                return read_intrinsics(place / name)
    return None


def parse_intrinsics(stated: str | Path) -> Intrinsics:
    """``fx,fy,cx,cy`` or a file.

    Raises:
        InputError: it is neither.
    """
    numbers = _numbers(str(stated))
    if numbers is not None and len(numbers) == 4:
        fx, fy, cx, cy = numbers
        return Intrinsics(f"the intrinsics {stated}", fx, fy, cx, cy, stated=True)
    if not Path(stated).is_file():
        raise InputError(Choice(Setting.INTRINSICS, str(stated)), "is neither four numbers nor a file", REMEDY)
    return read_intrinsics(Path(stated))


def read_intrinsics(path: Path) -> Intrinsics:
    """From a JSON or text file of one of the forms above.

    Raises:
        InputError: it is none of them.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(path, "is too large for intrinsics", REMEDY)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", REMEDY) from None
    if path.suffix.lower() == ".json" or text.lstrip().startswith("{"):
        return _from_json(path)
    numbers = _numbers(text)
    if numbers is None or len(numbers) not in (9, 16):
        raise InputError(path, "does not hold a 3x3 or 4x4 matrix of numbers", REMEDY)
    return from_matrix(np.reshape(numbers, (3, 3) if len(numbers) == 9 else (4, 4)), str(path))


def _from_json(path: Path) -> Intrinsics:
    description = read_json(path, REMEDY)
    if not isinstance(description, dict):
        raise InputError(path, "does not describe a camera", REMEDY)
    try:
        more: dict[str, Any] = {
            key: kind(description[key])
            for key, kind in (("width", int), ("height", int), ("depth_scale", float), ("frame_rate", float))
            if description.get(key) is not None
        }
        if "intrinsic_matrix" in description:
            matrix = np.asarray(description["intrinsic_matrix"], np.float64).reshape(-1)
            if matrix.shape != (9,):
                raise InputError(path, f"intrinsic_matrix must hold 9 numbers, holds {matrix.size}", REMEDY)
            return from_matrix(matrix.reshape(3, 3).T, str(path), **more)
        missing = [key for key in ("fx", "fy", "cx", "cy") if key not in description]
        if missing:
            raise InputError(path, f"lacks {', '.join(missing)}", REMEDY)
        fx, fy, cx, cy = (float(description[key]) for key in ("fx", "fy", "cx", "cy"))
        intrinsics = Intrinsics(str(path), fx, fy, cx, cy, **more)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(path, f"does not describe a camera ({error})", REMEDY) from None
    for key in ("width", "height", "depth_scale", "frame_rate"):
        value = getattr(intrinsics, key)
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(path, f"{key} must be a positive number, is {value}", REMEDY)
    return intrinsics


def _numbers(text: str) -> list[float] | None:
    try:
        return [float(word) for word in re.split(r"[\s,;]+", text.strip()) if word]
    except ValueError:
        return None
