"""The unit and the axes of mesh files: the way from them to metres with Y up, and back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNITS_PER_METRE = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
_FROM_Y_UP = {"y": np.eye(3), "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])}


@dataclass(frozen=True)
class SourceAxes:
    """Unit of length and vertical axis of mesh files."""

    unit: str
    """``m``, ``cm`` or ``mm``"""
    up: str
    """``y`` or ``z``"""

    def from_world(self, points_world: ArrayLike) -> NDArray[np.float32]:
        """``points_world`` (..., 3), metres, Y up, as the files have them."""
        turned = np.asarray(points_world, np.float64) @ _FROM_Y_UP[self.up].T
        return (turned * UNITS_PER_METRE[self.unit]).astype(np.float32)

    def to_world(self, points: ArrayLike) -> NDArray[np.float64]:
        """``points`` (..., 3) of the files in metres, Y up."""
        turned: NDArray[np.float64] = np.asarray(points, np.float64) @ _FROM_Y_UP[self.up]
        return turned / UNITS_PER_METRE[self.unit]

    def __str__(self) -> str:
        return f"{self.unit}, {self.up.upper()} up"


def axes_of_text(text: str) -> SourceAxes | None:
    """What a text such as ``cm, Z up`` or ``metres`` says, Y up where it does not; None for anything else."""
    found = re.fullmatch(r"(m|cm|mm|metres)(?:, ([YZ]) up)?", text)
    if found is None:
        return None
    return SourceAxes("m" if found[1] == "metres" else found[1], (found[2] or "Y").lower())


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
