"""What is exported: meshes in metres in a stated frame of reference, and what else files may hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.sequences.mesh_sequence import MeshSequence, frame_rate_of, regular_times

Up = Literal["y", "z"]
ASSUMED_FRAME_RATE = 30.0
"""Of meshes that nobody says the times of."""
PROGRAM = "NPM Studio"
"""Who made a file; files that say so may be replaced by the next export."""


@dataclass(frozen=True, eq=False)
class VertexColours:
    """Colours of the vertices of each frame."""

    read: Callable[[int], NDArray[np.uint8]]
    """(V, 3) of one frame, sRGB."""
    change: bool
    """Whether a vertex may have another colour in another frame."""


@dataclass(frozen=True, eq=False)
class ExportContent:
    """What is exported, as its files will have it."""

    meshes: MeshSequence
    """Metres; moved into the axes of the files already."""
    up: Up = "y"
    """The axis that points up in the world; the camera's own axes know none."""
    colours: VertexColours | None = None
    codes: Mapping[str, NDArray] | None = None
    """Arrays by name; None where what is exported has none."""
    table: tuple[Mapping[str, str | float | bool | None], ...] | None = None
    """A row for each frame: values by the name of their column."""
    notes: tuple[str, ...] = ()
    """What a user should know: lost frames, assumed times."""

    @property
    def axes(self) -> str:
        """``Y up``, ``Z up`` or the axes of the camera."""
        return "x right, y down, z forward" if self.meshes.frame == "camera" else f"{self.up.upper()} up"

    def about(self, index: int) -> tuple[str, ...]:
        """What a file of one frame says of itself, but its unit, in lines."""
        time_s = self.meshes.times_s[index]
        time = (f"time: {time_s:.9g} s",) if np.isfinite(time_s) else ()
        return (PROGRAM, f"frame of reference: {self.meshes.frame}", f"name: {self.meshes.frame_names[index]}", *time)

    @property
    def unit(self) -> str:
        """For the comments of files, as `engine.dataset.source_axes.axes_of_text` reads it."""
        return f"metres, {self.axes}"

    def times_s(self) -> NDArray[np.float64]:
        """(F,) seconds from zero, those of the frames or else of an assumed rate."""
        stamps = self.meshes.times_s
        if not np.isfinite(stamps).all():
            return regular_times(len(self.meshes), ASSUMED_FRAME_RATE)
        return stamps - stamps[0]

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return frame_rate_of(self.times_s(), ASSUMED_FRAME_RATE)
