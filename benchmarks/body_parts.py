"""Parts of Anny's bodies: of each vertex by the bone that moves it most, of other points by the nearest vertex."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

PARTS = ("head", "trunk", "arms", "hands", "legs", "feet")
_BONES = {
    "head": ("neck", "head", "eye"),
    "trunk": ("root", "pelvis", "spine", "clavicle", "shoulder"),
    "arms": ("upperarm", "lowerarm"),
    "hands": ("wrist", "finger", "metacarpal"),
    "legs": ("upperleg", "lowerleg"),
    "feet": ("foot", "toe"),
}
"""What their names begin with."""


def part_of_bone(bone: str) -> str:
    """Raises KeyError for a bone that no body has."""
    for part, beginnings in _BONES.items():
        if bone.startswith(beginnings):
            return part
    raise KeyError(bone)


def vertex_parts(bone_names: Sequence[str], weights: NDArray[np.floating]) -> NDArray[np.int64]:
    """Index (V,) into `PARTS` of each vertex, by its skinning weights (V, B)."""
    of_bone = np.array([PARTS.index(part_of_bone(name)) for name in bone_names], np.int64)
    found: NDArray[np.int64] = of_bone[weights.argmax(axis=1)]
    return found


class BodyParts:
    """The parts of points on or near one canonical surface."""

    def __init__(self, vertices: NDArray[np.floating], parts: NDArray[np.int64]) -> None:
        """Of ``vertices`` (V, 3), whose ``parts`` (V,) are known."""
        assert vertices.shape == (len(parts), 3), (vertices.shape, parts.shape)
        self._tree, self._parts = cKDTree(vertices), parts

    def __call__(self, points: NDArray[np.floating]) -> NDArray[np.int64]:
        """Index (...) into `PARTS` of ``points`` (..., 3)."""
        found: NDArray[np.int64] = self._parts[self._tree.query(points)[1]]
        return found
