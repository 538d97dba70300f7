"""Files of camera intrinsics in the forms that people bring them.

=============================  ===================================================================================
``intrinsics.json``            width, height, fx, fy, cx, cy in pixels; optional depth_scale, frame_rate
Open3D, Record3D, RealSense    ``intrinsic_matrix`` (column by column), ``K``, ``ppx`` and ``ppy``
YAML of ROS and OpenCV         ``camera_matrix``, ``image_width``; ORB-SLAM's ``Camera.fx``, Kalibr's ``cam0``
YAML of several sensors        the one that is of the type depth or has it in its name (OpenLORIS)
text of numbers                3x3, 3x4 or 4x4 with or without brackets, or ``fx fy cx cy``
text of names and numbers      ``fx_depth = 577.9`` and ``m_calibrationDepthIntrinsic = ...`` (ScanNet)
``.npy``                       the same numbers
=============================  ===================================================================================

Only what `intrinsics.json` calls cx and cy has pixel centres at +0.5; all else follows OpenCV.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from engine.core.errors import InputError, in_words
from engine.core.files import read_json
from engine.core.text_file import number_of, numbers, read_text
from external.captures.intrinsics_values import REMEDY, Intrinsics, from_matrix
from external.captures.stream_names import other_stream, says_depth

_MAX_BYTES = 200_000
_OTHER_NAMES = {
    "ppx": "cx",
    "ppy": "cy",
    "mx": "cx",
    "my": "cy",
    "imagewidth": "width",
    "imageheight": "height",
    "w": "width",
    "h": "height",
}
_OTHER_NAMES |= {"fps": "framerate", "shift": "scale", "mapfactor": "scale", "distortioncoefficients": "distortion"}
_OTHER_NAMES |= {"distcoeffs": "distortion", "coeffs": "distortion", "d": "distortion", "imagesize": "resolution"}
_MATRICES = ("intrinsicmatrix", "cameramatrix", "camk", "k", "intrinsics", "intrinsic", "calibrationintrinsic")
_FIELDS = {"width": "width", "height": "height", "depthscale": "depth_scale", "framerate": "frame_rate"}
_MEMBER = re.compile(r"^(m_|camera\d*\.)", re.IGNORECASE)
_LINE = re.compile(r"\s*([A-Za-z_][\w.]*)(?:\s*[:=]\s*|\s+)([\[(+-]?[\d.].*)")
_DEEPEST = 3


def read_intrinsics(path: Path) -> Intrinsics:
    """From a file of one of the forms above.

    Raises:
        InputError: it is none of them.
    """
    if path.suffix.lower() == ".npy":
        return _from_npy(path)
    text = read_text(path, REMEDY, _MAX_BYTES)
    if path.suffix.lower() == ".json" or text.lstrip().startswith("{"):
        return _from_tree(read_json(path, REMEDY), path, centred=True)
    if path.suffix.lower() in (".yaml", ".yml") or text.startswith("%YAML"):
        return _from_tree(_yaml(text, path), path)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("#", "//"))]
    found = numbers("\n".join(lines))
    if found is not None:
        return _from_numbers(found, path)
    named = {match[1]: numbers(match[2]) for line in lines if (match := _LINE.fullmatch(line))}
    tree = {name: values[0] if len(values) == 1 else values for name, values in named.items() if values}
    if not tree:
        raise InputError(path, "does not hold a 3x3 or 4x4 matrix of numbers", REMEDY)
    return _from_tree(tree, path)


def _yaml(text: str, path: Path) -> Any:
    """A tree of YAML, that of OpenCV included, whose first line and tags other readers refuse."""
    text = re.sub(r"\A%YAML[^\n]*\n", "", text)
    text = re.sub(r"!!opencv-\w+", "", text)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise InputError(path, f"is not valid YAML{where}", REMEDY) from None


def _from_npy(path: Path) -> Intrinsics:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.ndim == 3 and len(array) and (array == array[:1]).all():  # one for each frame
            array = array[0]
        if array.size > 16:
            raise InputError(path, f"holds an array of shape {array.shape}, no camera matrix", REMEDY)
        return _from_numbers([float(value) for value in array.reshape(-1)], path)
    except InputError:
        raise
    except Exception:  # headers fail in many ways
        raise InputError(path, "is truncated or not a readable npy file", REMEDY) from None


def _from_numbers(values: list[float], path: Path, **more: Any) -> Intrinsics:
    """From a matrix row by row, or four numbers; pixel centres at whole numbers."""
    if len(values) in (9, 12, 16):
        matrix = np.reshape(values, (3, 3) if len(values) == 9 else (-1, 4))[:3, :3]
        if not matrix[:2, 2].any() and matrix[2, :2].any():  # column by column
            matrix = matrix.T
        return from_matrix(matrix, str(path), **more)
    if len(values) == 4:
        fx, fy, cx, cy = values
        if abs(fx - fy) > 0.2 * abs(fx) and abs(fx - cx) < 0.05 * abs(fx):  # OpenLORIS: fx, cx, fy, cy
            fy, cx = cx, fy
        return Intrinsics(str(path), fx, fy, cx + 0.5, cy + 0.5, **more)
    problem = f"does not hold a 3x3 or 4x4 matrix of numbers, a 3x4 one, or fx fy cx cy, but {len(values)} numbers"
    raise InputError(path, problem, REMEDY)


def _from_tree(tree: Any, path: Path, centred: bool = False) -> Intrinsics:
    """From parsed JSON or YAML; ``centred`` says that cx and cy have pixel centres at +0.5."""
    try:
        if isinstance(tree, list):
            values = _flat(tree)
            if len(values) in (4, 9, 12, 16):
                return _from_numbers(values, path)
        if not isinstance(tree, Mapping):
            raise InputError(path, "does not describe a camera", REMEDY)
        return _from_mapping(tree, path, centred, 0)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(path, f"does not describe a camera{in_words(error)}", REMEDY) from None


def _from_mapping(tree: Mapping[Any, Any], path: Path, centred: bool, depth: int) -> Intrinsics:
    entries = _entries(tree)
    more = _more(entries, path)
    for name in _MATRICES:
        value = entries.get(name)
        if isinstance(value, Mapping) and "data" in value:
            value = value["data"]
        if isinstance(value, Mapping) and depth < _DEEPEST:
            found = _from_mapping(value, path, centred, depth + 1)
            return replace(found, **{key: given for key, given in more.items() if getattr(found, key) is None})
        if isinstance(value, list):
            values = _flat(value)
            if name == "intrinsicmatrix" and len(values) != 9:
                raise InputError(path, f"intrinsic_matrix must hold 9 numbers, holds {len(values)}", REMEDY)
            if name == "intrinsicmatrix" and not isinstance(value[0], list):  # Open3D: column by column
                return from_matrix(np.reshape(values, (3, 3)).T, str(path), **more)
            return _from_numbers(values, path, **more)
    if "fx" in entries or depth == _DEEPEST:
        return _from_names(entries, path, centred and "ppx" not in tree, more)
    cameras = _cameras(tree, path)
    if not cameras:
        return _from_names(entries, path, centred, more)
    found, *others = [_from_mapping(camera, path, centred, depth + 1) for camera in cameras.values()]
    if any(other != found for other in others):
        names = ", ".join(list(cameras)[:4])
        raise InputError(path, f"describes {len(cameras)} cameras ({names})", "leave only that of the depth images")
    return found


def _entries(tree: Mapping[Any, Any]) -> dict[str, Any]:
    """Under plain names, those of the depth camera before those of no camera; what is of another is left out."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        name = _MEMBER.sub("", str(name), count=1)
        if other_stream(name) or value is None:
            continue
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        bare = plain.replace("depth", "")
        bare = _OTHER_NAMES.get(bare, bare)
        if bare == "scale" and "depth" in plain:
            bare = "depthscale"
        if bare not in found or bare != plain:
            found[bare] = value
    return found


