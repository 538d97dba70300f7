"""Save what a display shows as a picture, once something has come up and has not changed for a while.

    python scripts/grab_screen.py FILE.png

Exits with 1 when that has not happened within three minutes.
"""

import sys
import time

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QGuiApplication, QImage

COLOURS = 500
"""A display without a window has one; a window that draws nothing has fewer than this."""
STILL = 10.0
PATIENCE = 180.0


def main() -> int:
    app = QGuiApplication(sys.argv)
    screen = app.primaryScreen()
    assert screen is not None
    started = still_since = time.monotonic()
    last: NDArray[np.uint32] | None = None
    while time.monotonic() < started + PATIENCE:
        time.sleep(1)
        picture = screen.grabWindow(0).toImage().convertToFormat(QImage.Format.Format_RGB32)
        pixels = pixels_of(picture)
        if last is None or not np.array_equal(pixels, last):
            last, still_since = pixels, time.monotonic()
        colours = len(np.unique(pixels))
        if colours >= COLOURS and time.monotonic() > still_since + STILL:
            picture.save(sys.argv[1])
            print(f"{sys.argv[1]}: {picture.width()}x{picture.height()} pixels, {colours} colours")
            return 0
    print("nothing has come up and stayed", file=sys.stderr)
    return 1


def pixels_of(picture: QImage) -> NDArray[np.uint32]:
    """A copy of the pixels, all in one row."""
    data = picture.constBits()
    assert data is not None
    return np.frombuffer(data.asarray(picture.sizeInBytes()), np.uint32).copy()


if __name__ == "__main__":
    sys.exit(main())
