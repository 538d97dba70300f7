"""Pictures with transparent ground, from two that have none."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QImage


def cut_out(over_black: NDArray[np.uint8], over_white: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours and opacities (H, W, 4) of a picture that was drawn over black and over white (H, W, 3).

    Over a ground g a pixel of colour c and opacity a is drawn as a c + (1 - a) g.
    """
    black, white = over_black.astype(np.float32), over_white.astype(np.float32)
    opacity = 255 - np.clip((white - black).max(axis=2), 0, 255)
    colours = 255 * black / np.maximum(opacity, 1)[..., None]
    return np.dstack([np.clip(colours.round(), 0, 255), opacity]).astype(np.uint8)


def image_of(pixels: NDArray[np.uint8]) -> QImage:
    """``pixels`` (H, W, 4), red, green, blue and opacity, as a picture of Qt that has them for itself."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).tobytes()
    return QImage(rows, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


def drawn_over(view: Any, colour: str) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of ``view``, a `npm_studio.views.vtk_widget.VtkWidget`, over a background of one colour."""
    view.set_background(colour)
    image = view.grabFramebuffer().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    rows = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
