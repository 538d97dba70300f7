"""A frame by coherent point drift, by rustcpd (Myronenko and Song, TPAMI 2010)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh
from engine.methods.deforming.config import CpdConfig
from engine.methods.deforming.deformer import Deformer
from engine.methods.deforming.seen import FEWEST_POINTS, SeenSurface
from engine.methods.deforming.template import diagonal

_TOLERANCE = 1e-8
"""Squared diagonals by which the expected distance changes in the last iteration; what rustcpd has by default is meant
for points of unit variance, and would end the drift at once."""


def cpd(template: Mesh, config: CpdConfig, seed: int) -> Deformer:
    """Deforms ``template``: random points of what is shown of it drift to random points of what was seen.

    The Gaussian kernel of the drift says how all other vertices move: those that are far from all that is shown stay.
    """
    import rustcpd  # which may be missing

    generator = np.random.default_rng(seed)
    size = diagonal(template.vertices)

    def few(points: NDArray[np.floating]) -> NDArray[np.float64]:
        chosen = generator.permutation(len(points))[: config.points]
        return np.ascontiguousarray(points[chosen], np.float64) / size

    def register(vertices: NDArray[np.float64], seen: SeenSurface, go_on: Callable[[], None]) -> NDArray[np.float64]:
        shown = vertices[seen.shows(vertices, template.faces)]
        if len(shown) < FEWEST_POINTS:
            return np.full_like(vertices, np.nan)
        found = rustcpd.register_deformable(
            few(seen.mesh.vertices),
            few(shown),
            alpha=config.stiffness,
            beta=config.width,
            low_rank=None,
            sigma2=config.first_deviation**2,
            tolerance=_TOLERANCE,
            max_iterations=config.iterations,
            outlier_weight=config.outliers,
        )
        return np.asarray(found.transform(vertices / size), np.float64) * size

    return Deformer(template, register, lambda vertices: vertices)
