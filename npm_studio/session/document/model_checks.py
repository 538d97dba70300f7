"""Whether a model suits what a recording shows: its class and its size, in words, before anything is fitted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice, Setting, remedy
from engine.geometry.depth import point_image
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from npm_studio import resources

_TOO_SMALL, _TOO_LARGE = 0.5, 1.3
"""Times the smallest and the largest subject of a model: who crouches, or is seen in part, is smaller."""
_LOOKS_SO = 0.8
"""Sureness of a network from which what it sees is of its class: of people it is about 0.9."""
_TIMES_THE_CUBE = 2.0
"""Of what is seen, the size from which it may be of a class of larger things."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked."""

    tone: Literal["good", "warn", "bad"]
    notice: Notice
    cure: Path | None = None
    """Folder of a model that would suit what is seen."""


def class_check(model: NeuralParametricModel, found: int, frames: int) -> Check:
    """Whether the subject was found in ``found`` of the ``frames`` that were looked at."""
    category = model.info.category
    if model.coordinate_network is None:
        text = f"{model.info.name} is a model of {category}; nothing but you tells whether that is what is seen"
        return Check("good", Notice(text))
    where = "the frame" if frames == 1 else f"all {frames} frames" if found == frames else f"{found} of {frames} frames"
    if found:
        return Check("good", Notice(f"{category} were found in {where} that were looked at"))
    text = f"nothing like {category} was found in the frames that were looked at"
    return Check("bad", Notice(text, remedy("open a model of what is seen, or correct {}", Setting.DEPTH_UNITS)))


def size_check(model: NeuralParametricModel, size_m: float) -> Check:
    """Whether a subject whose longest side is ``size_m`` is as large as those of ``model``."""
    from engine.surface.sizes import sizes_m

    low, high = sizes_m(model)
    subjects = f"the {model.info.category} of {model.info.name} are {_range(low, high)}"
    text = f"the subject measures {length(size_m)}; {subjects}"
    if size_m < _TOO_SMALL * low:
        return Check("bad", Notice(text, remedy("correct {}, or open a model of what is seen", Setting.DEPTH_UNITS)))
    if size_m > _TOO_LARGE * high:
        parts = Setting.DEPTH_RANGE, Setting.REMOVE_PLANES, Setting.DEPTH_UNITS
        return Check("warn", Notice(text, remedy("leave out what is around it by {} or {}, or correct {}", *parts)))
    return Check("good", Notice(text))


def looks_like_another(
    model: NeuralParametricModel, sequence: DepthSequence, depth_m: NDArray[np.float32]
) -> Check | None:
    """That an image ``depth_m`` (H, W) shows a person, and ``model`` is one of smaller things; None where it is not so.

    What is about as large as the subjects of ``model`` is not looked at.
    """
    from engine.models.checkpoint import load_model

    cube_m = 1 / model.info.similarity.scale
    points = point_image(depth_m, sequence.camera)[depth_m > 0]
    if model.coordinate_network is None or not len(points):
        return None
    low, high = np.quantile(points, (0.05, 0.95), axis=0)
    if (high - low).max() < _TIMES_THE_CUBE * cube_m:
        return None
    folder = resources.demo_model()
    bodies = load_model(folder, model.device)
    is_larger = bodies.info.similarity.scale < model.info.similarity.scale
    if bodies.info.category == model.info.category or not is_larger or not _sees(bodies, sequence, depth_m):
        return None
    text = f"what is seen looks like {bodies.info.category}, and {model.info.name} knows {model.info.category}"
    return Check("bad", Notice(text, remedy("open the model {}", folder.stem)), folder)


def length(metres: float) -> str:
    """In a unit that gives numbers one can imagine."""
    return f"{100 * metres:.0f} cm" if metres < 0.5 else f"{metres:.2f} m"


def _range(low: float, high: float) -> str:
    return f"{100 * low:.0f} to {100 * high:.0f} cm" if high < 0.5 else f"{low:.2f} to {high:.2f} m"


def _sees(model: NeuralParametricModel, sequence: DepthSequence, depth_m: NDArray[np.float32]) -> bool:
    from engine.sequences.subject_following import SubjectFollower

    one = sequence.subset([0])
    found = next(iter(SubjectFollower(one, model)([depth_m])), ())
    return bool(found) and found[0] is not None and found[0].sureness >= _LOOKS_SO
