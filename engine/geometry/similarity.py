"""The similarity between the world (metres) and canonical space (the cube [-0.5, 0.5]^3)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core.errors import InputError


@dataclass(frozen=True)
class Similarity:
    """``canonical = scale * (world - centre)``; ``scale`` in 1/m, ``centre`` in metres."""

    scale: float = 1.0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def to_canonical(self, points_world: ArrayLike) -> NDArray[np.float32]:
        """Canonical coordinates of ``points_world`` (..., 3) in metres."""
        return ((np.asarray(points_world, np.float64) - self.centre) * self.scale).astype(np.float32)

    def to_world(self, points_canonical: ArrayLike) -> NDArray[np.float32]:
        """World coordinates in metres of ``points_canonical`` (..., 3)."""
        return (np.asarray(points_canonical, np.float64) / self.scale + self.centre).astype(np.float32)

    def as_dict(self) -> dict[str, Any]:
        return {"scale": self.scale, "centre": list(self.centre)}

    @staticmethod
    def from_dict(value: Any, source: object) -> "Similarity":
        """Read ``{"scale": s, "centre": [x, y, z]}``.

        Raises:
            InputError: ``source`` holds something else.
        """
        try:
            x, y, z = (float(c) for c in value["centre"])
            scale = float(value["scale"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise InputError(str(source), "similarity needs a number 'scale' and three numbers 'centre'") from None
        if not (np.isfinite([scale, x, y, z]).all() and scale > 0):
            raise InputError(str(source), "similarity must be finite with a positive scale")
        return Similarity(scale, (x, y, z))
