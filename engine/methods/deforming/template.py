"""The mesh that is deformed, where it begins, and what of a recording it is brought to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.progress import ForwardedProgress, Progress
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.methods.deforming.config import DeformingConfig
from engine.methods.method import MethodInputs
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import fit_codes
from engine.methods.npm.kept_shape import kept_shape
from engine.methods.npm.sequence import placed_vertices, subject_seen, with_steps_for
from engine.methods.npm.sides import observe_side
from engine.methods.npm.variables import plain_model
from engine.methods.run import CANONICAL_SURFACE, KEPT_SHAPE, SIDE, SUBJECTS
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mirroring import mirrored_mesh, mirrored_sequence
from engine.surface.extract import extract_surface

_PLAUSIBLE_RATIO = 20.0
"""A template this many times larger or smaller than what the camera saw of the subject has another unit."""


@dataclass(frozen=True, eq=False)
class Start:
    """Where a mesh begins to deform."""

    template: Mesh
    """Metres, world, in the first frame that shows the subject."""
    subject: DepthSequence | None = None
    """What of the recording is the subject; None for all of it."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """For those who look at the run."""


def start_of(source: DepthSequence, inputs: MethodInputs, config: DeformingConfig, progress: Progress) -> Start:
    """The template as it was stated, or else what `npm` fits to the first frame that shows the subject.

    Deformations find no pose that is far from the one that they begin with: of a model in its mean pose, arms that are
    elsewhere would stay lost in all frames.

    The subject of a recording is what was isolated, or else what the model's network takes for it; where a template is
    stated it is all that was seen. The surface of a model in its canonical pose becomes ``canonical.ply`` of the run.

    Raises:
        InputError: the template has another unit, or a frame cannot be read, or none shows the subject.
        Cancelled: asked to stop.
    """
    if inputs.template is not None:
        _check_template(inputs.template, source)
        return Start(inputs.template, details={"template": "as stated"})
    assert inputs.model is not None
    model, similarity = inputs.model.model, inputs.model.model.info.similarity
    kept = kept_shape(config.shape, inputs.model)
    sided = observe_side(source, model, config.side, inputs.seed, progress)
    seen = sided.observations
    first = seen.at(seen.seen_by_any.nonzero()[:1, 0])
    shape, fit = None if kept is None else kept.code, with_steps_for(source, FitConfig())
    fitted = fit_codes(model, first, fit, inputs.seed, _WithoutPreviews(progress), shape=shape)
    if fitted.interrupted:
        raise Cancelled
    plain = plain_model(model)
    rest = extract_surface(plain, fitted.shape_code.to(model.device), config.resolution)
    if rest.is_empty:
        raise InputError(inputs.model.folder, "the fitted shape has no surface", "train the model longer")
    template = Mesh(placed_vertices(plain, fitted, rest.vertices, progress)[0], rest.faces)
    canonical = Mesh(similarity.to_world(rest.vertices), rest.faces)
    subject, middle = subject_seen(sided), similarity.centre[0]
    if sided.is_mirrored:
        template, canonical = mirrored_mesh(template, middle), mirrored_mesh(canonical, middle)
        subject = None if subject is None else mirrored_sequence(subject, middle)
    save_compact_ply(canonical, inputs.folder / CANONICAL_SURFACE, "metres")
    details: dict[str, Any] = {"template": "fitted to the first frame by npm", SUBJECTS: seen.subjects}
    if kept is not None:
        details[KEPT_SHAPE] = kept.whose
    if sided.side is not None:
        details[SIDE] = sided.side.as_dict()
    return Start(template, subject, details)


class _WithoutPreviews(ForwardedProgress):
    """For a fit of one frame, which would be taken for all."""

    def wants_preview(self) -> bool:
        return False


def _check_template(template: Mesh, source: DepthSequence) -> None:
    """By the first frame in which anything was seen."""
    if template.is_empty:
        raise InputError("the template", "has no triangles", "give a mesh of the subject")
    first = source.first_seen()
    if not first:
        raise InputError(source.root, "shows nothing in any frame", "look at it, and at what was isolated")
    seen = source.points_world(first[0])
    size, seen_size = diagonal(template.vertices), diagonal(seen)
    if not 1 / _PLAUSIBLE_RATIO < size / max(seen_size, 1e-6) < _PLAUSIBLE_RATIO:
        problem = f"is {size:.3g} m large, the recording shows {seen_size:.3g} m"
        raise InputError("the template", problem, "give it in metres")
    apart = float(np.linalg.norm(np.median(seen, axis=0) - np.median(template.vertices, axis=0)))
    if apart > size:
        problem = f"is {apart:.3g} m from what the first frame shows, more than its size"
        raise InputError("the template", problem, "move it to where the subject is in the world of the recording")


def diagonal(points: NDArray[np.floating]) -> float:
    """Of the box around ``points`` (N, 3)."""
    return float(np.linalg.norm(np.ptp(points, axis=0)))
