"""Configuration of a fit of a skinned body."""

from typing import Annotated, Literal

from pydantic import Field

from engine.core.config import Config
from engine.methods.npm.config import Count, FitConfig, Name, Weight

_NEAR_WEIGHT = 0.1
"""Part of the weight of landmarks that are only near the surface of the body model."""


class SkinnedConfig(Config):
    """Which body, and what differs from a fit of `npm`, whose terms and weights are used else."""

    body: Name = "anny"
    """Which body model: `anny` for bodies and hands, `smpl` and `mano` with a file."""
    body_file: Name = ""
    """Of `smpl` and `mano`: the model file of SMPL, SMPL-H or SMPL-X, or of the hand, as published."""
    side: Literal["auto", "left", "right"] = "auto"
    """Of a hand: what is of the other side than the network has learned is fitted in a mirror."""
    steps: Count = 24
    """Damped Gauss-Newton steps on all frames."""
    surface_gate: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Distance at which an observed point counts a quarter, at the end; canonical units."""
    landmark_weight: Weight = 80.0
    """Independent observations that the landmarks of a frame are worth."""
    pose_prior: Weight = 1.0
    """Weight of the squared pose, in standard deviations of the poses that the body model expects."""
    shape_prior: Weight = 1.0
    """Weight of the squared shape, in standard deviations."""
    acceleration: Weight = 2.0
    """Expected acceleration of the surface where it does not seem to accelerate, canonical units per second squared; 0
    lets frames be independent."""

    def energy(self, knows_coordinates: bool = True) -> FitConfig:
        """What the terms and the steps of the fit take.

        A surface that only lies near the one that the network knows is led by it, and in the end by what was seen.
        """
        names = ("steps", "surface_gate", "landmark_weight", "pose_prior", "shape_prior", "acceleration")
        stated = FitConfig(**{name: getattr(self, name) for name in names})
        if knows_coordinates:
            return stated
        weaker = {"coordinate_rest": 0.0, "landmark_weight": _NEAR_WEIGHT * self.landmark_weight}
        return stated.model_copy(update=weaker)
