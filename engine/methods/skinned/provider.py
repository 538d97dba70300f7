"""Where body models come from: registered under ``npm_studio.bodies``, as the files of body models are known outside.

A package adds one by naming an object of this form in its metadata::

    [project.entry-points."npm_studio.bodies"]
    mine = "my_package.body:BODY"
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.core.errors import ConfigField, InputError
from engine.core.registry import BODIES, load, registered

if TYPE_CHECKING:
    from engine.geometry.similarity import Similarity
    from engine.methods.skinned.body import SkinnedBody
    from engine.models.labels import SideWord


@dataclass(frozen=True)
class WantedBody:
    """What a fit asks for."""

    category: str
    """What the neural parametric model is of that finds the subject, such as ``human bodies``"""
    side: SideWord | None
    """Of a hand: which one"""
    similarity: Similarity
    """World to the canonical space of that model"""
    file: Path | None
    """Of the body model, where one was stated"""


class BodyProvider(Protocol):
    """A body model."""

    @property
    def id(self) -> str:
        """The name that it is registered by."""

    def load(self, wanted: WantedBody) -> SkinnedBody:
        """The body.

        Raises:
            InputError: it is of something else, or what it needs is missing; the line says how to get it.
        """


def load_body(name: str, wanted: WantedBody) -> SkinnedBody:
    """The body model that is registered under ``name``.

    Raises:
        InputError: there is none, or it cannot be had.
    """
    if name not in registered(BODIES):
        raise InputError(ConfigField("body", name), "is not installed", f"use one of {', '.join(registered(BODIES))}")
    provider: BodyProvider = load(BODIES, name)
    return provider.load(wanted)
