"""Sides of a comparison that are made of numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh

from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence, regular_times
from npm_studio.session.document.compared_sides import OpenedSide
from npm_studio.session.document.comparison import SideSource, SourceKind
from npm_studio.session.document.results import bounds_of


def spheres(
    title: str, radii: Sequence[float], names: Sequence[str], start_s: float = 0.0, detail: int = 3
) -> MeshSequence:
    """A sphere of each of ``radii``, metres, ten a second."""
    sphere = trimesh.creation.icosphere(detail, 1.0)
    vertices = np.stack([np.asarray(sphere.vertices, np.float32) * radius for radius in radii])
    times_s = start_s + regular_times(len(names), 10.0)
    return mesh_sequence(title, vertices, np.asarray(sphere.faces, np.int32), names, times_s)


def side(meshes: MeshSequence, kind: SourceKind = "run", lost: frozenset[str] | None = None) -> OpenedSide:
    source = SideSource(kind, Path("/of") / meshes.title)
    return OpenedSide(source, meshes.title, meshes, bounds_of(meshes), lost=lost)
