"""What the sliders have made, as what can be exported: bodies of the open model by their codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.progress import Progress
from engine.exports.of_codes import canonical_of, content_of_codes
from engine.models.model import NeuralParametricModel
from engine.sequences.mesh_sequence import regular_times
from npm_studio.session.document.explorer import Codes
from npm_studio.session.jobs.exporting import OF_BODIES, Exportable, ExportChoice, export_bodies
from npm_studio.session.live import mesher

_ON_THE_FLOOR = "All stand on the floor as on show: the lowest point is at height 0."
_OWN_TRIANGLES = "The shape changes, and each frame has triangles of its own: GLB and PC2 cannot hold that."
_NOT_IN_NAMES = '/\\:*?"<>|\0'


@dataclass(frozen=True, eq=False)
class Motion:
    """A body in each of some frames."""

    title: str
    """Such as ``Anny 000: all 8 frames``."""
    name: str
    """Of its files, any text."""
    codes: Sequence[Codes]
    frame_rate: float
    """Frames per second; of no meaning for a single one."""
    frame_names: Sequence[str] = ()
    """Of files; empty: numbers. A single frame has the name of all."""
    places: NDArray[np.float64] | None = None
    """(F, 4, 4) where each goes, as `content_of_codes` has it."""


def exportable_motion(model: NeuralParametricModel, motion: Motion) -> Exportable:
    """Meshes are those on show, as fine as those are when the hand rests, and made while they are written."""
    codes = [(one.shape, one.pose) for one in motion.codes]
    count, first = len(codes), codes[0][0]
    one_topology = all(shape.equal(first) for shape, _ in codes)
    times_s = regular_times(count, motion.frame_rate) if count > 1 else np.full(1, np.nan)
    name = "".join("-" if letter in _NOT_IN_NAMES else letter for letter in motion.name).strip(" .") or "body"

    names = (name,) if count == 1 else tuple(motion.frame_names) or tuple(f"{index:06d}" for index in range(count))

    def write(choice: ExportChoice, progress: Progress) -> tuple[str, ...]:
        resolution, similarity = mesher.FINE_RESOLUTION, model.info.similarity
        with torch.no_grad():
            content = content_of_codes(
                model, codes, name, names, times_s, choice.up, motion.places, resolution, choice.correspondence
            )
            return export_bodies(content, lambda: canonical_of(model, first, resolution), similarity, choice, progress)

    notes = [_ON_THE_FLOOR, *([] if one_topology else [_OWN_TRIANGLES])]
    return Exportable(motion.title, name, count, one_topology, OF_BODIES, write, note=" ".join(notes))
