"""A method for tests: what the camera saw, as a mesh."""

from typing import Annotated

import numpy as np
from pydantic import Field

from engine.core.config import Config
from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.methods.method import FitResult, MethodInputs, Requirements
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence


class VisibleConfig(Config):
    """How to join pixels."""

    edge_m: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Longest edge."""


class VisibleSurface:
    """The visible surface of each frame, another topology in each."""

    id = "visible"
    title = "Visible surface"
    config_type = VisibleConfig

    def __init__(self, requires: Requirements | None = None) -> None:
        self.requires = requires or Requirements()

    def fit(self, source: DepthSequence, inputs: MethodInputs, config: VisibleConfig, progress: Progress) -> FitResult:
        progress.stage("surface", len(source))
        for frame in range(len(source)):
            if progress.cancelled():
                raise Cancelled
            progress.advance(frame + 1, {"points": len(source.points_world(frame))})
        progress.message("what is seen is what there is")
        (inputs.folder / "note.txt").write_text("by a method of somebody else")
        meshes = MeshSequence(
            source.name,
            source.frame_names,
            source.times_s,
            lambda i: source.mesh_world(i, config.edge_m),
            one_topology=False,
        )
        return FitResult(meshes, np.linspace(0, 1, len(source)), {"edges": {"m": np.array([config.edge_m])}})


METHOD = VisibleSurface()
