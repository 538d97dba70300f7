"""Colours of surfaces, points and numbers, and legends for them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from npm_studio.reports.pictures.sheet import INK, font

CLAY = "#dccabc"
ERROR_STOPS = ("#e9e6df", "#f6d48f", "#ee8a4e", "#c43a45", "#6d1650")
"""Of `colour_errors`, evenly spread."""
_CIVIDIS_STOPS = (
    *("#00224e", "#123570", "#3b496c", "#575d6d", "#707173"),
    *("#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"),
)


def colour_errors(errors: NDArray[np.floating], limit: float) -> NDArray[np.uint8]:
    """Colours (..., 3) of ``errors`` (...), pale at 0 to dark purple at ``limit`` and above, in the same unit."""
    return _ramp(ERROR_STOPS, np.asarray(errors, np.float64) / limit)


def colour_depth(depth: NDArray[np.floating], near: float, far: float) -> NDArray[np.uint8]:
    """Colours (..., 3) of ``depth`` (...): bright at ``near`` and before, dark at ``far`` and behind, same unit.

    The colours are cividis (Nuñez et al. 2018), which all readers see alike; what is not positive becomes white.
    """
    colours = _ramp(_CIVIDIS_STOPS, (far - np.asarray(depth, np.float64)) / max(far - near, 1e-9))
    colours[~(depth > 0)] = 255
    return colours


def error_legend(limit_mm: float, width: int, label: str = "distance to the true surface") -> NDArray[np.uint8]:
    """A bar (H, W, 3) that explains `colour_errors`, from 0 to ``limit_mm`` millimetres."""
    image = Image.new("RGB", (width, 84), "white")
    draw = ImageDraw.Draw(image)
    left, right = width // 2 - min(width // 3, 260), width // 2 + min(width // 3, 260)
    ramp = _ramp(ERROR_STOPS, np.linspace(0, 1, right - left))
    image.paste(Image.fromarray(np.repeat(ramp[None], 16, axis=0)), (left, 34))
    draw.text((width // 2, 14), f"{label} [mm]", INK, font(18), anchor="mm")
    for fraction in (0, 0.25, 0.5, 0.75, 1):
        x = left + fraction * (right - left)
        text = f"{fraction * limit_mm:g}" + ("+" if fraction == 1 else "")
        draw.line((x, 50, x, 55), INK)
        draw.text((x, 66), text, INK, font(16), anchor="mm")
    return np.asarray(image)


def _ramp(stops: tuple[str, ...], values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Piecewise linear colours (..., 3) at ``values`` (...) in [0, 1]."""
    colours = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], np.float64)
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(values, places, colours[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
