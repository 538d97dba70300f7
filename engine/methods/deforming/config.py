"""Configurations of the methods that deform a mesh."""

from typing import Annotated, Literal

from pydantic import Field

from engine.core.config import Config
from engine.methods.npm.config import Count, Name, Points

Positive = Annotated[float, Field(gt=0)]


class DeformingConfig(Config):
    """Which surface of a model is deformed, where no template is stated."""

    side: Literal["auto", "left", "right"] = "auto"
    """Of a hand, for models of hands of one side: the surface of one of the other side is mirrored."""
    shape: Name = ""
    """Whose shape is deformed: a run of the same model, or an identity of the model by its name or number; where
    nothing is stated, the shape that `npm` fits to the first frame."""
    resolution: Annotated[int, Field(ge=16, le=512)] = 128
    """Grid of the surface that is deformed."""


class NricpConfig(DeformingConfig):
    """How stiff the mesh is, and how far it looks."""

    vertices: Count = 2000
    """Of the decimated mesh that is deformed, which carries the others along."""
    stiffness_first: Positive = 1.0
    """Weight of equal motions of neighbours, against one of every vertex that has a partner, in the first step."""
    stiffness_last: Positive = 0.01
    """The same in the last step; between, it falls geometrically."""
    steps: Annotated[int, Field(ge=1, le=100)] = 4
    """Weights one after the other."""
    iterations: Annotated[int, Field(ge=1, le=1000)] = 5
    """Rounds of partners and motions with each weight, at most."""
    reach: Positive = 0.1
    """Diagonals of the template to the farthest partners."""


class CpdConfig(DeformingConfig):
    """How points drift; lengths in diagonals of the template."""

    points: Points = 1000
    """Of what is shown of the mesh, and of what was seen, at most."""
    stiffness: Positive = 200.0
    """Weight of the smoothness of the drift."""
    width: Positive = 0.2
    """Of the Gaussian kernel that smooths it."""
    first_deviation: Positive = 0.05
    """Expected distance between partners at first; it falls by itself."""
    outliers: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of what was seen that is expected to have no partner."""
    iterations: Annotated[int, Field(ge=1, le=1000)] = 60
    """At most, in each frame."""


class PyramidConfig(DeformingConfig):
    """The levels of the pyramid, and what their networks learn from; lengths in halves of the template's diagonal."""

    first: Annotated[int, Field(ge=-16, le=8)] = -8
    """Power of two of the frequency of the first level; zero is a wave as long as the diagonal."""
    last: Annotated[int, Field(ge=-16, le=8)] = 0
    """That of the last one."""
    iterations: Annotated[int, Field(ge=1, le=10_000)] = 60
    """Steps of each level, at most."""
    points: Points = 700
    """Of what is shown of the mesh, and of what was seen, in each step."""
    reach: Positive = 0.2
    """Distance between nearest points that counts a quarter."""
    stiffness: Annotated[float, Field(ge=0)] = 1.0
    """Weight of squared changes of the lengths of edges, as parts of them."""
