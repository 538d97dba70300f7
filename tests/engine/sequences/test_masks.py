"""Masks in the forms that programs write them: grey, palettes, colours, and cut-outs with an alpha channel."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.sequences.masks import Masks
from tests.support.capture_files import png_bytes

SUBJECT = np.zeros((6, 9), bool)
SUBJECT[1:5, 2:6] = True
NOISE = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def with_alpha(colours: np.ndarray, alpha: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([colours, alpha.astype(np.uint8)]))


def palette(indices: np.ndarray, colours: list[int]) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette(colours)  # makes it mode P
    return image


def quantised(alpha: np.ndarray) -> Image.Image:
    """A cut-out in 8 bits: a palette whose last colour is transparent, as Photoshop saves for the web."""
    image = palette(np.where(alpha, 3, 7), list(range(24)))
    image.info["transparency"] = 7
    return image


GREY_STEP = np.where(SUBJECT, 255, 0)
FORMS: dict[str, Callable[[], Image.Image]] = {
    "bits": lambda: Image.fromarray(SUBJECT),
    "grey of 0 and 1": lambda: Image.fromarray(SUBJECT.astype(np.uint8)),
    "grey of 0 and 255": lambda: Image.fromarray(GREY_STEP.astype(np.uint8)),
    "16-bit grey": lambda: Image.fromarray(SUBJECT.astype(np.uint16)),
    "black palette": lambda: palette(SUBJECT, [0] * 6),
    "white background of a palette": lambda: palette(SUBJECT * 2, [255, 255, 255, 0, 0, 0, 0, 0, 0]),
    "blue on black": lambda: Image.fromarray((SUBJECT[..., None] * np.array([0, 0, 9])).astype(np.uint8)),
    "opaque colours": lambda: with_alpha(SUBJECT[..., None] * np.full(3, 200, np.uint8), np.full((6, 9), 255)),
    "white cut-out": lambda: with_alpha(np.full((6, 9, 3), 255, np.uint8), GREY_STEP),
    "black cut-out": lambda: with_alpha(np.zeros((6, 9, 3), np.uint8), GREY_STEP),
    "photo under a soft edge": lambda: with_alpha(NOISE, np.where(SUBJECT, 200, 20)),
    "grey cut-out": lambda: Image.fromarray(np.dstack([NOISE[..., 0], GREY_STEP.astype(np.uint8)]), "LA"),
    "cut-out with a palette": lambda: quantised(SUBJECT),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_mask_tells_the_same_pixels(tmp_path: Path, form: str) -> None:
    FORMS[form]().save(tmp_path / "0.png")
    np.testing.assert_array_equal(Masks(tmp_path, ["0"])(0, (6, 9)), SUBJECT)


def test_a_frame_of_cut_outs_without_the_subject_keeps_nothing_and_a_full_one_everything(tmp_path: Path) -> None:
    for name, alpha in (("0", np.zeros((6, 9))), ("1", GREY_STEP), ("2", np.full((6, 9), 255))):
        with_alpha(NOISE, alpha).save(tmp_path / f"{name}.png")
    masks = Masks(tmp_path, ["0", "1", "2"])
    assert masks.by_alpha
    assert [int(masks(index, (6, 9)).sum()) for index in range(3)] == [0, 16, 54]


def test_a_palette_that_is_missing_or_damaged_is_not_needed_for_its_indices(tmp_path: Path) -> None:
    data = png_bytes(SUBJECT * 2, 8, colour_type=3)
    place = data.index(b"PLTE") - 4
    (tmp_path / "a.png").write_bytes(data[:place] + data[place + 42 :])
    np.testing.assert_array_equal(Masks(tmp_path, ["a"])(0, SUBJECT.shape), SUBJECT)
