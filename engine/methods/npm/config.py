"""Configuration of a sequence fit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FitConfig:
    """How hard and with which weights to fit; lengths in canonical units."""

    iterations: int = 240
    """Optimiser steps."""
    surface_points: int = 1024
    """Model surface points per step."""
    observed_points: int = 768
    """Observed points per frame and step."""
    frames_per_step: int = 32
    """Longest run of consecutive frames that one step looks at."""
    identity_candidates: int = 4
    """Training identities whose codes are blended into the first shape code."""
    pose_candidates: int = 24
    """Training poses kept per frame for the choice of a coherent first path."""
    pose_rate: float = 0.05
    """Learning rate of the pose codes, in standard deviations of the training codes."""
    shape_rate: float = 0.08
    """Learning rate of the shape code, in standard deviations of the training codes."""
    shape_start: float = 0.1
    """Share of the steps after which the shape code joins in."""
    gate: float = 0.04
    """Model and observation farther apart than this do not attract each other point by point."""
    point_pull: float = 0.3
    """Weight of point-to-point distances at the start; it fades to zero by half of the steps."""
    projective_weight: float = 1.0
    """Weight of the projective signed distance of visible model points."""
    free_space_weight: float = 1.0
    """Weight of model points in space that the camera saw to be empty."""
    smoothness_weight: float = 0.3
    """Weight of the squared acceleration of surface points."""
    pose_prior: float = 1e-4
    """Weight of the mean squared pose code, in standard deviations."""
    shape_prior: float = 1e-4
    """Weight of the mean squared shape code, in standard deviations."""
    resolution: int = 256
    """Grid of the final mesh."""
    preview_interval: int = 20
    """Steps between two looks at the whole sequence: normals, stuck frames, preview."""
