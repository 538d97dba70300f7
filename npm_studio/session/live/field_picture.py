"""A plane through a signed distance as a picture: blue inside, orange outside, lines of equal distance."""

import numpy as np
from numpy.typing import NDArray

_INSIDE = ((22, 60, 118), (74, 132, 190), (190, 216, 233))
_OUTSIDE = ((249, 224, 194), (230, 152, 84), (176, 84, 34))
_FADING = 0.7
"""Share of the limit from which a picture fades away."""
PIXELS = 640
"""Along each side of a picture."""
_LINE, _SURFACE = np.array((40, 40, 46)), np.array((18, 18, 22))


def field_colours(count: int = 256) -> NDArray[np.uint8]:
    """The (count, 3) colours from far inside to far outside; the two middle ones are those beside the surface."""
    places = np.linspace(0, 1, 3)
    stops = np.array((*_INSIDE, *_OUTSIDE), np.float64)
    fraction = np.linspace(0, 1, count // 2)
    halves = [[np.interp(fraction, places, half[:, c]) for c in range(3)] for half in (stops[:3], stops[3:])]
    return np.rint(np.concatenate([np.stack(half, axis=1) for half in halves])).astype(np.uint8)


def paint_field(
    values: NDArray[np.float32], size: tuple[float, float], limit: float, spacing: float, pixels: int = PIXELS
) -> NDArray[np.uint8]:
    """Picture (pixels, pixels, 4) of a plane, row 0 at the last row of ``values``; outside it ends softly at ``limit``.

    Args:
        values: (N, M) signed distances at nodes, in the unit of everything here; rows upwards.
        size: width and height of the plane.
        limit: distance at the ends of the colours.
        spacing: between two lines of equal distance; the one at zero is thicker.
    """
    assert values.ndim == 2, values.shape
    distance = _enlarged(_enlarged(values, pixels).T, pixels).T[::-1]
    rise, run = np.gradient(distance, size[1] / pixels, size[0] / pixels)
    # distances in pixels of the longer side, by which lines get the same width everywhere
    slope = np.maximum(np.hypot(rise, run), 1e-3) * max(size) / pixels
    table = field_colours()
    colours = table[np.clip((distance / limit * 0.5 + 0.5) * len(table), 0, len(table) - 1).astype(np.int32)].astype(
        np.float32
    )
    line = np.abs(distance - spacing * np.round(distance / spacing)) / slope
    strength = np.clip(1.25 - line, 0, 1) * 0.38
    colours += strength[..., None] * (_LINE - colours)
    surface = np.clip(2.2 - np.abs(distance) / slope, 0, 1)
    colours += surface[..., None] * (_SURFACE - colours)
    picture = np.empty((pixels, pixels, 4), np.uint8)
    picture[..., :3] = np.rint(colours)
    picture[..., 3] = 255 * np.clip((1 - distance / limit) / (1 - _FADING), 0, 1) ** 0.7
    return picture


def _enlarged(values: NDArray[np.floating], count: int) -> NDArray[np.float32]:
    """Rows (count, M) between the first and the last of ``values`` (N, M), pixel centres, linearly interpolated."""
    place = (np.arange(count) + 0.5) / count * (len(values) - 1)
    below = np.minimum(place.astype(np.int64), len(values) - 2)
    fraction = (place - below)[:, None].astype(np.float32)
    return values[below] * (1 - fraction) + values[below + 1] * fraction
