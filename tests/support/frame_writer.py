"""A program that writes depth images into a folder at 30 frames per second.

Each file is written in pieces with pauses between them, so that whoever reads too early reads half of one.
"""

import io
import os
import sys
import time
from pathlib import Path

import numpy as np

from tests.support.capture_files import png_bytes

SIZE = 48, 64
"""Height and width."""


def image(index: int) -> np.ndarray:
    """Depth (H, W) in millimetres of frame ``index``, by which every pixel tells the frame; noise does not compress."""
    noise = np.random.default_rng(index).integers(0, 8, SIZE)
    return (1500 + 8 * index + noise).astype(np.uint16)


def file_bytes(index: int, ending: str) -> bytes:
    """The whole file of a frame."""
    if ending == ".png":
        return png_bytes(image(index))
    stream = io.BytesIO()
    metres = image(index).astype(np.float32) / 1000
    if ending == ".npz":
        np.savez_compressed(stream, depth_m=metres)
    else:
        np.save(stream, metres)
    return stream.getvalue()


def write(folder: Path, count: int, ending: str, stop_in: int) -> None:
    """Write ``count`` frames; of frame ``stop_in``, if there is such a one, half: then say so and wait to be killed."""
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    for index in range(count):
        time.sleep(max(0.0, start + index / 30 - time.monotonic()))
        data = file_bytes(index, ending)
        with (folder / f"{index:06d}{ending}").open("wb", buffering=0) as file:
            for part in range(4):
                file.write(data[len(data) * part // 4 : len(data) * (part + 1) // 4])
                os.fsync(file.fileno())
                time.sleep(0.002)
                if index == stop_in and part == 1:
                    print("half", flush=True)
                    time.sleep(600)


if __name__ == "__main__":
    place, number, kind, stop = sys.argv[1:]
    write(Path(place), int(number), kind, int(stop))