def _more(entries: dict[str, Any], path: Path) -> dict[str, Any]:
    """Size, scale and frame rate, where they are stated, and whether there is a distortion."""
    resolution = entries.get("resolution")
    if isinstance(resolution, list) and len(resolution) == 2:
        entries = dict(zip(("width", "height"), resolution, strict=True)) | entries
    more: dict[str, Any] = {}
    for name, field in _FIELDS.items():
        if name in entries:
            value = number_of(entries[name])
            if not (np.isfinite(value) and value > 0):
                raise InputError(path, f"{field} must be a positive number, is {entries[name]}", REMEDY)
            more[field] = int(value) if name in ("width", "height") else value
    distortion = entries.get("distortion")
    if isinstance(distortion, Mapping):
        distortion = distortion.get("data")
    if isinstance(distortion, list):
        more["distorted"] = any(abs(value) > 1e-6 for value in _flat(distortion))
    return more


def _from_names(entries: dict[str, Any], path: Path, centred: bool, more: dict[str, Any]) -> Intrinsics:
    missing = [name for name in ("fx", "fy", "cx", "cy") if name not in entries]
    if missing:
        raise InputError(path, f"lacks {', '.join(missing)}", REMEDY)
    fx, fy, cx, cy = (number_of(entries[name]) for name in ("fx", "fy", "cx", "cy"))
    half = 0.0 if centred else 0.5
    return Intrinsics(str(path), fx, fy, cx + half, cy + half, **more)


def _cameras(tree: Mapping[Any, Any], path: Path) -> dict[str, Mapping[Any, Any]]:
    """The parts of ``tree`` that are of the depth camera, or, where none is said to be of another, all.

    Raises:
        InputError: some are of others and none of the depth camera.
    """
    parts = {str(name): value for name, value in tree.items() if isinstance(value, Mapping)}
    kinds = {name: str(part.get("type", "")) for name, part in parts.items()}
    depth = {name: part for name, part in parts.items() if says_depth(kinds[name]) or says_depth(name)}
    plain = {name: part for name, part in parts.items() if not (other_stream(name) or other_stream(kinds[name]))}
    if not depth and len(plain) < len(parts):
        names = ", ".join(list(parts)[:4])
        raise InputError(path, f"describes no depth camera, only {names}", REMEDY)
    return depth or {name: part for name, part in plain.items() if _describes(part)}


def _describes(part: Mapping[Any, Any]) -> bool:
    """Whether a part says something of a camera."""
    entries = _entries(part)
    return "fx" in entries or any(name in entries for name in _MATRICES)


def _flat(values: Any) -> list[float]:
    """Numbers of a list, or a list of lists."""
    rows = values if isinstance(values, list) else [values]
    return [number_of(value) for row in rows for value in (row if isinstance(row, list) else [row])]
