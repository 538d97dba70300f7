"""From metres to canonical space: by a fixed similarity, by the bounds of a dataset, or for each subject."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Setting
from engine.core.files import read_json
from engine.geometry.similarity import Similarity

PRESETS: dict[str, Similarity] = {
    "cape": Similarity(0.4, (0.00753164, -0.18464905, 0.05970865)),
    "mano": Similarity(0.75),
    "anny": Similarity(0.4, (0.0, 0.125, 0.0)),
    "none": Similarity(),
}
"""Similarities by name: those of the published NPM data (CAPE, MANO), of the built-in bodies, and none at all."""

MARGIN_M = 0.01
"""Room in metres that `fit_cube` leaves on every side, as the published NPM code does."""


@dataclass(frozen=True)
class Normalisation:
    """How a dataset is brought into the cube [-0.5, 0.5]^3."""

    by: Literal["fixed", "bounds", "subject"]
    similarity: Similarity = Similarity()
    """Used when ``by`` is ``fixed``."""


def parse_normalisation(text: str) -> Normalisation:
    """Read ``bounds``, ``subject``, a name of `PRESETS`, or the numbers ``scale,x,y,z`` (1/m and metres).

    The folder of a dataset or of a model stands for the similarity that it has.

    Raises:
        InputError: it is none of these.
    """
    if text == "bounds":
        return Normalisation("bounds")
    if text == "subject":
        return Normalisation("subject")
    if text in PRESETS:
        return Normalisation("fixed", PRESETS[text])
    for name in ("dataset.json", "model.json"):
        if (path := Path(text) / name).is_file():
            description = read_json(path)
            found = description.get("similarity") if isinstance(description, dict) else None
            return Normalisation("fixed", Similarity.from_dict(found, path))
    try:
        scale, x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        names = ", ".join(PRESETS)
        raise InputError(
            Choice(Setting.NORMALISATION, text),
            "is not a normalisation",
            f"use bounds, subject, {names}, SCALE,X,Y,Z, or the folder of a dataset",
        ) from None
    if not (np.isfinite([scale, x, y, z]).all() and scale > 0):
        raise InputError(Choice(Setting.NORMALISATION, text), "must be finite with a positive scale")
    return Normalisation("fixed", Similarity(scale, (x, y, z)))


def bounds(meshes: Iterable[NDArray[np.floating]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner (3,) each of vertices (..., 3)."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for vertices in meshes:
        assert vertices.shape[-1] == 3, vertices.shape
        flat = vertices.reshape(-1, 3)
        low, high = np.minimum(low, flat.min(0)), np.maximum(high, flat.max(0))
    return low, high


def fit_cube(low: NDArray[np.float64], high: NDArray[np.float64], margin_m: float = MARGIN_M) -> Similarity:
    """The similarity that puts the box from ``low`` to ``high`` (3,) metres, and a margin, into the cube.

    Raises:
        ValueError: the box is empty or not finite.
    """
    side = float((high - low).max())
    if not (np.isfinite(side) and side > 0):
        raise ValueError(f"a box from {low} to {high} has no size")
    x, y, z = ((low + high) / 2).tolist()
    return Similarity(1.0 / (side + 2 * margin_m), (x, y, z))


def largest_coordinate(vertices: NDArray[np.floating]) -> float:
    """How far canonical ``vertices`` (..., 3) reach from the middle of the cube along any axis; 0.5 is its wall."""
    return float(np.abs(vertices).max(initial=0.0))
