"""What codes belong to: a model's description, its training identities and frames, and finding them by name."""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from engine.core.errors import InputError
from engine.geometry.similarity import Similarity

SideWord = Literal["left", "right"]
UNLABELLED = "unlabelled"
"""Sequence of frames of which nobody said whose they are; see `FrameLabel.owner`."""


@dataclass(frozen=True)
class FrameLabel:
    """Which training frame a pose code belongs to."""

    identity: int
    """Index of the identity; 0 where nobody said it."""
    sequence: str
    sample: str
    """Name of the frame inside its sequence: six digits."""

    @property
    def owner(self) -> int | None:
        """Index of the identity that it is one of; None where nobody said it, and it serves every one."""
        return None if self.sequence == UNLABELLED else self.identity

    def of(self, identity: int) -> bool:
        """Whether the frame is one of ``identity``, or serves every one."""
        return self.owner in (identity, None)

    def __str__(self) -> str:
        return f"{self.sequence}/{self.sample}"


@dataclass(frozen=True)
class ModelInfo:
    """What a model is, apart from its numbers."""

    name: str
    category: str = "unknown"
    """What it is a model of, in plain words: "human bodies"."""
    licence: str = "unknown"
    similarity: Similarity = Similarity()
    """Between world metres and canonical space."""
    identities: tuple[str, ...] = ()
    """Name of the training identity of each shape code."""
    identity_datasets: tuple[str, ...] = ()
    """Dataset that each identity is from; empty in models that do not say."""
    frames: tuple[FrameLabel, ...] = ()
    """Training frame of each pose code."""
    training: dict[str, Any] = field(default_factory=dict)
    """Data, configuration and final metrics of each training stage."""

    @property
    def side(self) -> SideWord | None:
        """Of the hands that it knows, as the recipe of its data says; None where it has learned both or none."""
        recipe = self.training.get("recipe")
        side = recipe.get("side") if isinstance(recipe, dict) else None
        return side if side in ("left", "right") else None

    def frames_of(self, identity: int) -> list[int]:
        """Places in `frames` of those of ``identity``, in training order."""
        return sorted([*self._frames_by_owner.get(identity, ()), *self._frames_by_owner.get(None, ())])

    @cached_property
    def _frames_by_owner(self) -> dict[int | None, list[int]]:
        found = defaultdict(list)
        for place, frame in enumerate(self.frames):
            found[frame.owner].append(place)
        return dict(found)


def find_name(names: tuple[str, ...] | list[str], wanted: str | int, what: str) -> int:
    """Position of ``wanted`` (a name, or an index given as a number or its digits) in ``names``.

    Raises:
        InputError: there is no such entry; ``what`` says where the name came from.
    """
    if isinstance(wanted, str) and wanted in names:
        return names.index(wanted)
    try:
        index = int(wanted)
    except ValueError:
        index = -1
    if not 0 <= index < len(names):
        known = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise InputError(f"{what} {wanted}", "does not exist", f"use 0 to {len(names) - 1} or one of {known}")
    return index
