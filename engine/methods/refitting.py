"""Some frames of a run fitted again, and the rest of it as it was."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.geometry.mesh import Mesh
from engine.methods.run import Run, RunFrame
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.placement import place_at

LEADING = 2
"""Frames on each side that are looked at, too; what becomes of them is dropped."""


@dataclass(frozen=True, eq=False)
class Refit:
    """Which frames of which run are fitted again."""

    run: Run
    rows: range
    """Of its frames; not all of them."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.run.frame_names[row] for row in self.rows)

    @property
    def looked_at(self) -> range:
        """Rows of the frames that a fit sees, and that its previews are of."""
        return range(max(self.rows[0] - LEADING, 0), min(self.rows[-1] + 1 + LEADING, len(self.run.frames)))

    def frames(self, again: tuple[RunFrame, ...]) -> tuple[RunFrame, ...]:
        """What is known of the frames: of those that were fitted ``again``, one for each of the run, what is new."""
        pairs = enumerate(zip(again, self.run.frames, strict=True))
        return tuple(new if row in self.rows else old for row, (new, old) in pairs)

    def meshes(self, again: MeshSequence) -> MeshSequence:
        """The meshes of the run, with those of ``again``, one for each of `rows`, in their places."""

        def read(row: int) -> Mesh:
            return again.read(self.rows.index(row)) if row in self.rows else self.run.meshes.read(row)

        return replace(self.run.meshes, read=read, exact=None)


def refit_of(run: Run, wanted: str) -> Refit:
    """The frames ``wanted`` of ``run``: ``12``, or ``12:30`` with both ends, by their names or numbers from 0.

    Raises:
        InputError: there are no such frames, or no other ones, which would lead those.
    """
    first, colon, last = wanted.partition(":")
    begin, end = _row_of(run, first), _row_of(run, last if colon else first)
    if end < begin:
        raise InputError(f"frames {wanted}", "end before they begin", "exchange them")
    rows = range(begin, end + 1)
    if len(rows) == len(run.frames):
        raise InputError(run.folder, "has no frames but these, that could lead them", "fit it anew")
    return Refit(run, rows)


def as_fitted(sequence: DepthSequence, run: Run) -> DepthSequence:
    """``sequence`` with its cameras where they were in ``run``.

    Raises:
        InputError: it has other frames.
    """
    if sequence.frame_names != run.frame_names:
        problem = f"has {len(sequence)} frames, which are not the {len(run.frames)} of {run.folder}"
        raise InputError(sequence.root, problem, "give the recording of that run, opened as it was then")
    return sequence if run.seen_from is None else place_at(sequence, *run.seen_from)


def confidence_with(refit: Refit, again: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Confidence (F,) of all frames, with that of those fitted ``again`` (R,); None where some have none."""
    known = [frame.confidence for frame in refit.run.frames]
    if again is None or any(value is None for value in known):
        return None
    confidence = np.array(known, np.float64)
    confidence[list(refit.rows)] = again
    return confidence


def _row_of(run: Run, wanted: str) -> int:
    if wanted in run.frame_names:
        return run.frame_names.index(wanted)
    if wanted.isascii() and wanted.isdigit() and int(wanted) < len(run.frames):
        return int(wanted)
    known = f"{run.frame_names[0]} to {run.frame_names[-1]}"
    raise InputError(f"frame {wanted!r}", f"is none of {run.folder}", f"use 0 to {len(run.frames) - 1}, or {known}")
