"""The unit and the axes that meshes had before they were imported, and the way back to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNITS_PER_METRE = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
_FROM_Y_UP = {"y": np.eye(3), "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])}


@dataclass(frozen=True)
class SourceAxes:
    """Unit of length and vertical axis of files that a dataset was made from."""

    unit: str
    """``m``, ``cm`` or ``mm``"""
    up: str
    """``y`` or ``z``"""

    def from_world(self, points_world: ArrayLike) -> NDArray[np.float32]:
        """``points_world`` (..., 3), metres, Y up, as the files have them."""
        turned = np.asarray(points_world, np.float64) @ _FROM_Y_UP[self.up].T
        return (turned * UNITS_PER_METRE[self.unit]).astype(np.float32)

    def __str__(self) -> str:
        return f"{self.unit}, {self.up.upper()} up"


def source_axes(recipe: object) -> SourceAxes | None:
    """What the recipe of a dataset or of a model says of its files; that of a split or a normalised one within.

    None where it says nothing, or not the same of all that were merged.
    """
    found = set(_found(recipe))
    return found.pop() if len(found) == 1 else None


def _found(recipe: object) -> list[SourceAxes]:
    if not isinstance(recipe, Mapping):
        return []
    unit, up = recipe.get("unit"), recipe.get("up")
    if unit in UNITS_PER_METRE and up in _FROM_Y_UP:
        return [SourceAxes(str(unit), str(up))]
    inner: Any = recipe.get("of")
    if not isinstance(inner, Mapping):
        return []
    own = _found(inner)  # of a normalised dataset, the recipe itself; of a split, one by the name of each dataset
    return own or [each for value in inner.values() for each in _found(value)]
