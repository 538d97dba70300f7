"""Codes of what a descent has found, on the host."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.models.code_space import CodeSpace
from engine.models.model import NeuralParametricModel


@dataclass(frozen=True, eq=False)
class Spaces:
    """Means of the codes, and what a standard deviation along each principal direction adds to them."""

    shape_mean: NDArray[np.float64]
    """(Cs,)"""
    shape_along: NDArray[np.float64]
    """(Cs, S)"""
    pose_mean: NDArray[np.float64]
    """(Cp,)"""
    pose_along: NDArray[np.float64]
    """(Cp, K)"""

    @staticmethod
    def of_model(model: NeuralParametricModel) -> "Spaces":
        assert model.pose_codes is not None
        shapes, poses = CodeSpace.from_codes(model.shape_codes), CodeSpace.from_codes(model.pose_codes)
        parts = (shapes.mean, shapes.derivative, poses.mean, poses.derivative)
        return Spaces(*(part.double().cpu().numpy() for part in parts))

    @property
    def directions(self) -> int:
        """K"""
        return self.pose_along.shape[1]

    def shape_code(self, coefficients: NDArray[np.floating]) -> NDArray[np.float32]:
        """(Cs,) of the first (S,) coefficients."""
        return (self.shape_mean + self.shape_along[:, : len(coefficients)] @ coefficients).astype(np.float32)

    def pose_code(self, coefficients: NDArray[np.floating]) -> NDArray[np.float32]:
        """(Cp,) of (K,) coefficients."""
        return (self.pose_mean + self.pose_along @ coefficients).astype(np.float32)
