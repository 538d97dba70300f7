"""One mesh through all frames of a recording, each begun where the one before has ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, Notice
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.methods.deforming.config import DeformingConfig
from engine.methods.deforming.seen import SeenSurface, seen_surface
from engine.methods.deforming.template import diagonal, start_of
from engine.methods.method import FitResult, MethodInputs
from engine.methods.run import PRECISION
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence

_LONGEST_EDGE = 0.02
"""Of the diagonal of the template: pixels further apart are not joined. Four centimetres of a person."""


@dataclass(frozen=True, eq=False)
class Deformer:
    """How a method registers one frame."""

    control: Mesh
    """What it deforms, at first; metres, world."""
    register: Callable[[NDArray[np.float64], SeenSurface, Callable[[], None]], NDArray[np.float64]]
    """Vertices (C, 3) of the control mesh in a frame from those in the one before, and what is seen. The last argument
    is called between its steps, and may raise what is let through."""
    carry: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """Vertices (V, 3) of the template by those of the control mesh (C, 3)."""
    precision: str = "float64"
    """Of most of the arithmetic."""


class _LeftHalfDoneError(Exception):
    """The user waits for the end, and there are frames to keep."""


def deform(
    source: DepthSequence,
    inputs: MethodInputs,
    config: DeformingConfig,
    progress: Progress,
    make: Callable[[Mesh], Deformer],
) -> FitResult:
    """The template deformed to all frames of ``source``, one after the other, by what ``make`` makes of it.

    A frame that shows nothing of the subject keeps the mesh of the one before. Progress stages: those of the start of
    `npm` where a model gives the template, then "deform". Previews are `MeshSequence` of the frames so far. Asked to
    stop, it gives these; a frame is left half done where the user waits for the end.

    Raises:
        InputError: see `engine.methods.deforming.template.start_of`.
        Cancelled: asked to stop before the first frame was done.
    """
    started = time.perf_counter()
    start = start_of(source, inputs, config, progress)
    template, subject = start.template, start.subject or source
    deformer = make(template)
    longest_edge = _LONGEST_EDGE * diagonal(template.vertices)
    begun = time.perf_counter()
    progress.stage("deform", len(source))
    control, astray = deformer.control.vertices.astype(np.float64), 0
    done: list[NDArray[np.float32]] = []

    def meshes(title: str) -> MeshSequence:
        count = len(done)
        return mesh_sequence(title, np.stack(done), template.faces, source.frame_names[:count], source.times_s[:count])

    def go_on() -> None:
        if done and progress.is_hurried():
            raise _LeftHalfDoneError

    for frame in range(len(source)):
        if progress.cancelled():
            break
        seen = seen_surface(subject, frame, longest_edge)
        if seen is not None:
            try:
                moved = deformer.register(control, seen, go_on)
            except _LeftHalfDoneError:
                break
            if np.isfinite(moved).all():
                control = moved
            else:
                astray += 1
        done.append(deformer.carry(control).astype(np.float32))
        progress.advance(frame + 1)
        if progress.wants_preview():
            progress.preview(meshes("Preview"))
    if not done:
        raise Cancelled
    if astray:
        progress.notice(Notice(f"in {astray} frames no deformation was found; they keep the mesh of the frame before"))
    return FitResult(
        meshes(source.name),
        timings={"start": begun - started, "deform": time.perf_counter() - begun},
        details={**start.details, PRECISION: deformer.precision},
        subject=start.subject,
        undeformed=template,
        interrupted=len(done) < len(source),
    )
