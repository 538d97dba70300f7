"""Colours of vertices that say which place of the subject is which."""

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Setting, remedy
from engine.exports.content import VertexColours
from engine.geometry.similarity import Similarity
from engine.methods.run import Run, canonical_surface


def correspondence_colours(canonical: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colours (V, 3) of points by where they are in canonical space (V, 3): x as red, y as green, z as blue.

    A soft step spends most of the colours near the middle, where bodies are thin; dark ones are made lighter, for the
    shading to be seen.
    """
    unit = 0.5 + 0.5 * canonical / (np.abs(canonical) + np.array((0.09, 0.18, 0.035), np.float32))
    lighter = unit + 0.4 * (0.62 - unit.mean(axis=1, keepdims=True))
    return np.rint(255 * np.clip(lighter, 0.03, 1.0)).astype(np.uint8)


def run_correspondences(run: Run) -> VertexColours:
    """The same colour for the same vertex in all frames of ``run``: by the canonical pose, or else the first frame.

    Raises:
        InputError: each frame has triangles of its own.
    """
    if not run.meshes.one_topology:
        problem = "has other triangles in each frame: which vertex is which is not known"
        raise InputError(run.folder, problem, remedy("leave out {}", Setting.COLOURS))
    surface = canonical_surface(run) or run.meshes.read(0)
    similarity = run.inputs.similarity or size_of_unit(surface.vertices)
    colours = correspondence_colours(similarity.to_canonical(surface.vertices))
    return VertexColours(lambda _: colours, change=False)


def size_of_unit(vertices: NDArray[np.float32]) -> Similarity:
    """The similarity that makes the largest extent of ``vertices`` (V, 3) 0.8, in the middle of the canonical cube."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    x, y, z = (float(value) for value in (low + high) / 2)
    return Similarity(0.8 / max(float((high - low).max()), 1e-6), (x, y, z))
