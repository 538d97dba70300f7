"""Intrinsics for depth images of which nobody says what camera took them: guesses, and called so."""

from dataclasses import dataclass
from math import radians, tan
from pathlib import Path

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from external.captures.png_folder import depth_images, first_size

FIELD_OF_VIEW_DEGREES = 60.0
"""Across the image; what depth cameras have lies between 55 and 90."""


@dataclass(frozen=True)
class CameraGuess:
    """A kind of camera, by how long its lens is."""

    title: str
    focal: float
    """Focal length over the width of the image."""
    sizes: tuple[tuple[int, int], ...] = ()
    """Width and height of the images that such a camera is known by."""

    def camera(self, width: int, height: int) -> PinholeCamera:
        """Of images of this size, its axis through the middle."""
        focal = self.focal * width
        return PinholeCamera(width, height, round(focal, 1), round(focal, 1), width / 2, height / 2)


GUESSES = (
    CameraGuess("Kinect, Xtion and the like", 525 / 640, ((640, 480), (320, 240))),
    CameraGuess("Kinect for Xbox One", 366 / 512, ((512, 424),)),
    CameraGuess("Azure Kinect, narrow view", 504 / 640, ((640, 576), (320, 288))),
    CameraGuess("Azure Kinect, wide view", 252 / 512, ((512, 512), (1024, 1024))),
    CameraGuess("RealSense D400, wide image", 425 / 848, ((848, 480), (1280, 720), (424, 240))),
    CameraGuess("RealSense D400, 4:3 image", 385 / 640),
    CameraGuess("RealSense L515", 460 / 640, ((1024, 768),)),
    CameraGuess("iPhone or iPad with LiDAR", 212 / 256, ((256, 192),)),
)


def by_field_of_view(degrees: float) -> CameraGuess:
    """A camera that sees ``degrees`` across its image."""
    return CameraGuess(f"Field of view of {degrees:g} degrees", 0.5 / tan(radians(degrees) / 2))


def best_guess(width: int, height: int) -> CameraGuess:
    """The camera that images of this size are most likely of; by its usual field of view where none is known by it."""
    known = (guess for guess in GUESSES if (width, height) in guess.sizes)
    return next(known, by_field_of_view(FIELD_OF_VIEW_DEGREES))


def size_of_images(path: Path) -> tuple[int, int] | None:
    """Width and height of the depth images in a folder; None where there are none that can be read."""
    try:
        return first_size(tuple(p for images in depth_images(path)[:1] for p in images.paths), path)
    except (InputError, OSError):
        return None


def as_text(camera: PinholeCamera) -> str:
    """``fx,fy,cx,cy``, as `engine.sequences.capture_options.CaptureOptions.intrinsics` has it."""
    return f"{camera.fx:g},{camera.fy:g},{camera.cx:g},{camera.cy:g}"
