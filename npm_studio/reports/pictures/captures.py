"""What a depth recording shows: frames in colour, what isolation keeps of them, and the depths in metres."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import Isolation, Isolator
from engine.sequences.planes import frame_indices
from npm_studio.reports.pictures.colours import colour_depth
from npm_studio.reports.pictures.sheet import INK, caption, font, grid

_HEIGHT = 300
_REMOVED = np.array([206, 147, 140], np.float64)
_KEPT_BAR, _REMOVED_BAR = "#3b6ea5", "#ce938c"


def capture_sheet(sequence: DepthSequence, isolation: Isolation, frames: int = 4) -> NDArray[np.uint8]:
    """A picture (H, W, 3): per frame a column of depth, kept pixels and the histogram of both."""
    isolator = Isolator(sequence, isolation)
    chosen = frame_indices(len(sequence), frames)
    looks = [isolator(index) for index in chosen]
    depths = [depth for depth, _ in looks] + [sequence.depth_m(index) for index in sequence.first_seen()]
    valid = np.concatenate([depth[depth > 0] for depth in depths])
    near, far = (float(np.quantile(valid, q)) for q in (0.01, 0.99))
    rows: list[list[NDArray[np.uint8]]] = [[], [], []]
    for index, (depth, kept) in zip(chosen, looks, strict=True):
        colours = colour_depth(depth, near, far)
        removed = (depth > 0) & ~kept
        split = colours.astype(np.float64)
        split[removed] = 0.3 * split[removed] + 0.7 * _REMOVED
        fraction = kept.sum() / max(int((depth > 0).sum()), 1)
        picture = _fit(colours)
        rows[0].append(caption(picture, f"{sequence.frame_names[index]}: {near:.2f} m bright, {far:.2f} m dark"))
        rows[1].append(caption(_fit(split.astype(np.uint8)), f"kept {fraction:.0%} of the valid pixels, rest red"))
        rows[2].append(caption(_histogram(depth, kept, 1.1 * far, picture.shape[1]), "depth [m], kept blue"))
    return grid([picture for row in rows for picture in row], len(chosen))


def _fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``picture`` (H, W, 3) at a height of `_HEIGHT` and at least 400 wide, by whole pixels."""
    width = max(round(picture.shape[1] * _HEIGHT / picture.shape[0]), 1)
    image = Image.fromarray(picture).resize((width, _HEIGHT), Image.Resampling.NEAREST)
    sheet = Image.new("RGB", (max(width, 400), _HEIGHT), "white")
    sheet.paste(image, ((sheet.width - width) // 2, 0))
    return np.asarray(sheet)


def _histogram(
    depth: NDArray[np.float32], kept: NDArray[np.bool_], limit: float, width: int, bins: int = 60
) -> NDArray[np.uint8]:
    """Bars (`_HEIGHT`, width, 3) of the valid depths from 0 to ``limit`` metres, what is kept before the rest."""
    image = Image.new("RGB", (width, _HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    counts, _ = np.histogram(depth[depth > 0], bins, (0, limit))
    kept_counts, _ = np.histogram(depth[kept], bins, (0, limit))
    left, right, floor = 16, width - 16, _HEIGHT - 34
    unit = (floor - 10) / max(int(counts.max()), 1)
    for index, (count, kept_count) in enumerate(zip(counts, kept_counts, strict=True)):
        x0 = left + (right - left) * index / bins
        x1 = left + (right - left) * (index + 1) / bins - 1
        draw.rectangle((x0, floor - count * unit, x1, floor), _REMOVED_BAR)
        draw.rectangle((x0, floor - kept_count * unit, x1, floor), _KEPT_BAR)
    draw.line((left, floor, right, floor), INK)
    for fraction in np.linspace(0, 1, 5):
        x = left + fraction * (right - left)
        draw.line((x, floor, x, floor + 5), INK)
        draw.text((x, floor + 18), f"{fraction * limit:.1f}", INK, font(14), anchor="mm")
    return np.asarray(image)
