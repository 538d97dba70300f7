"""Configuration of a sequence fit."""

from typing import Annotated

from pydantic import Field

from engine.core.config import Config

Count = Annotated[int, Field(ge=1, le=100_000)]
Points = Annotated[int, Field(ge=16, le=100_000)]
Rate = Annotated[float, Field(gt=0, le=10)]
Weight = Annotated[float, Field(ge=0)]


class FitConfig(Config):
    """How hard and with which weights to fit; lengths in canonical units."""

    iterations: Count = 240
    """Optimiser steps."""
    resolution: Annotated[int, Field(ge=16, le=1024)] = 256
    """Grid of the final mesh."""
    surface_points: Points = 1024
    """Model surface points per step."""
    observed_points: Points = 768
    """Observed points per frame and step."""
    frames_per_step: Count = 32
    """Longest run of consecutive frames that one step looks at."""
    library_identities: Count = 32
    """Training identities whose poses are searched; evenly spaced ones of larger models."""
    library_frames: Count = 3000
    """Training poses that are searched; evenly spaced ones of larger models."""
    identity_candidates: Count = 4
    """Training identities whose codes are blended into the first shape code."""
    pose_candidates: Count = 24
    """Training poses kept per frame for the choice of a coherent first path."""
    path_weight: Weight = 0.5
    """How much a jump between consecutive frames of the first path counts against a better match."""
    pose_rate: Rate = 0.05
    """Learning rate of the pose codes, in standard deviations of the training codes."""
    shape_rate: Rate = 0.08
    """Learning rate of the shape code, in standard deviations of the training codes."""
    shape_start: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Fraction of the steps after which the shape code joins in."""
    gate: Annotated[float, Field(gt=0, le=1)] = 0.04
    """Model and observation farther apart than this do not attract each other point by point."""
    point_pull: Weight = 0.3
    """Weight of point-to-point distances at the start; it fades to zero by half of the steps."""
    projective_weight: Weight = 1.0
    """Weight of the projective signed distance of visible model points."""
    free_space_weight: Weight = 1.0
    """Weight of model points in space that the camera saw to be empty."""
    smoothness_weight: Weight = 0.3
    """Weight of the squared acceleration of surface points."""
    pose_prior: Weight = 1e-4
    """Weight of the mean squared pose code, in standard deviations."""
    shape_prior: Weight = 1e-4
    """Weight of the mean squared shape code, in standard deviations."""
    stuck_ratio: Annotated[float, Field(ge=1)] = 1.3
    """A frame whose energy is this many times the median is tried from other starts."""
    preview_interval: Count = 20
    """Steps between two looks at the whole sequence: normals, stuck frames, preview."""
