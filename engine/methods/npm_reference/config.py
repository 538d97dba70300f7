"""Configuration of the published recipe."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.core.config import Config

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Weight = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, le=1)]
Length = Annotated[float, Field(gt=0, le=1)]

TEST_SCRIPT = {"iterations": 1000, "rate_parts": 2, "icp_weight": 0.0005}
"""What the script that was published for the test set sets otherwise than the released configuration."""


class ReferenceConfig(Config):
    """Settings of the published recipe; lengths in canonical units.

    All defaults are those of the released configuration. `keep_last`, `clamp_both`, `regularise_once` and `align_grid`
    each correct one mistake of the released code.
    """

    preset: Literal["released", "test-script"] = "released"
    """Whose settings: those of the released configuration, or of the script for the published test set (1000
    iterations, rates halved once, half the weight of the nearest points). What is stated besides wins."""
    side: Literal["auto", "left", "right"] = "auto"
    """Of a hand, for models of hands of one side: what is of the other one is fitted in a mirror."""
    keep_last: bool = False
    """Correction: keep the codes of the last iteration; as released, those of the last snapshot, made a fifth before
    the end."""
    clamp_both: bool = False
    """Correction: clamp the observed distances too; as released, only those of the model."""
    regularise_once: bool = False
    """Correction: count the sizes of the codes once per pair of frames; as released, twice."""
    align_grid: bool = False
    """Correction: look up the grid where its nodes are; as released, off by up to half a cell towards its faces."""
    iterations: Count = 500
    """Passes over all frames; a step is one batch of a pass."""
    batch: Count = 3
    """Pairs of frames per step; what does not fill a batch is left out of a pass."""
    points: Count = 20_000
    """Points around the canonical surface per pair, and observed points per frame, of each step."""
    pool: Count = 500_000
    """Points around the canonical surface of the start, of which those are drawn."""
    pool_deviation: Length = 0.015
    """Of their distances from that surface, along each axis."""
    grid: Annotated[int, Field(ge=16, le=512)] = 256
    """Nodes per axis of the grid of observed distances of each frame."""
    shape_rate: Rate = 5e-4
    """Learning rate of the shape code."""
    pose_rate: Rate = 1e-3
    """Learning rate of the pose codes."""
    rate_parts: Annotated[int, Field(ge=1, le=100)] = 4
    """Equal parts of the iterations; the rates are halved from one to the next."""
    clamp: Length = 0.1
    """Signed distance beyond which points of the model all count alike."""
    icp_weight: Weight = 0.001
    """Weight of the squared distances from observed points to the nearest model points."""
    icp_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Fraction of the iterations with these."""
    icp_band: Length = 0.001
    """Signed distance within which points of the model count as on its surface for these."""
    shape_prior: Weight = 0.1
    """Weight of the mean square of the shape code."""
    pose_prior: Weight = 1e-4
    """Weight of the mean square of the pose codes."""
    temporal_weight: Weight = 100.0
    """Weight of the difference of the displacements of one point in the two frames of a pair."""
    snapshots: Annotated[int, Field(ge=1, le=1000)] = 5
    """How often codes are put aside; the last ones put aside are the result."""
    pose_start: Literal["mean", "first", "random"] = "mean"
    """Where poses begin of a model without a pose encoder: at the mean training code, the first training codes one
    after the other, or random ones."""
    resolution: Annotated[int, Field(ge=16, le=1024)] = 256
    """Grid of the final mesh; 512 was published."""

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, stated: Any) -> Any:
        if isinstance(stated, dict) and stated.get("preset") == "test-script":
            return {**TEST_SCRIPT, **stated}
        return stated
