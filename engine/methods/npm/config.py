"""Configuration of a sequence fit."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from engine.core.config import Config

Count = Annotated[int, Field(ge=1, le=100_000)]
Points = Annotated[int, Field(ge=16, le=100_000)]
Weight = Annotated[float, Field(ge=0)]
Length = Annotated[float, Field(gt=0, le=1)]
Name = Annotated[str, BeforeValidator(lambda stated: str(stated) if isinstance(stated, int) else stated)]
"""Texts, and numbers that stand for one."""


class FitConfig(Config):
    """How hard and with which weights to fit; lengths in canonical units where nothing else is said."""

    side: Literal["auto", "left", "right"] = "auto"
    """Of a hand, for models of hands of one side: what is of the other one is fitted in a mirror."""
    shape: Name = ""
    """Whose shape is kept: a run of the same model, or an identity of the model by its name or number; where nothing is
    stated the shape is fitted, too."""
    precision: Literal["auto", "float32"] = "auto"
    """Of the products in the pose network: bfloat16 where the device multiplies it in hardware, else float32; or
    float32 everywhere, to compare methods at the same precision."""
    steps: Count = 16
    """Damped Gauss-Newton steps on all frames."""
    resolution: Annotated[int, Field(ge=16, le=1024)] = 256
    """Grid of the final mesh."""
    surface_points: Points = 640
    """Observed points per frame and step; in the last steps two and a half times as many."""
    coordinate_points: Points = 192
    """Pixels per frame and step whose canonical coordinates the network says."""
    free_space_points: Points = 160
    """Model points per frame and step that lie where the camera saw nothing of the subject; likewise."""
    coordinate_steps: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Fraction of the steps that follow the canonical coordinates alone; nearest points join in after it."""
    shape_start: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Fraction of the steps after which the shape moves."""
    shape_directions: Count = 40
    """Principal directions of the shape codes that are fitted."""
    surface_deviation: Length = 0.0007
    """Least expected distance of observed points from the surface; more where the points lie farther off."""
    surface_gate: Length = 0.01
    """Distance at which an observed point counts a quarter, at the end."""
    surface_weight: Weight = 3000.0
    """Independent observations that the seen surface of a frame is worth."""
    coordinate_weight: Weight = 300.0
    """Independent observations that the canonical coordinates of a frame are worth at the start."""
    coordinate_rest: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Fraction of that weight that is left at the end."""
    landmark_weight: Weight = 80.0
    """Independent observations that the landmarks of a frame are worth, where the network says any."""
    free_space_weight: Weight = 100.0
    """Weight of model points in space that the camera saw to be empty, on the scale of ``surface_weight``."""
    pose_prior: Weight = 0.2
    """Weight of the squared pose codes, in standard deviations."""
    shape_prior: Weight = 4.0
    """Weight of the squared shape code, in standard deviations."""
    acceleration: Weight = 2.0
    """Expected acceleration of the surface, canonical units per second squared, where it does not seem to accelerate
    (5 m/s2 of people); 0 lets frames be independent."""
    preview_interval: Count = 4
    """Steps between two previews."""
