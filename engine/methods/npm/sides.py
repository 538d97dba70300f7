"""Left hands by a model of right ones: what is mirrored, and how that is known.

A network that has learned to tell mirrored subjects looks at the recording and at its mirror image. Half the difference
of what it says of the two, in log odds, is free of how often it has seen either side in training.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.core.errors import ConfigField, InputError, Notice, remedy
from engine.core.progress import Progress
from engine.methods.npm.observations import Observations
from engine.methods.npm.observing import observe
from engine.methods.run import SIDE
from engine.models.labels import SideWord
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mirroring import mirrored_sequence

CERTAIN = 1.0
"""Mean log odds of the frames from which a side is called certain."""
_FRAMES = 16
"""Looked at in the mirror, evenly spread."""
_OTHER: dict[SideWord, SideWord] = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Side:
    """Which side a subject was taken for."""

    word: Literal["left", "right", "uncertain"]
    """What it is."""
    fitted: SideWord
    """What it was fitted as."""
    how: str
    """How that is known, in words"""

    is_mirrored: bool = False
    """Whether it is of the other side than the model, so that codes are those of its mirror image"""

    def as_dict(self) -> dict[str, str | bool]:
        return {"word": self.word, "fitted": self.fitted, "how": self.how, "mirrored": self.is_mirrored}


@dataclass(frozen=True, eq=False)
class SidedObservations:
    """What is fitted."""

    observations: Observations
    source: DepthSequence
    """What they are of: the recording, or its mirror image."""
    side: Side | None
    """None for models of what has no sides."""

    @property
    def is_mirrored(self) -> bool:
        return self.side is not None and self.side.is_mirrored


def observe_side(
    source: DepthSequence,
    model: NeuralParametricModel,
    wanted: Literal["auto", "left", "right"],
    seed: int,
    progress: Progress,
) -> SidedObservations:
    """Read ``source``, or its mirror image where it shows a hand of the other side than those of ``model``.

    A side that is uncertain is taken to be that of the model, with a warning.

    Raises:
        InputError: a frame cannot be read, or none shows the subject; or a side is wanted of a model that has none.
        Cancelled: asked to stop.
    """
    own = model.info.side
    if own is None:
        if wanted != "auto":
            problem = f"model {model.info.name} does not say of which side it is"
            raise InputError(ConfigField(SIDE, wanted), problem, "leave it out, or use a model of hands")
        return SidedObservations(observe(source, model, seed=seed, progress=progress), source, None)
    mirror = mirrored_sequence(source, model.info.similarity.centre[0])
    if wanted != "auto":
        side = Side(wanted, wanted, "as stated", wanted != own)
        taken = mirror if side.is_mirrored else source
        return SidedObservations(observe(taken, model, seed=seed, progress=progress), taken, side)
    plain = observe(source, model, seed=seed, progress=progress)
    if plain.mirrored is None:
        side = Side("uncertain", own, "the model cannot tell sides")
    else:
        side = told(log_odds(plain, mirror, model, seed), own)
    if side.word == "uncertain":
        text = f"whether it is a left or a right hand is uncertain, {side.how}: it is taken for a {own} one"
        progress.notice(Notice(text, remedy("if it is not, state {}", ConfigField(SIDE, _OTHER[own]))))
    if not side.is_mirrored:
        return SidedObservations(plain, source, side)
    return SidedObservations(observe(mirror, model, seed=seed, progress=progress), mirror, side)


def log_odds(plain: Observations, mirror: DepthSequence, model: NeuralParametricModel, seed: int) -> float:
    """Mean log odds, over frames that show the subject in both, that it is of the other side than the model's."""
    assert plain.mirrored is not None
    seen = plain.seen.nonzero()[:, 0].tolist()
    frames = [seen[row] for row in np.unique(np.linspace(0, len(seen) - 1, _FRAMES).round().astype(int))]
    try:
        there = observe(mirror.subset(frames), model, points_per_frame=1, seed=seed)
    except InputError:  # in the mirror it looks like nothing
        return -np.inf
    assert there.mirrored is not None
    return float(((plain.mirrored[frames] - there.mirrored) / 2).nanmean())


def told(odds: float, own: SideWord) -> Side:
    """The side of a subject from the log ``odds`` that it is not that of the model, its ``own``."""
    words = f"{np.exp(min(abs(odds), 20.0)):.3g} to 1"
    if not abs(odds) >= CERTAIN:  # nor where it is unknown
        return Side("uncertain", own, f"the network says {words}" if np.isfinite(odds) else "nothing tells")
    word = _OTHER[own] if odds > 0 else own
    return Side(word, word, f"by the network, {words}", word != own)
