"""Masks of the subject: pictures, one per frame of a depth sequence, in the forms that programs write them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, in_words
from engine.core.files import natural_key

if TYPE_CHECKING:
    from PIL.Image import Image

_OPAQUE = 128
"""Alpha from which a pixel of a soft edge belongs to the subject."""


class Masks:
    """The masks of a sequence's frames.

    A pixel belongs to the subject where its value or palette index is not 0, of colours where any channel is not 0. Of
    cut-outs, masks of which at least one is transparent in places, the alpha channel decides, whatever their colours.

    Raises:
        InputError: a frame has no mask.
    """

    def __init__(self, folder: Path, frame_names: Sequence[str]) -> None:
        self._paths = _paths(folder, frame_names)
        self.by_alpha = any(_is_cut_out(path) for path in self._paths)
        """Whether the alpha channel decides."""

    def __call__(self, index: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Pixels (H, W) of the subject in one frame, whose depth image is of ``shape``.

        Raises:
            InputError: the mask is damaged or of another size.
        """
        from PIL import Image

        path = self._paths[index]
        try:
            with Image.open(path) as image:
                if image.size != (shape[1], shape[0]):
                    width, height = image.size
                    problem = f"is {width}x{height} pixels, its frame {shape[1]}x{shape[0]}"
                    raise InputError(path, problem, "make masks of the size of the depth images")
                return self._subject(image)
        except InputError:
            raise
        except Exception as error:  # Pillow raises whatever damaged chunks lead to
            raise InputError(path, f"cannot be decoded{in_words(error)}", "make the mask again") from None

    def _subject(self, image: "Image") -> NDArray[np.bool_]:
        if self.by_alpha and image.has_transparency_data:
            return np.asarray(_alpha(image)) >= _OPAQUE
        values = np.asarray(image)  # of a palette its indices
        if values.ndim == 2:
            return values != 0
        channels = len(image.getbands()) - ("A" in image.getbands())
        return np.asarray((values[..., :channels] != 0).any(axis=2))


def _paths(folder: Path, frame_names: Sequence[str]) -> tuple[Path, ...]:
    """The mask of each frame: by name, or else by order when there are as many as frames."""
    if not folder.is_dir():
        raise InputError(folder, "is not a folder of masks", "give a folder with a PNG per frame")
    paths = sorted((p for p in folder.iterdir() if p.suffix.lower() == ".png" and p.is_file()), key=natural_key)
    by_name = {path.stem: path for path in paths}
    if all(name in by_name for name in frame_names):
        return tuple(by_name[name] for name in frame_names)
    if len(paths) == len(frame_names):
        return tuple(paths)
    missing = next(name for name in frame_names if name not in by_name)
    problem = f"holds {len(paths)} masks for {len(frame_names)} frames, none of them {missing}.png"
    raise InputError(folder, problem, "name each mask after its frame")


def _is_cut_out(path: Path) -> bool:
    """Whether the alpha channel of a picture is not constant; one that cannot be read is complained of later."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if not image.has_transparency_data:
                return False
            low, high = _alpha(image).getextrema()
    except Exception:  # Pillow raises whatever damaged chunks lead to
        return False
    return bool(low != high)


def _alpha(image: "Image") -> "Image":
    return (image if "A" in image.getbands() else image.convert("RGBA")).getchannel("A")
