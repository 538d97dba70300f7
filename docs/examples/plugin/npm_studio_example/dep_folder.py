"""Recordings in ``.dep`` files: a folder with the camera in ``dep.json`` and one file of raw depth per frame.

``dep.json`` states width, height, fx, fy, cx and cy in pixels (pixel centres at +0.5). The file ``NAME.dep`` of a
frame holds width x height float32 in metres, little-endian, row by row from the top left; 0 is invalid.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from npm_studio.api import CaptureOptions, InputError, PinholeCamera, Recording, RecordingReader, Setting

_CURE = "write width, height, fx, fy, cx and cy in pixels into it"


def why_dep(folder: Path) -> str:
    """Why ``folder`` is such a recording; empty where it is none."""
    return "has dep.json" if (folder / "dep.json").is_file() else ""


def read_dep(folder: Path, options: CaptureOptions) -> Recording:
    """The index of a recording; its frames are read when they are asked for.

    Raises:
        InputError: ``dep.json`` does not describe a camera, or another one is stated.
    """
    if options.intrinsics is not None:
        raise InputError(Setting.INTRINSICS, f"cannot be stated: {folder / 'dep.json'} has them", "correct them there")
    camera = _camera(folder / "dep.json")
    paths = sorted(folder.glob("*.dep"))
    return Recording(
        path=folder,
        origin=f"dep: {why_dep(folder)} and {len(paths)} .dep files",
        camera=camera,
        frame_names=tuple(path.stem for path in paths),
        read_stored=lambda index: _read_frame(paths[index], camera),
        units_per_metre=1.0,
    )


def _camera(path: Path) -> PinholeCamera:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return PinholeCamera(**{name: values[name] for name in ("width", "height", "fx", "fy", "cx", "cy")})
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"does not describe a camera ({error.__class__.__name__}: {error})"
        raise InputError(path, problem, _CURE) from None


def _read_frame(path: Path, camera: PinholeCamera) -> NDArray[np.float32]:
    """Depth (H, W) in metres."""
    size = 4 * camera.width * camera.height
    if path.stat().st_size != size:
        problem = f"has {path.stat().st_size} bytes, {camera.width}x{camera.height} pixels of float32 are {size}"
        raise InputError(path, problem, "copy it again, or correct the size in dep.json")
    return np.fromfile(path, "<f4").reshape(camera.height, camera.width)


READER = RecordingReader(
    id="dep", title="dep", form="a folder with dep.json", read=read_dep, folder=why_dep, parts=("dep.json", ".dep")
)
