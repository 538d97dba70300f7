"""What the name of a stream, folder or file says that it holds.

A stream is depth because it says so, or because nothing else can be meant and its numbers agree; 16-bit images of
infrared or thermal cameras look the same to a parser.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_OTHERS = {
    "infrared": ("ir", "ir1", "ir2", "infra", "infra1", "infra2", "infrared", "nir", "amplitude", "brightness"),
    "thermal": ("thermal", "thermo", "temperature", "lwir", "flir"),
    "disparity": ("disparity",),
    "confidence": ("confidence",),
    "colour": ("color", "colour", "rgb"),
}
_WORD = re.compile(r"[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*(?![a-z])")
_PLAUSIBLE_M = (0.1, 12.0)
_ROUGH = 0.02
_FEW = 1000


def says_depth(name: str) -> bool:
    """Whether ``name`` holds the word depth, in any spelling of the letters."""
    return "depth" in name.lower()


def other_stream(name: str) -> str:
    """``infrared``, ``thermal``, ``disparity``, ``confidence`` or ``colour``, if ``name`` says so and not depth."""
    if says_depth(name):
        return ""
    small = name.lower()
    if not any(word in small for words in _OTHERS.values() for word in words):  # most names, and the quicker way
        return ""
    found = {word.lower() for word in _WORD.findall(name)}
    found |= {word.rstrip("0123456789") for word in found}
    return next((kind for kind, words in _OTHERS.items() if found.intersection(words)), "")


def stream_of_path(path: str) -> str:
    """``depth`` or another kind, as the last part of a topic such as ``/camera/depth/image_raw`` says that says any."""
    for part in reversed(path.split("/")):
        if kind := "depth" if says_depth(part) else other_stream(part):
            return kind
    return ""


def looks_like_depth(stored: NDArray[Any], units_per_metre: float) -> bool:
    """Whether an image (H, W) that says nothing about itself can be depth, by its numbers.

    Depth is between a hand's breadth and a hall away, and smooth nearly everywhere: half of all pixels differ from
    the next in their row by less than two hundredths.
    """
    depth = np.asarray(stored, np.float64) / units_per_metre
    valid = np.isfinite(depth) & (depth > 0)
    if stored.dtype.kind == "u":
        valid &= stored != np.iinfo(stored.dtype).max
    pairs = valid[:, 1:] & valid[:, :-1]
    if pairs.sum() < min(_FEW, depth.size // 4):
        return False
    near, far = _PLAUSIBLE_M
    rough = np.median((np.abs(np.diff(depth, axis=1)) / depth[:, 1:].clip(1e-9))[pairs])
    return bool(near <= np.median(depth[valid]) <= far and rough < _ROUGH)
