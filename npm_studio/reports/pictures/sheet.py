"""Pictures side by side, with captions."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.core.files import replacing_file

INK = "#2b2f36"


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow, so that pictures are the same on every machine."""
    return ImageFont.load_default(size)


def caption(picture: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """``picture`` (H, W, 3) with a line of text under it."""
    image = Image.new("RGB", (picture.shape[1], picture.shape[0] + 44), "white")
    image.paste(Image.fromarray(picture))
    ImageDraw.Draw(image).text((picture.shape[1] // 2, picture.shape[0] + 22), text, INK, font(20), anchor="mm")
    return np.asarray(image)


def strip(pictures: Sequence[NDArray[np.uint8]], gap: int = 8) -> NDArray[np.uint8]:
    """Pictures (H, W_i, 3) of one height from left to right, ``gap`` white pixels between them."""
    assert pictures and len({picture.shape[0] for picture in pictures}) == 1
    white = np.full((pictures[0].shape[0], gap, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, white)][:-1]
    return np.concatenate(parts, axis=1)


def grid(pictures: Sequence[NDArray[np.uint8]], columns: int, gap: int = 8) -> NDArray[np.uint8]:
    """Pictures (H, W, 3) of one size in rows of ``columns``; the last row is filled up with white."""
    assert pictures and len({picture.shape for picture in pictures}) == 1
    blank = np.full_like(pictures[0], 255)
    filled = [*pictures, *[blank] * (-len(pictures) % columns)]
    rows = [strip(filled[start : start + columns], gap) for start in range(0, len(filled), columns)]
    white = np.full((gap, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for row in rows for part in (row, white)][:-1], axis=0)


def save_picture(picture: NDArray[np.uint8], path: Path) -> None:
    """Write ``picture`` (H, W, 3) as PNG."""
    with replacing_file(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
