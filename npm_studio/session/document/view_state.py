"""How one looks at a document: workspace, cameras, what is drawn and how fast it plays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from pydantic import ConfigDict, with_config

STRICT = ConfigDict(extra="forbid")
"""Of what is read from a project: a misspelt field is refused, and not silently lost."""


@with_config(STRICT)
@dataclass(frozen=True)
class CameraState:
    """Where a camera is and what it looks at, metres."""

    position: tuple[float, float, float]
    focal_point: tuple[float, float, float]
    up: tuple[float, float, float]
    window_centre: tuple[float, float] = (0.0, 0.0)
    """Of the view, as seen from the focal point, in half widths to the right and half heights upwards."""

    def is_near(self, other: "CameraState") -> bool:
        """Whether nobody sees a difference."""
        return bool(np.allclose(self._flat(), other._flat(), rtol=0, atol=1e-7))

    def _flat(self) -> list[float]:
        return [*self.position, *self.focal_point, *self.up, *self.window_centre]


@with_config(STRICT)
@dataclass(frozen=True)
class DisplaySettings:
    """Every switch of the Display menu."""

    wireframe: bool = False
    """Edges of the triangles over the surface."""
    points: bool = False
    """Vertices in place of the surface."""
    correspondence: bool = False
    """The canonical position of a vertex as its colour."""
    field_slice: bool = False
    """The canonical mesh, cut open, with the signed distance on the cut."""
    inset: bool = False
    """The canonical mesh small beside the posed one."""
    floor: bool = True
    frame_rate: bool = False


@with_config(STRICT)
@dataclass(frozen=True)
class SlicePlace:
    """Where the field is cut."""

    axis: int = 2
    fraction: float = 0.5
    """Of the way through the mesh along the axis."""


@with_config(STRICT)
@dataclass(frozen=True)
class FrameDrawing:
    """What is drawn of a depth frame and of the mesh fitted to it."""

    points: bool = True
    point_size: int = 4
    """Pixels."""
    errors: bool = False
    """Whether points are coloured by their distance to the mesh, and not by their depth."""
    mesh: bool = True
    opacity_percent: int = 100


@with_config(STRICT)
@dataclass(frozen=True)
class ExploreView:
    """What the panel of Explore shows."""

    page: Literal["sliders", "map", "codes"] = "sliders"
    shape_sliders: int = 12
    """As many of the leading directions."""
    pose_sliders: int = 12
    map_space: Literal["shape", "pose"] = "shape"


@with_config(STRICT)
@dataclass(frozen=True)
class ViewState:
    """What does not change what was made."""

    workspace: str = "explore"
    display: DisplaySettings = DisplaySettings()
    library: bool = True
    """Whether the lists on the left are shown."""
    cameras: tuple[CameraState, ...] = ()
    """Of the views, from left to right; empty until something is on show."""
    linked_cameras: bool = True
    slice_place: SlicePlace = SlicePlace()
    frame_drawing: FrameDrawing = FrameDrawing()
    loop: bool = True
    explore: ExploreView = ExploreView()
    frame_rates: Mapping[str, float] = field(default_factory=dict)
    """Frames per second that somebody chose, by workspace; others play as recorded."""
    floor_m: float | None = None
    """Height of the floor that bodies of the model stand on, metres, which the cameras see; None until one does."""
    framed_from: tuple[float, float, float] | None = None
    """Direction to cameras that see everything, as they do until somebody moves one: None from then on."""
