"""The method ``visible-surface``: what the camera saw, as a mesh per frame.

Neighbouring pixels are joined by triangles where they are close enough to be of one surface. Nothing is learned and
nothing hidden is made up: a baseline for what other methods add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from npm_studio.api import Cancelled, Config, FitResult, InputError, Requirements

if TYPE_CHECKING:
    from npm_studio.api import DepthSequence, MethodInputs, Progress


class VisibleSurfaceConfig(Config):
    max_edge_m: Annotated[float, Field(gt=0, le=1)] = 0.05
    """The longest edge in metres; neighbouring pixels that are farther apart lie on different surfaces."""


class VisibleSurface:
    id = "visible-surface"
    title = "Visible surface"
    config_type = VisibleSurfaceConfig
    requires = Requirements()

    def fit(
        self, source: DepthSequence, inputs: MethodInputs, config: VisibleSurfaceConfig, progress: Progress
    ) -> FitResult:
        """Triangles between the pixels of each frame, metres, world; frames have different triangles.

        Raises:
            InputError: a frame has no triangle.
            Cancelled: asked to stop before the first frame was done.
        """
        from npm_studio.api import MeshSequence

        progress.stage("triangulate", len(source))
        meshes = []
        for index, name in enumerate(source.frame_names):
            if progress.cancelled():
                break
            mesh = source.mesh_world(index, config.max_edge_m)
            if mesh.is_empty:
                problem = f"has no two neighbouring pixels within {config.max_edge_m:g} m"
                raise InputError(f"{source.name} frame {name}", problem, "allow longer edges")
            meshes.append(mesh)
            progress.advance(len(meshes))
        if not meshes:
            raise Cancelled
        done = len(meshes)
        sequence = MeshSequence(
            source.name, source.frame_names[:done], source.times_s[:done], meshes.__getitem__, one_topology=False
        )
        return FitResult(sequence, interrupted=done < len(source))


METHOD = VisibleSurface()
